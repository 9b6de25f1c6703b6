-- W3: the scheduler meant 1 + width bundles, the cluster launched max(width, 1):
-- width 0 and width 1 were the same, so the second task of two had no room.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources

describe("W3: a width", function()
  it("means so many more than one, for requirements and clusters", function()
    local clock = sched.clock.virtual {}
    local cluster = sched.cluster.sim { clock = clock }
    for width = 0, 5 do
      local q = sched.requirements { min = R { cpu = 3, mem = 7 },
        width = width }
      local a = cluster:allocate({ min = q.min, width = q.width, count = 1 },
        {})
      assert.equal(q:max(), a:resources())
      assert.equal(R { cpu = 3 * (1 + width), mem = 7 * (1 + width) },
        q:max())
    end
  end)

  it("brings exactly what n equal tasks need, for every n", function()
    for n = 1, 12 do
      local s, clock, cluster = world.sim({ startup = 60 },
        { max_pending_allocs = 20 })
      local tasks = world.tasks(n, { cpu = 4, mem = 100 },
        { expected_duration = 600 })
      s:submit(tasks)
      sched.taskset(unpack(tasks)):wait()
      local sum = R {}
      for _, row in ipairs(cluster:allocs()) do
        sum = sum + row.resources
      end
      assert.equal(R { cpu = 4 * n, mem = 100 * n }, sum)
      assert.is_true(clock:now() < 662,
        ("%d tasks took %g s: not all ran at once"):format(n, clock:now()))
    end
  end)

  it("asks in total for what the tasks need", function()
    for n = 1, 8 do
      local s, clock, fake = world.manual()
      s:submit(world.tasks(n, { cpu = 2 }))
      clock:advance(1)
      assert.equal(R { cpu = 2 * n }, world.asked(world.requests(fake)))
    end
  end)
end)
