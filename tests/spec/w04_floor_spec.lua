-- W4: the smallest request raised the bundle but not the width: 100 tasks of
-- a tenth of a cpu asked for 100 cpus.

local world = require "support.sched_world"

local function asked(packing)
  local s, clock, fake = world.manual {
    packing = packing, max_pending_allocs = 200,
    min_alloc = { cpu = 1, mem = "1GiB", disk = "1GiB" },
  }
  s:submit(world.tasks(100, { cpu = 0.1, mem = "100MiB" }))
  clock:advance(1)
  return world.asked(world.requests(fake)), s, fake
end

describe("W4: the floor of a request", function()
  it("is filled with tasks before another is asked for", function()
    local total = asked "default"
    assert.is_true(total.cpu >= 10 and total.cpu <= 11, tostring(total))
    assert.is_true(total.mem <= 11 * 2 ^ 30, tostring(total))
  end)

  it("was taken once for each task in the original", function()
    assert.equal(100, asked("reflow").cpu)
  end)

  it("still is a floor: one small task asks for all of it", function()
    local s, clock, fake = world.manual {
      min_alloc = { cpu = 1, mem = "1GiB", disk = "1GiB" },
    }
    s:submit(world.task { cpu = 0.1, mem = "1MiB" })
    clock:advance(1)
    local req = fake:next_request(0)
    assert.equal(1, req.min.cpu)
    assert.equal(2 ^ 30, req.min.mem)
    assert.equal(2 ^ 30, req.min.disk)
    assert.equal(0, req.width)
  end)
end)
