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

describe("W9: data", function()
  it("draws a task to where it lies, if the policy wants it", function()
    assert.equal("b", alloc_of(placed(policy_file(near))))
  end)

  it("is not looked at by the original: best fit takes the other", function()
    assert.equal("a", alloc_of(placed "reflow"))
  end)
end)
