-- W20: an idle alloc that was given back could still get tasks, which were
-- lost at once; and idle time was up to one and a half times the setting.

local world = require "support.sched_world"

local IDLE = 60

-- An alloc that falls idle at the time that is returned.
local function idle(opts)
  opts = opts or {}
  opts.max_alloc_idle_time = IDLE
  local s, clock, fake = world.manual(opts)
  local t = world.task { cpu = 1 }
  s:submit(t)
  local a, freed = fake:alloc("a", { cpu = 4 }), {}
  local free = a.free
  a.free = function(self)
    freed[#freed + 1] = clock:now()
    clock:sleep(5)
    return free(self)
  end
  fake:next_request("1s"):grant(a)
  assert.is_true(t:wait("running", "1s"))
  clock:advance(17.3)
  a:exec(t:id()):complete()
  assert.is_true(t:wait("done", "1s"))
  return s, clock, fake, a, freed, clock:now()
end

describe("W20: an idle alloc", function()
  it("is given back when its time is up, to the millisecond", function()
    local _, clock, _, _, freed, since = idle()
    clock:advance(IDLE - 0.001)
    assert.same({}, freed)
    clock:advance(0.002)
    assert.equal(1, #freed)
    assert.is_near(since + IDLE, freed[1], 0.0011)
    clock:advance(600)
    assert.equal(1, #freed)
  end)

  it("was given back at the next tick in the original", function()
    local _, clock, _, _, freed, since = idle { packing = "reflow" }
    clock:advance(3 * IDLE)
    assert.equal(1, #freed)
    assert.is_true(freed[1] - since > IDLE + 0.01)
    assert.is_true(freed[1] - since <= 1.5 * IDLE + 0.01)
  end)

  it("takes nothing while it is given back", function()
    local s, clock, fake, a = idle()
    clock:advance(IDLE + 1)
    assert.equal("draining", s:allocs({ id = "a" })[1].state)
    local t = world.task { cpu = 1 }
    s:submit(t)
    local req = fake:next_request("1s")
    assert.truthy(req)
    assert.equal(1, a:calls "put")
    req:grant(fake:alloc("b", { cpu = 1 }))
    assert.is_true(t:wait("running", "1s"))
    clock:advance(10)
    assert.equal("running", t:state())
    assert.equal(0, t:attempt())
  end)

  it("is kept by a task that comes just in time", function()
    local s, clock, _, a, freed = idle()
    clock:advance(IDLE - 0.001)
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("running", 0.01))
    clock:advance(600)
    assert.same({}, freed)
    assert.truthy(a:exec(t:id()))
  end)
end)
