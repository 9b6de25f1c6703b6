-- W19: after a Canceled or Net error of a task its alloc left the live set and
-- was never freed, though its lease was kept alive.

local sched = require "neap.sched"
local world = require "support.sched_world"

local IDLE = 60

-- A task is lost on alloc "a" by an error of its exec, while the keepalives of
-- the alloc go on well, or hang.
local function lost(kind, hang)
  local s, clock, fake = world.manual { max_alloc_idle_time = IDLE }
  local t = world.task { cpu = 1 }
  s:submit(t)
  local a = fake:alloc("a", { cpu = 1 })
  local put = a.put
  a.put = function(self, id, config)
    local x, err = put(self, id, config)
    if x then
      x.wait = function()
        return nil, sched.errors.new(kind, "connection reset")
      end
    end
    return x, err
  end
  fake:next_request("1s"):grant(a)
  assert.is_true(t:wait("running", "1s"))
  if hang then
    a:hang_keepalive()
  end
  local req = fake:next_request("1m")
  assert.equal("init", t:state())
  assert.equal(1, t:attempt())
  a.put = put
  return s, clock, fake, t, a, req
end

describe("W19: an alloc that a task was lost on", function()
  for _, kind in ipairs { "Net", "Canceled", "Timeout", "Unavailable" } do
    it("is freed when it stays idle: " .. kind, function()
      local s, clock, fake, t, a, req = lost(kind)
      req:grant(fake:alloc("b", { cpu = 1 }))
      assert.is_true(t:wait("running", "10s"))
      clock:advance(IDLE + 60)
      assert.equal(1, a:calls "free")
      assert.equal("running", t:state())
      local live = s:allocs { state = "live" }
      assert.equal(1, #live)
      assert.equal("b", live[1].id)
    end)
  end

  it("takes other tasks once a keepalive has succeeded", function()
    local s, clock, _, t, a = lost "Net"
    clock:advance(40)
    local other = world.task { cpu = 1 }
    s:submit(other)
    assert.is_true(other:wait("running", "1m"))
    assert.truthy(a:exec(other:id()))
    assert.equal("init", t:state())
  end)

  it("is suspect until then, and takes nothing", function()
    local s, clock, _, _, a = lost("Net", true)
    local before = a:calls "put"
    local other = world.task { cpu = 1 }
    s:submit(other)
    clock:advance(1)
    assert.equal("init", other:state())
    assert.equal(before, a:calls "put")
    clock:advance(120)
    assert.equal(0, #s:allocs { state = "live" })
  end)
end)
