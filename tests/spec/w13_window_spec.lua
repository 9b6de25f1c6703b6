-- W13: the batching window began anew with each submission and blocked the
-- loop: under steady submission nothing was ever asked for.

local world = require "support.sched_world"

describe("W13: the batching window", function()
  it("is measured from the first submission", function()
    local s, clock, fake = world.manual { drain_timeout = "50ms" }
    local begun, asked = clock:now(), nil
    for _ = 1, 100 do
      s:submit(world.task { cpu = 1 })
      clock:advance(0.02)
      if not asked and fake:pending() > 0 then
        asked = clock:now() - begun
      end
    end
    assert.truthy(asked, "nothing was asked for within 2 s")
    assert.is_true(asked <= 0.0601, ("first request after %g s"):format(asked))
  end)

  it("packs what comes within it", function()
    local s, clock, fake = world.manual { drain_timeout = "50ms" }
    for _ = 1, 4 do
      s:submit(world.task { cpu = 1 })
      clock:advance(0.01)
    end
    assert.equal(0, fake:pending())
    clock:advance(0.02)
    assert.equal(1, fake:pending())
    assert.equal(4, world.asked(world.requests(fake)).cpu)
  end)

  it("can be switched off", function()
    local s, clock, fake = world.manual { drain_timeout = 0 }
    s:submit(world.task { cpu = 1 })
    clock:advance(0)
    assert.equal(1, fake:pending())
  end)

  it("holds up nothing else: returns, deaths and idle allocs", function()
    local s, clock, fake = world.manual {
      drain_timeout = "10s", max_alloc_idle_time = 2,
    }
    local tasks = world.tasks(3, { cpu = 1 })
    s:submit(tasks)
    local a = fake:alloc("a", { cpu = 3 })
    fake:next_request("11s"):grant(a)
    assert.is_true(tasks[3]:wait("running", "1s"))
    s:submit(world.task { cpu = 16 })
    for _, t in ipairs(tasks) do
      a:exec(t:id()):complete()
    end
    for _ = 1, 8 do
      s:submit(world.task { cpu = 16 })
      clock:advance(0.5)
    end
    assert.equal(0, fake:pending())
    assert.equal(3, world.count(tasks, "done"))
    assert.equal(0, #s:allocs { state = "live" })
    assert.equal(1, a:calls "free")
  end)
end)
