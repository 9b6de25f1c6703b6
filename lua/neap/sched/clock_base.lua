--- What every clock does: coroutines, timers, waiting and random numbers.
--
-- The main chunk turns the clock while it waits; in a coroutine to wait is to
-- yield.

local errors = require "neap.sched.errors"
local fibers = require "neap.sched.clock_fibers"
local jobs = require "neap.sched.clock_jobs"
local promise = require "neap.sched.promise"
local random = require "neap.sched.clock_random"
local timers = require "neap.sched.clock_timers"
local turning = require "neap.sched.clock_turn"
local units = require "neap.units"

local Clock = {}
Clock.__index = Clock

local type, floor, huge = type, math.floor, math.huge
local running, isyieldable, yield = coroutine.running,
  coroutine.isyieldable, coroutine.yield
local new_job = jobs.new

--- Fill `self` with what a clock needs.
-- @param seed  number
function Clock.init(self, seed)
  self.ready, self.first, self.last = {}, 1, 0
  self.rest, self.rest_first, self.rest_last = {}, 1, 0
  self.timers = timers.new()
  self.pool, self.free = {}, 0
  self.watchers, self.parked = {}, {}
  self.turning = false
  self.seed, self.generator = seed, random.new(seed)
  return self
end

--- Seconds of a time: a number of at least 0, or a text such as "1m30s".
-- @param what  whose time it is, for the error
function Clock.seconds(time, what)
  if type(time) == "number" and time >= 0 and time < huge then
    return time
  end
  local seconds, message = units.parse_time(time)
  if not seconds then
    errors.raise("%s: %s", what, message)
  end
  return seconds
end

local function check_function(fn, what)
  if type(fn) ~= "function" then
    errors.raise("%s: a function is needed, not a %s", what, type(fn))
  end
end

-- Coroutines -----------------------------------------------------------------

-- Make a coroutine, a job or a mark ready.
function Clock:push(item)
  local last = self.last + 1
  self.last = last
  self.ready[last] = item
  if self.on_ready then
    self.on_ready()
  end
end

--- Run `fn(…)` in a coroutine, after those that are ready now.
-- @return promise of its results; if it raises, of nil and the error, which
--         `clock.on_error(err)` is told too, if there is one
function Clock:spawn(fn, ...)
  if type(fn) ~= "function" then
    check_function(fn, "clock:spawn")
  end
  local job = new_job(self, fn, ...)
  self:push(job)
  return job
end

--- Call `fn()` once when nothing else is ready in this instant, before time
-- moves. It must not wait; what it raises is raised where the clock is turned.
function Clock:at_rest(fn)
  check_function(fn, "clock:at_rest")
  local last = self.rest_last + 1
  self.rest_last = last
  self.rest[last] = fn
  if self.on_ready then
    self.on_ready()
  end
end

--- A new promise: `p:resolve(…)`, `p:wait(timeout)` ⏸.
function Clock:promise()
  return promise.new(self)
end

-- Timers and waiting ---------------------------------------------------------

-- Made at its full size: the heap sets `order` and `index`.
local function add_timer(clock, seconds, wakes, fn)
  local timer = {
    time = clock:now_ns() + floor(seconds * 1e9 + 0.5), order = 0, index = 0,
    wakes = wakes, fn = fn, fired = false, promise = nil,
  }
  clock.timers:add(timer)
  return timer
end

-- A timer that makes a coroutine or a mark ready.
function Clock:wake_after(seconds, wakes)
  return add_timer(self, seconds, wakes)
end

--- Call `fn()` in a coroutine of its own after so many seconds.
-- What it raises goes to `clock.on_error(err)`, or is raised where the clock is
-- turned.
-- @return a function that cancels it and tells whether it was still to come
function Clock:after(seconds, fn)
  seconds = self.seconds(seconds, "clock:after")
  check_function(fn, "clock:after")
  local timer, heap = add_timer(self, seconds, nil, fn), self.timers
  return function()
    return heap:remove(timer)
  end
end

--- Does a wait here turn the clock, as in the main chunk?
function Clock.turns_here()
  return not isyieldable() or fibers.is_main(running())
end

local function sleep_turning(clock, seconds)
  local mark = turning.mark(clock, "sleep")
  local timer = clock:wake_after(seconds, mark)
  local ok, err = turning.turn(clock, mark)
  if not ok then
    clock.timers:remove(timer)
    error(err, 0)
  end
end

--- Wait so long. ⏸
-- @param seconds  number, or a text such as "500ms"
function Clock:sleep(seconds)
  seconds = self.seconds(seconds, "clock:sleep")
  if self.turns_here() then
    return sleep_turning(self, seconds)
  end
  local timer = self:wake_after(seconds, (running()))
  repeat
    yield()
  until timer.fired
end

--- Go from event to event. ⏸
-- @param condition  function that is asked before each event and must not
--                   wait; default: never
-- @return true as soon as it returns true, false when nothing is left that
--         could happen
function Clock:run(condition)
  if condition ~= nil then
    check_function(condition, "clock:run")
  end
  if turning.in_coroutine(self) then
    return turning.watch(self, condition)
  end
  local mark = turning.mark(self, "run the clock")
  local result, err = turning.turn(self, mark, huge, condition)
  if result == nil then
    error(err, 0)
  end
  return result
end

-- For promises, which stand below.
Clock.mark, Clock.turn = turning.mark, turning.turn

-- Random numbers -------------------------------------------------------------

--- A number in [0, 1).
function Clock:random()
  return self.generator:number()
end

--- A whole number from 1 to n.
function Clock:random_int(n)
  if type(n) ~= "number" or n < 1 or n > 2 ^ 53 or n % 1 ~= 0 then
    errors.raise("clock:random_int: a whole number of at least 1 is needed,"
      .. " not %s", tostring(n))
  end
  return floor(self.generator:number() * n) + 1
end

--- A digest that nobody else has: "sha256:" and 64 hexadecimal digits.
function Clock:random_digest()
  return self.generator:digest()
end

return Clock
