-- W30: a machine made no offer at all once one of mem, cpu and disk was exactly
-- zero, but did when one was negative; and leases began expired.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources

describe("W30: what fits", function()
  it("is decided by one rule: each label on its own", function()
    assert.is_true(R { cpu = 4 }:available(R { cpu = 4 }))
    assert.is_true(R { cpu = 4 }:available(R { cpu = 1, disk = 0 }))
    assert.is_true((R { cpu = 4 } - R { cpu = 4 }):available(R {}))
    assert.is_false((R { cpu = 4 } - R { cpu = 4 }):available(R { cpu = 1 }))
    assert.is_false((R { cpu = 4 } - R { cpu = 5 }):available(R { cpu = 1 }))
    assert.is_false((R { mem = 4 } - R { mem = 5 }):available(R { mem = 1 }))
  end)

  it("fits on machines without disk, up to the last core", function()
    local s, _, cluster = world.sim {
      menu = { { name = "diskless", max = 1,
        resources = { cpu = 4, mem = 400 } } },
    }
    local tasks = world.tasks(4, { cpu = 1, mem = 100 },
      { expected_duration = 60 })
    s:submit(tasks)
    for _, t in ipairs(tasks) do
      assert.is_true(t:wait("running", "1s"))
    end
    local row = s:allocs()[1]
    assert.equal(0, row.free.cpu)
    assert.equal(0, row.free.mem)
    assert.equal(4, row.ntasks)
    assert.equal(1, #cluster:allocs())
  end)

  it("still fits when one label is used up and is not needed", function()
    local s, _, fake = world.manual()
    local all = world.task { cpu = 1, mem = 100, disk = 10 }
    s:submit(all)
    fake:next_request("1s"):grant(
      fake:alloc("a", { cpu = 4, mem = 100, disk = 10 }))
    assert.is_true(all:wait("running", "1s"))
    local more = world.task { cpu = 3 }
    s:submit(more)
    assert.is_true(more:wait("running", "1s"))
    assert.equal(0, fake:pending())
  end)

  it("in fractions adds up exactly", function()
    local s, clock = world.sim {
      menu = { { name = "m", resources = { cpu = 1 }, max = 1 } },
    }
    local tasks = world.tasks(10, { cpu = 0.1 }, { expected_duration = 60 })
    s:submit(tasks)
    clock:advance(1)
    assert.equal(10, world.count(tasks, "running"))
    assert.equal(0, s:allocs()[1].free.cpu)
  end)

  it("begins with a lease that runs", function()
    local s, clock, cluster = world.sim { lease = 40 }
    local t = world.task({ cpu = 1 }, { expected_duration = 1000 })
    s:submit(t)
    clock:advance(900)
    assert.equal("live", cluster:allocs()[1].state)
    assert.equal("running", t:state())
    assert.equal(0, t:attempt())
  end)
end)
