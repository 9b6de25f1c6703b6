-- W9: allocs hold inputs that others loaded, but assignment did not know; a
-- policy must see how many bytes of a task's inputs an alloc has.

local sched = require "neap.sched"
local world = require "support.sched_world"

local near = [[
  local policy = require "neap.policy"
  return policy.pack "near" {
    api = 1,
    cost = function(task, alloc)
      return -alloc:local_bytes(task)
    end,
  }]]

local function policy_file(text)
  local path = os.tmpname() .. ".lua"
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  finally(function() os.remove(path) end)
  return path
end

-- Two allocs, of which the second holds the input of a task that runs there.
local function placed(packing)
  local repo = sched.repository.memory()
  local s, clock, fake = world.manual {
    packing = packing, repository = repo, max_pending_allocs = 1,
  }
  local data = ("x"):rep(1000)
  local fs = sched.fileset { big = { id = repo:put(data), size = #data } }
  local args = { { fileset = fs } }
  local full = world.task { cpu = 8 }
  s:submit(full)
  fake:next_request("1s"):grant(fake:alloc("a", { cpu = 8 }))
  assert.is_true(full:wait("running", "1s"))
  local first = world.task({ cpu = 1 }, { args = args })
  s:submit(first)
  fake:next_request("1s"):grant(fake:alloc("b", { cpu = 16 }))
  assert.is_true(first:wait("running", "1s"))
  s:cancel(full, "to make room on the smaller alloc")
  clock:advance(1)
  assert.equal("done", full:state())
  local second = world.task({ cpu = 1 }, { args = args })
  s:submit(second)
  assert.is_true(second:wait("running", "1s"))
  return s:tasks({ state = "running" }), second:id()
end

local function alloc_of(rows, id)
  for _, row in ipairs(rows) do
    if row.id == id then
      return row.alloc
    end
  end
end

-- Two allocs that hold one input each; tasks of one kind that read either.
local function sorted_by_data(packing)
  local repo = sched.repository.memory()
  local s, clock, fake = world.manual {
    packing = packing, repository = repo, max_pending_allocs = 1,
  }
  local function reading(text, cpu)
    local fs = sched.fileset { f = { id = repo:put(text), size = #text } }
    return world.task({ cpu = cpu }, { args = { { fileset = fs } } })
  end
  for _, text in ipairs { "one", "two" } do
    local t = reading(text, 8)
    s:submit(t)
    local a = fake:alloc(text, { cpu = 8 })
    fake:next_request("1s"):grant(a)
    assert.is_true(t:wait("running", "1s"))
  end
  for _, a in ipairs(fake:allocs()) do
    a:execs()[1]:complete()
  end
  clock:advance(1)
  local tasks = {}
  for i = 1, 8 do
    tasks[i] = reading(i % 2 == 0 and "one" or "two", 1)
  end
  s:submit(tasks)
  clock:advance(1)
  local wrong = 0
  for i, t in ipairs(tasks) do
    assert.equal("running", t:state())
    local row = s:tasks({ id = t:id() })[1]
    wrong = wrong + (row.alloc == (i % 2 == 0 and "one" or "two") and 0 or 1)
  end
  return wrong
end

describe("W9: data", function()
  it("draws a task to where it lies, if the policy wants it", function()
    assert.equal("b", alloc_of(placed(policy_file(near))))
  end)

  it("draws each of many tasks to its own", function()
    assert.equal(0, sorted_by_data(policy_file(near)))
  end)

  it("is not looked at by the original: best fit takes the other", function()
    assert.equal("a", alloc_of(placed "reflow"))
    assert.is_true(sorted_by_data "reflow" > 0)
  end)
end)
