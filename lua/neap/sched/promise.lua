--- Promises: values that somebody waits for.
--
-- A promise belongs to a clock, and is resolved once. Those who wait go on in
-- the same instant, in the order in which they began to wait. Whoever waits is
-- in `waiters`: a coroutine, a mark of the main chunk, or a timer that stands
-- for one of them when the wait has an end. A timer that fires leaves the list
-- and a promise that is resolved stops its timers, so nobody is woken twice.

local errors = require "neap.sched.errors"

local promise = {}

local Promise = {}
Promise.__index = Promise

local type, select, unpack = type, select, unpack
local running, yield = coroutine.running, coroutine.yield

--- A promise of `clock`.
function promise.new(clock)
  return setmetatable({
    clock = clock, done = false, n = 0, v1 = nil, v2 = nil, waiter = nil,
  }, Promise)
end

local function add_waiter(p, waiter)
  local waiters = p.waiters
  if waiters then
    waiters[#waiters + 1] = waiter
  elseif p.waiter then
    p.waiters = { p.waiter, waiter }
  else
    p.waiter = waiter
  end
end

local function remove_waiter(p, waiter)
  local waiters = p.waiters
  if waiters then
    for i = 1, #waiters do
      if waiters[i] == waiter then
        table.remove(waiters, i)
        return
      end
    end
  elseif p.waiter == waiter then
    p.waiter = nil
  end
end

local function wake(clock, waiter)
  if type(waiter) == "table" and waiter.time then
    clock.timers:remove(waiter)
    waiter = waiter.wakes
  end
  clock:push(waiter)
end

local function wake_all(p)
  local waiters, clock = p.waiters, p.clock
  if waiters then
    for i = 1, #waiters do
      wake(clock, waiters[i])
    end
  elseif p.waiter then
    wake(clock, p.waiter)
  end
  p.waiters, p.waiter = nil, nil
end

--- Give the promise its values. The first time counts.
-- @return false when it had been resolved
function Promise:resolve(...)
  if self.done then
    return false
  end
  local n = select("#", ...)
  self.done, self.n, self.v1, self.v2 = true, n, ...
  if n > 2 then
    self.rest = { ... }
  end
  if self.waiter or self.waiters then
    wake_all(self)
  end
  return true
end

local function values(p)
  local n = p.n
  if n == 1 then
    return p.v1
  elseif n == 2 then
    return p.v1, p.v2
  elseif n == 0 then
    return
  end
  return unpack(p.rest, 1, n)
end

local function timed_out(seconds)
  return nil, errors.new("Timeout", "nothing came within %g s", seconds)
end

-- Wait in a coroutine. It may be resumed by others than the clock, hence the
-- loops.
local function wait_here(p, seconds)
  local co = running()
  if not seconds then
    add_waiter(p, co)
    repeat
      yield()
    until p.done
    return values(p)
  end
  local timer = p.clock:wake_after(seconds, co)
  timer.promise = p
  add_waiter(p, timer)
  repeat
    yield()
  until p.done or timer.fired
  if p.done then
    return values(p)
  end
  return timed_out(seconds)
end

local DEADLOCK = "deadlock: the main chunk waits without a timeout, nothing is"
  .. " ready and no timer is set, so nobody can ever wake it; resolve the"
  .. " promise first, or give a timeout"

-- Wait in the main chunk: turn the clock.
local function wait_turning(p, seconds)
  local clock = p.clock
  local mark, timer = clock:mark("wait"), nil
  local waiter = mark
  if seconds then
    timer = clock:wake_after(seconds, mark)
    timer.promise, waiter = p, timer
  end
  add_waiter(p, waiter)
  local ok, err = clock:turn(mark)
  if not ok then
    remove_waiter(p, waiter)
    if timer then
      clock.timers:remove(timer)
    end
    if err == nil then
      errors.raise(DEADLOCK)
    end
    error(err, 0)
  elseif p.done then
    return values(p)
  end
  return timed_out(seconds)
end

--- Wait for the values. ⏸
-- @param timeout  seconds, or a text such as "1m"; default: for ever
-- @return the values, or nil and an error of kind Timeout
function Promise:wait(timeout)
  if self.done then
    return values(self)
  end
  local clock = self.clock
  if timeout ~= nil then
    timeout = clock.seconds(timeout, "timeout")
  end
  if clock.turns_here() then
    return wait_turning(self, timeout)
  end
  return wait_here(self, timeout)
end

--- The time of a waiter is over: called by the clock.
function promise.expire(timer)
  remove_waiter(timer.promise, timer)
end

promise.Promise = Promise

return promise
