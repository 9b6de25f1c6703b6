-- W2: a pending request of width w counted as one bundle only, so each event
-- issued another request for the same tasks.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources

-- Four tasks, then a tiny one, then another; nothing is granted meanwhile.
local function asked(packing)
  local s, clock, fake = world.manual { packing = packing }
  s:submit(world.tasks(4, { cpu = 4, mem = 1024 }))
  clock:advance(1)
  for _ = 1, 2 do
    s:submit(world.task { cpu = 0.1, mem = 1024 })
    clock:advance(1)
  end
  return world.asked(world.requests(fake)), s
end

describe("W2: what is pending", function()
  it("counts as a whole: no second request for the same tasks", function()
    local total = asked "default"
    assert.is_true(R { cpu = 16.2, mem = 6 * 1024 }:available(total),
      tostring(total))
    assert.is_true(total:available(R { cpu = 16 }))
  end)

  it("counted as one bundle in the original", function()
    assert.is_true(asked("reflow").cpu >= 2 * 16)
  end)

  it("is asked again for only what is not covered", function()
    local s, clock, fake = world.manual()
    s:submit(world.tasks(4, { cpu = 4 }))
    clock:advance(1)
    assert.equal(R { cpu = 16 }, world.asked(world.requests(fake)))
    s:submit(world.tasks(2, { cpu = 4 }))
    clock:advance(1)
    assert.equal(R { cpu = 8 }, world.asked(world.requests(fake)))
    clock:advance(60)
    assert.same({}, world.requests(fake))
  end)

  it("leaves no alloc behind that nothing ever ran on", function()
    local s, clock, cluster = world.sim {
      startup = 60,
      menu = { { name = "m", resources = { cpu = 64, mem = "64GiB" } } },
    }
    local tasks = world.tasks(200, { cpu = 1, mem = "1GiB" },
      { expected_duration = 600 })
    s:submit(tasks)
    for _ = 1, 20 do
      s:submit(world.task({ cpu = 1, mem = 1 }, { expected_duration = 600 }))
      clock:advance(1)
    end
    sched.taskset(unpack(tasks)):wait()
    assert.equal(4, #cluster:allocs())
    for _, row in ipairs(cluster:allocs()) do
      assert.is_true(row.execs > 0)
    end
  end)
end)
