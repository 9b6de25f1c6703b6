-- W7: priority was only a sort key of assignment: requests were crafted without
-- it, nobody aged, and one run could take everything from another.

local world = require "support.sched_world"

-- A cluster whose requests stay open; `asked` is what it was asked for.
local function silent(clock)
  local c = { name = "c", asked = {} }
  function c.menu()
    return {
      { name = "plain", resources = { cpu = 16 }, price = 1 },
      { name = "gpu", resources = { cpu = 16, gpu = 1 }, price = 9 },
    }
  end
  function c.can_allocate()
    return true
  end
  function c:allocate(req, _, ctx)
    self.asked[#self.asked + 1] = req.shape
    local p = clock:promise()
    ctx:on_cancel(function() p:resolve(nil) end)
    return p:wait()
  end
  return c
end

local function policy_file(text)
  local path = os.tmpname() .. ".lua"
  local f = assert(io.open(path, "w"))
  f:write('local policy = require "neap.policy"\n', text)
  f:close()
  finally(function() os.remove(path) end)
  return path
end

-- One node that runs a task at a time.
local function one_node(opts)
  return world.sim({
    menu = { { name = "node", resources = { cpu = 1 }, max = 1 } },
  }, opts)
end

local minute = { expected_duration = 60 }

describe("W7: priority", function()
  it("decides what is asked for first when few requests may be open",
    function()
      local s, clock, cluster = world.own(silent, { max_pending_allocs = 1 })
      local tasks = world.tasks(5, { cpu = 16 })
      tasks[6] = world.task({ cpu = 1, gpu = 1 }, { priority = -10 })
      s:submit(tasks)
      clock:advance(1)
      assert.same({ "gpu" }, cluster.asked)
    end)

  it("may be changed while a task waits", function()
    local s, clock = one_node()
    local tasks = world.tasks(3, { cpu = 1 }, minute)
    s:submit(tasks)
    clock:advance(1)
    tasks[3].priority = -1
    assert.is_true(tasks[3]:wait("running", "70s"))
    assert.equal("init", tasks[2]:state())
  end)

  it("is fair between runs with a policy of eight lines", function()
    local fair = policy_file [[
      return policy.priority "fair" {
        api = 1,
        key = function(task, ctx)
          local n = (ctx.state[task.run] or 0) + 1
          ctx.state[task.run] = n
          return n, task.seq
        end,
      }]]
    local function place_of_b(opts)
      local s, clock = one_node(opts)
      local b = world.task({ cpu = 1 },
        { run_id = "b", expected_duration = 60 })
      s:submit(world.tasks(20, { cpu = 1 },
        { run_id = "a", expected_duration = 60 }))
      clock:advance(1)
      s:submit(b)
      b:wait("running")
      return math.floor(clock:now() / 60)
    end
    assert.equal(20, place_of_b {})
    assert.is_true(place_of_b { priority = fair } <= 2)
  end)

  it("grows with age with a policy that says so", function()
    local ageing = policy_file [[
      return policy.priority "ageing" {
        api = 1, refresh = 10,
        key = function(task)
          return task.priority - task.age / 600, task.seq
        end,
      }]]
    local function starts_within_an_hour(opts)
      local s, clock = one_node(opts)
      local low = world.task({ cpu = 1 }, { priority = 1 })
      s:submit(world.task({ cpu = 1 }, minute))
      clock:advance(1)
      s:submit(low)
      for _ = 1, 60 do
        s:submit(world.task({ cpu = 1 }, minute))
        clock:advance(60)
      end
      return low:state() == "done"
    end
    assert.is_false(starts_within_an_hour {})
    assert.is_true(starts_within_an_hour { priority = ageing })
  end)
end)
