-- W11: planning sorted all queued tasks and removed them one by one at each
-- event: twice the tasks, four times the work.
-- Times are compared with each other, never with a constant.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources

-- The least of three runs, in seconds of the processor.
local function time_of(fn)
  local best = math.huge
  for _ = 1, 3 do
    collectgarbage()
    local begun = os.clock()
    fn()
    best = math.min(best, os.clock() - begun)
  end
  return best
end

-- Twenty kinds of tasks, n tasks.
local function needs(n)
  local list = {}
  for i = 1, n do
    list[i] = R { cpu = 1 + i % 5, mem = (1 + i % 4) * 2 ^ 30 }
  end
  return list
end

local function run(n)
  local s = world.sim {
    menu = { { name = "m", resources = { cpu = 64 } } },
  }
  local tasks = world.tasks(n, { cpu = 1 })
  s:submit(tasks)
  for _, t in ipairs(tasks) do
    t:wait "done"
  end
end

describe("W11: the cost of planning", function()
  it("grows with the tasks and not with their square", function()
    local few, many = needs(2000), needs(32000)
    sched.craft(few)
    local small = time_of(function() sched.craft(few) end)
    local large = time_of(function() sched.craft(many) end)
    assert.is_true(large <= 48 * small + 0.002,
      ("16 x the tasks took %.1f x the time"):format(large / small))
  end)

  it("for a task does not depend on how many wait", function()
    run(500)
    local small = time_of(function() run(500) end)
    local large = time_of(function() run(8000) end)
    assert.is_true(large <= 48 * small,
      ("16 x the tasks took %.1f x the time"):format(large / small))
  end)

  it("does not come again for each event of a long queue", function()
    local s, clock = world.sim {
      menu = { { name = "m", resources = { cpu = 4 }, max = 1 } },
    }
    s:submit(world.tasks(5000, { cpu = 1 }, { expected_duration = 1 }))
    clock:advance(1)
    local function hundred()
      clock:advance(25)
    end
    local behind_many = time_of(hundred)
    clock:advance(1000)
    assert.is_true(s.stats:get().queued < 1000)
    local behind_few = time_of(hundred)
    assert.is_true(behind_many <= 5 * behind_few + 0.005,
      ("%.4f s behind 5000, %.4f s behind few"):format(behind_many,
        behind_few))
  end)
end)
