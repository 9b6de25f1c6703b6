-- W6: assignment stopped as soon as the first task of the queue fitted
-- nowhere, though later ones would have fitted on what stood idle.

local world = require "support.sched_world"

-- An alloc of 8 cpus with 7 idle, and `blocked` waiting in front of `small`.
local function starts(packing, blocked, small)
  local s, clock, fake = world.manual { packing = packing }
  local first = world.task { cpu = 1 }
  s:submit(first)
  fake:next_request("1s"):grant(fake:alloc("a", { cpu = 8, mem = "8GiB" }))
  assert.is_true(first:wait("running", "1s"))
  s:submit(blocked)
  clock:advance(1)
  s:submit(small)
  local started = small:wait("running", "10s")
  assert.equal("init", blocked:state())
  return started
end

local function urgent()
  return world.task({ cpu = 16 }, { priority = -1 }),
    world.task({ cpu = 1 }, { priority = 1 })
end

-- Smaller by the original's measure, but of more memory than the alloc has.
local function memory()
  return world.task { cpu = 1, mem = "32GiB" }, world.task { cpu = 6 }
end

describe("W6: a task that fits", function()
  it("starts behind an urgent one that does not", function()
    assert.is_true(starts("default", urgent()))
    assert.is_nil((starts("reflow", urgent())))
  end)

  it("starts behind one that needs more memory than there is", function()
    assert.is_true(starts("default", memory()))
    assert.is_nil((starts("reflow", memory())))
  end)

  it("does not keep a large one waiting for ever", function()
    local s, clock, cluster = world.sim {
      menu = { { name = "node", resources = { cpu = 8 }, max = 1 } },
    }
    local large = world.task({ cpu = 8 }, { expected_duration = 60 })
    s:submit(world.tasks(8, { cpu = 1 }, { expected_duration = 300 }))
    clock:advance(1)
    s:submit(large)
    -- more small work than the node can do, all the time
    for _ = 1, 120 do
      s:submit(world.tasks(16, { cpu = 1 }, { expected_duration = 300 }))
      clock:advance(300)
      if large:state() == "done" then
        break
      end
    end
    assert.equal("done", large:state())
    assert.is_true(s.stats:get().queued > 0, "there was always small work")
    assert.equal(1, #cluster:allocs())
    assert.is_true(clock:now() <= 3600, ("it took %d s"):format(clock:now()))
  end)
end)
