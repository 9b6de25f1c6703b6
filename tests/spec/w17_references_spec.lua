-- W17: a retried load took all references again: 279 instead of 159 while the
-- task ran, and 120 of them were left for ever after it was done.

local sched = require "neap.sched"
local world = require "support.sched_world"

local function files(repo, n, tag)
  local map = {}
  for i = 1, n do
    map["f" .. i] = { id = repo:put(tag .. i), size = #(tag .. i) }
  end
  return sched.fileset(map)
end

local function total(a)
  local sum = 0
  for _, n in pairs(a:refcounts()) do
    sum = sum + n
  end
  return sum
end

-- A task with inputs of 60 and of 99 files; loading the second fails n times.
local function started(n)
  local repo = sched.repository.memory()
  local s, clock, fake = world.manual { repository = repo }
  local few, many = files(repo, 60, "a"), files(repo, 99, "b")
  local t = world.task({ cpu = 1 }, {
    args = { { fileset = few }, { fileset = many } },
  })
  s:submit(t)
  local a, tries, tokens = fake:alloc("a", { cpu = 1 }), 0, {}
  local load = a.load
  a.load = function(self, from, fs, token)
    tokens[token] = true
    if fs == many and tries < n then
      tries = tries + 1
      return nil, sched.errors.new("Temporary", "not now")
    end
    return load(self, from, fs, token)
  end
  fake:next_request("1s"):grant(a)
  return t, a, tokens, s, clock
end

describe("W17: references", function()
  it("are taken once, however often a load is tried", function()
    local t, a, tokens, _, clock = started(2)
    assert.is_true(t:wait("running", "10s"))
    assert.equal(159, total(a))
    local n = 0
    for _ in pairs(tokens) do
      n = n + 1
    end
    assert.equal(2, n)
    a:exec(t:id()):complete()
    assert.is_true(t:wait("done", "10s"))
    assert.is_nil(t.err)
    clock:advance(1)
    assert.same({}, a:refcounts())
  end)

  it("go when the load fails for good", function()
    local t, a, _, _, clock = started(1000)
    assert.is_true(t:wait("done", "10s"))
    assert.equal("Temporary", t.err.kind)
    clock:advance(1)
    assert.same({}, a:refcounts())
  end)

  it("go when the task is cancelled while it runs", function()
    local t, a, _, s, clock = started(0)
    assert.is_true(t:wait("running", "10s"))
    assert.is_true(s:cancel(t, "no longer wanted"))
    assert.is_true(t:wait("done", "10s"))
    clock:advance(1)
    assert.same({}, a:refcounts())
  end)

  it("of outputs go as well, once", function()
    local t, a, _, _, clock = started(0)
    assert.is_true(t:wait("running", "10s"))
    local x = a:exec(t:id())
    local out = sched.fileset {
      o = { id = a:repository():put "output", size = 6 },
    }
    x:complete { fileset = out }
    assert.is_true(t:wait("done", "10s"))
    assert.equal(out, t.result.fileset)
    clock:advance(1)
    assert.same({}, a:refcounts())
  end)
end)
