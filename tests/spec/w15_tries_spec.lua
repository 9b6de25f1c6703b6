-- W15: five tries for all stages together without a pause between them, and
-- lost tasks that were tried again for ever, also those that kill their node.

local sched = require "neap.sched"
local world = require "support.sched_world"

-- The method fails the first n times; → times of its calls.
local function failing(clock, a, name, n, kind)
  local times, method = {}, a[name]
  a[name] = function(...)
    times[#times + 1] = clock:now()
    if #times <= n then
      return nil, sched.errors.new(kind or "Temporary", "not now")
    end
    return method(...)
  end
  return times
end

-- A task with an input, and an alloc "a" for it.
local function one(opts)
  local s, clock, fake = world.manual(opts)
  local repo = sched.repository.memory()
  local fs = sched.fileset { f = { id = repo:put "data", size = 4 } }
  local t = world.task({ cpu = 1 }, {
    args = { { fileset = fs } }, repository = repo,
  })
  s:submit(t)
  local req = fake:next_request("1s")
  local a = fake:alloc("a", { cpu = 1 })
  return s, clock, fake, t, req, a
end

describe("W15: tries", function()
  it("are five for each stage", function()
    local _, clock, _, t, req, a = one()
    local loads = failing(clock, a, "load", 4)
    local puts = failing(clock, a, "put", 4)
    req:grant(a)
    assert.is_true(t:wait("running", "1m"))
    assert.equal(5, #loads)
    assert.equal(5, #puts)
    assert.equal(0, t:attempt())
  end)

  it("end with the stage's last error", function()
    local _, clock, _, t, req, a = one()
    local puts = failing(clock, a, "put", 1000)
    req:grant(a)
    assert.is_true(t:wait("done", "1m"))
    assert.equal(5, #puts)
    assert.equal("Temporary", t.err.kind)
    assert.same({}, a:refcounts())
  end)

  it("come after growing pauses with some jitter", function()
    local _, clock, _, t, req, a = one()
    local puts = failing(clock, a, "put", 1000)
    req:grant(a)
    t:wait("done", "1m")
    local exact = true
    for i = 2, 5 do
      local want, pause = 0.02 * 2 ^ (i - 2), puts[i] - puts[i - 1]
      assert.is_true(pause >= 0.799 * want and pause <= 1.201 * want,
        ("pause %d is %g s"):format(i - 1, pause))
      exact = exact and math.abs(pause - want) < 1e-6
    end
    assert.is_false(exact)
  end)

  it("are not repeated for what no repetition can mend", function()
    for _, kind in ipairs { "NotExist", "Fatal", "Invalid",
      "NotSupported" } do
      local _, clock, _, t, req, a = one()
      local puts = failing(clock, a, "put", 1000, kind)
      req:grant(a)
      assert.is_true(t:wait("done", "1m"))
      assert.equal(1, #puts)
      assert.equal(kind, t.err.kind)
    end
  end)

  it("of a task that kills its node each time end after max_attempts",
    function()
      local s, clock, cluster = world.sim({
        fail = function(what)
          return what == "alloc" and "Fatal" or nil, 10
        end,
      }, { max_attempts = 3 })
      local lost = 0
      s:on("task.lost", function() lost = lost + 1 end)
      local t = world.task({ cpu = 1 }, { expected_duration = "1h" })
      s:submit(t)
      assert.is_true(t:wait("done", "10m"))
      assert.equal("TooManyTries", t.err.kind)
      clock:advance(1)
      assert.equal(3, lost)
      assert.equal(3, #cluster:allocs())
    end)
end)
