local neap = require "neap"

local clocks = require "neap.sched.clock"

-- Fibers, the main thread and clocks: who waits does not hold up the others.
local function history(clock)
  local log, p = {}, clock:promise()
  local function note(text)
    log[#log + 1] = text
  end
  local fibers = {
    neap.spawn(function()
      clock:sleep(0.04)
      note "sleeper"
    end),
    neap.spawn(function()
      note("waiter " .. p:wait(5))
    end),
    neap.spawn(function()
      neap.sleep(0.01)
      note "resolver"
      p:resolve "v"
    end),
    neap.spawn(function()
      clock:sleep(0.06)
      note "last"
    end),
  }
  clock:after(0.02, function() note "timer" end)
  clock:sleep(0.03)
  note "main"
  for _, fiber in ipairs(fibers) do
    neap.await(fiber)
  end
  return log
end

describe("a real clock among fibers", function()
  it("lets them all go on, each at its time", function()
    assert.same({ "resolver", "waiter v", "timer", "main", "sleeper", "last" },
      history(clocks.real()))
  end)

  it("is turned by the next when the first has what it waited for", function()
    local clock, order = clocks.real(), {}
    for i, s in ipairs { 0.01, 0.03, 0.02 } do
      order[i] = neap.spawn(function()
        clock:sleep(s)
        return i
      end)
    end
    for i = 1, 3 do
      assert.equal(i, neap.await(order[i]))
    end
    assert.is_false(clock.turning)
    assert.same({}, clock.parked)
  end)

  it("wakes a fiber that sleeps on it for what becomes ready", function()
    local clock = clocks.real()
    local p = clock:promise()
    local begun = clock:now()
    local waiting = neap.spawn(function() return p:wait(30) end)
    local spawned = neap.spawn(function()
      neap.sleep(0.01)
      return clock:spawn(function() return "ran" end):wait(30)
    end)
    assert.equal("ran", neap.await(spawned))
    p:resolve "done"
    assert.equal("done", neap.await(waiting))
    assert.is_true(clock:now() - begun < 10)
  end)
end)

describe("a virtual clock among fibers", function()
  it("jumps in each of them", function()
    local clock, log = clocks.virtual {}, {}
    local fibers = {}
    for i = 1, 3 do
      fibers[i] = neap.spawn(function()
        clock:sleep(3600 * i)
        log[i] = clock:now()
      end)
    end
    for i = 1, 3 do
      neap.await(fibers[i])
    end
    assert.same({ 3600, 10800, 21600 }, log)
  end)
end)
