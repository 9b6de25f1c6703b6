-- W21: "lease gone" was retried for 26 s; with slow calls the retries outlasted
-- the lease, so tasks were placed on allocs that no longer existed.

local sched = require "neap.sched"
local world = require "support.sched_world"

local LEASE = 120

-- A task runs on an alloc whose keepalive succeeds once and then does `after`.
local function running(after)
  local s, clock, fake = world.manual()
  local t = world.task { cpu = 1 }
  s:submit(t)
  local a, calls = fake:alloc("a", { cpu = 1 }), {}
  a.keepalive = function(_, interval)
    calls[#calls + 1] = { at = clock:now(), interval = interval }
    if #calls == 1 then
      return LEASE
    end
    return after(clock, #calls - 1)
  end
  local lost
  s:on("task.lost", function() lost = lost or clock:now() end)
  fake:next_request("1s"):grant(a)
  assert.is_true(t:wait("running", "1s"))
  return s, clock, t, a, calls, function() return lost end
end

local function fails(kind)
  return function()
    return nil, sched.errors.new(kind, "on demand")
  end
end

describe("W21: a lease", function()
  for _, kind in ipairs { "NotExist", "Fatal" } do
    it("that is gone ends the alloc at once: " .. kind, function()
      local _, clock, t, a, calls, lost = running(fails(kind))
      clock:advance(2 * LEASE)
      assert.equal(2, #calls)
      assert.equal(calls[2].at, lost())
      assert.equal(1, t:attempt())
      assert.is_true(a:calls "free" <= 1)
    end)
  end

  for name, after in pairs {
    ["fail"] = fails "Temporary",
    ["never answer"] = function(clock) return clock:promise():wait() end,
    ["take ten seconds each"] = function(clock)
      clock:sleep(10)
      return nil, sched.errors.new("Timeout", "slow")
    end,
  } do
    it("ends when it is over, while its keepalives " .. name, function()
      local _, clock, _, _, calls, lost = running(after)
      clock:advance(3 * LEASE)
      local over = calls[1].at + LEASE
      assert.truthy(lost())
      assert.is_true(lost() <= over + 0.001,
        ("lost %g s after the end"):format(lost() - over))
      assert.is_true(lost() >= over - 30)
    end)
  end

  it("survives errors that pass before it is over", function()
    local _, clock, t, _, calls, lost = running(function(_, n)
      if n <= 3 then
        return nil, sched.errors.new("Unavailable", "for a moment")
      end
      return LEASE
    end)
    clock:advance(600)
    assert.is_nil(lost())
    assert.equal("running", t:state())
    assert.is_true(#calls > 5)
  end)

  it("is asked for two minutes and renewed before it ends", function()
    local _, clock, _, _, calls = running(function() return LEASE end)
    clock:advance(1000)
    for i, call in ipairs(calls) do
      assert.equal(120, call.interval)
      if i > 1 then
        local pause = call.at - calls[i - 1].at
        assert.is_true(pause >= 30 and pause <= LEASE - 10, pause)
      end
    end
  end)

  it("that was never granted ends after ten seconds", function()
    local s, clock, fake = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    local a = fake:alloc("a", { cpu = 1 })
    a:hang_keepalive()
    fake:next_request("1s"):grant(a)
    clock:advance(10.1)
    assert.equal(0, #s:allocs { state = "live" })
    assert.truthy(fake:next_request("10s"))
  end)
end)
