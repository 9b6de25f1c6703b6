-- W14: to make an alloc live its inspect was awaited inside the event loop: one
-- slow node stopped every decision.

local sched = require "neap.sched"
local world = require "support.sched_world"

local function never(clock)
  return function()
    return clock:promise():wait()
  end
end

-- An alloc one of whose methods never answers, and another that works.
local function beside(method)
  local s, clock, fake = world.manual { max_pending_allocs = 10 }
  local stuck, free = world.task { cpu = 2 }, world.task { cpu = 3 }
  s:submit(stuck)
  local req = fake:next_request("1s")
  local a = fake:alloc("stuck", { cpu = 2 })
  a[method] = never(clock)
  req:grant(a)
  clock:advance(0.01)
  s:submit(free)
  fake:next_request("1s"):grant(fake:alloc("free", { cpu = 3 }))
  return s, clock, stuck, free
end

describe("W14: an object that never answers", function()
  it("in inspect keeps nobody from running, also not there", function()
    local _, _, stuck, free = beside "inspect"
    assert.is_true(stuck:wait("running", "1s"))
    assert.is_true(free:wait("running", "1s"))
  end)

  for _, method in ipairs { "put", "keepalive" } do
    it("in " .. method .. " stops only what is on it", function()
      local s, _, _, free = beside(method)
      assert.is_true(free:wait("running", "1s"))
      local more = world.task { cpu = 1 }
      assert.equal(1, s:submit(more))
      assert.is_truthy(s:why(more).verdict)
    end)
  end

  it("in menu, can_allocate and allocate leaves other clusters usable",
    function()
      local clock = sched.clock.virtual {}
      local bad = { name = "bad" }
      bad.menu, bad.allocate = never(clock), never(clock)
      function bad.can_allocate()
        return true
      end
      local good = sched.cluster.sim { clock = clock, name = "good" }
      local s = sched.new {
        cluster = { bad, good }, clock = clock, min_alloc = {},
        repository = sched.repository.memory(),
      }
      s:start()
      local t = world.task { cpu = 1 }
      s:submit(t)
      assert.is_true(t:wait("done", "1m"))
      assert.equal(1, #good:allocs())
    end)

  it("in free does not hold up stop for longer than it is given", function()
    local s, clock, fake = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    local a = fake:alloc("a", { cpu = 1 })
    a.free = never(clock)
    fake:next_request("1s"):grant(a)
    assert.is_true(t:wait("running", "1s"))
    local begun = clock:now()
    local ok, err = s:stop { timeout = "30s" }
    assert.is_nil(ok)
    assert.truthy(tostring(err):find("a", 1, true))
    assert.is_true(clock:now() - begun <= 30.001)
    assert.equal("done", t:state())
  end)
end)
