--- What every clock does: coroutines, timers, and the turning of both.
--
-- One step of a clock is the first of these that there is:
--   1. the next of those that are ready, first in, first out;
--   2. the first timer that is due in this instant;
--   3. the next function of `at_rest`;
--   4. time moves to the next timer (`clock:move`, each clock its own way).
-- The main chunk turns the clock while it waits; in a coroutine to wait is to
-- yield. Coroutines of `spawn` are used again for the next function: making
-- one costs more than everything else here.

local errors = require "neap.sched.errors"
local promise = require "neap.sched.promise"
local timers = require "neap.sched.clock_timers"
local units = require "neap.units"

local Clock = {}
Clock.__index = Clock

local type, select, unpack, setmetatable = type, select, unpack, setmetatable
local create, resume, yield = coroutine.create, coroutine.resume,
  coroutine.yield
local running, isyieldable, status = coroutine.running,
  coroutine.isyieldable, coroutine.status
local huge = math.huge

-- What a pooled coroutine yields when it wants its next job.
local FREE = {}

--- Fill `self` with what a clock needs.
function Clock.init(self)
  self.ready, self.first, self.last = {}, 1, 0
  self.rest, self.rest_first, self.rest_last = {}, 1, 0
  self.timers = timers.new()
  self.pool, self.free = {}, 0
  self.watchers = {}
  self.turning = false
  return self
end

--- Seconds of a time: a number of at least 0, or a text such as "1m30s".
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

--- Is a wait in this coroutine one of the main chunk?
-- The fibers of a script that `neap` runs are such: their loop, not a clock,
-- resumes them.
function Clock.turns_here(co)
  local loop = package.loaded["neap.loop"]
  return loop ~= nil and loop.current and loop.current().co == co
end

-- Make a coroutine or a job ready.
function Clock:push(item)
  local last = self.last + 1
  self.last = last
  self.ready[last] = item
end

-- Coroutines -----------------------------------------------------------------

local function describe(raised)
  local err = errors.from(raised)
  if err ~= raised then
    err.trace = debug.traceback("", 2)
  end
  return err
end

local function fault(clock, err)
  local on_error = clock.on_error
  if on_error then
    on_error(err)
  end
  return on_error ~= nil
end

-- What nobody can get from a promise is raised where the clock is turned.
local function finish(job, ok, ...)
  if ok then
    job:resolve(...)
    return
  end
  local err = ...
  job:resolve(nil, err)
  if not fault(job.clock, err) and job.alone then
    job.clock.raised = err
  end
end

local function call(job, fn)
  local n = job.argc
  if n == 0 then
    return finish(job, xpcall(fn, describe))
  elseif n <= 2 then
    return finish(job, xpcall(fn, describe, job.a1, job.a2))
  end
  return finish(job, xpcall(fn, describe, unpack(job.args, 1, n)))
end

local function work(job)
  while true do
    local fn = job and job.fn
    if fn then
      job.fn = nil
      call(job, fn)
    end
    job = yield(FREE)
  end
end

-- A coroutine came back: to be used again, to wait, or with an error.
local function came_back(clock, co, ok, what)
  if what == FREE then
    local free = clock.free + 1
    clock.free = free
    clock.pool[free] = co
  elseif not ok then
    if status(co) == "dead" and what == "cannot resume dead coroutine" then
      return -- it ended while it was on its way here
    end
    local err = errors.from(what)
    if not fault(clock, err) then
      error(err, 0)
    end
  end
end

local function start(clock, job)
  local free, pool = clock.free, clock.pool
  local co = pool[free]
  if free > 0 then
    clock.free, pool[free] = free - 1, nil
  else
    co = create(work)
  end
  came_back(clock, co, resume(co, job))
  local raised = clock.raised
  if raised then
    clock.raised = nil
    error(raised, 0)
  end
end

local function new_job(clock, fn, ...)
  local n = select("#", ...)
  local job = setmetatable({
    clock = clock, done = false, n = 0, fn = fn, argc = n,
  }, promise.Promise)
  if n > 0 then
    job.a1, job.a2 = ...
    if n > 2 then
      job.args = { ... }
    end
  end
  return job
end

local function check_function(fn, what)
  if type(fn) ~= "function" then
    errors.raise("%s: a function is needed, not a %s", what, type(fn))
  end
end

--- Run `fn(…)` in a coroutine, after those that are ready now.
-- @return promise of its results; if it raises, of nil and the error, which
--         `clock.on_error(err)` is told too
function Clock:spawn(fn, ...)
  if type(fn) ~= "function" then
    check_function(fn, "clock:spawn")
  end
  local job = new_job(self, fn, ...)
  local last = self.last + 1
  self.last = last
  self.ready[last] = job
  return job
end

--- A new promise: `p:resolve(…)`, `p:wait(timeout)` ⏸.
function Clock:promise()
  return promise.new(self)
end

-- Time -----------------------------------------------------------------------

local function add_timer(clock, seconds, timer)
  timer.time = clock:now_ns() + math.floor(seconds * 1e9 + 0.5)
  clock.timers:add(timer)
  return timer
end

-- A timer that makes a coroutine (or the mark of the main chunk) ready.
function Clock:wake_after(seconds, wakes)
  return add_timer(self, seconds, { wakes = wakes, fired = false })
end

--- Call `fn()` in a coroutine of its own after so many seconds.
-- What it raises goes to `clock.on_error(err)`, or is raised where the clock is
-- turned.
-- @return a function that cancels it and tells whether it was still to come
function Clock:after(seconds, fn)
  seconds = self.seconds(seconds, "clock:after")
  check_function(fn, "clock:after")
  local timer = add_timer(self, seconds, { fn = fn })
  local heap = self.timers
  return function()
    return heap:remove(timer)
  end
end

--- Wait so long. ⏸
-- @param seconds  number, or a text such as "500ms"
function Clock:sleep(seconds)
  seconds = self.seconds(seconds, "clock:sleep")
  local co = isyieldable() and running()
  if not co or self.turns_here(co) then
    local mark = self:main_mark("sleep")
    local timer = self:wake_after(seconds, mark)
    local ok, err = self:turn(mark)
    if not ok then
      self.timers:remove(timer)
      error(err, 0)
    end
    return
  end
  local timer = self:wake_after(seconds, co)
  repeat
    yield()
  until timer.fired
end

--- Call `fn()` once when nothing else is ready in this instant, before time
-- moves. It must not wait.
function Clock:at_rest(fn)
  check_function(fn, "clock:at_rest")
  local last = self.rest_last + 1
  self.rest_last = last
  self.rest[last] = fn
end

local function fire(clock, timer)
  clock.timers:remove(timer)
  if timer.fn then
    local job = new_job(clock, timer.fn)
    job.alone = true
    clock:push(job)
    return
  end
  timer.fired = true
  if timer.promise then
    promise.expire(timer)
  end
  clock:push(timer.wakes)
end

-- Turning --------------------------------------------------------------------

-- Take the first of a queue; an empty one begins anew, so that it stays small.
local function run_ready(clock, first)
  local ready = clock.ready
  local item = ready[first]
  ready[first] = nil
  if first == clock.last then
    clock.first, clock.last = 1, 0
  else
    clock.first = first + 1
  end
  if type(item) == "thread" then
    came_back(clock, item, resume(item))
    if clock.raised then
      local raised = clock.raised
      clock.raised = nil
      error(raised, 0)
    end
  elseif item.argc then
    start(clock, item)
  else
    item.woken = true
  end
end

local function run_rest(clock, first)
  local fn = clock.rest[first]
  clock.rest[first] = nil
  if first == clock.rest_last then
    clock.rest_first, clock.rest_last = 1, 0
  else
    clock.rest_first = first + 1
  end
  fn()
end

-- One step. Time moves at most to `limit_ns`.
-- → false when nothing is left that could ever happen (until then)
local function step(clock, limit_ns)
  local first = clock.first
  if first <= clock.last then
    run_ready(clock, first)
    return true
  end
  local timer = clock.timers[1]
  if timer and timer.time <= clock.ns then
    fire(clock, timer)
    return true
  end
  first = clock.rest_first
  if first <= clock.rest_last then
    run_rest(clock, first)
    return true
  end
  return clock:move(timer, limit_ns)
end

-- Those that wait in clock:run(until) in a coroutine.
local function look(clock)
  local watchers = clock.watchers
  for i = #watchers, 1, -1 do
    local watcher = watchers[i]
    if watcher.condition() then
      table.remove(watchers, i)
      watcher.promise:resolve(true)
    end
  end
end

local function turn_until(clock, mark, limit_ns, condition)
  local watchers = clock.watchers
  while not mark.woken do
    if watchers[1] then
      look(clock)
    end
    if condition and condition() then
      return true
    end
    if not step(clock, limit_ns) then
      return false
    end
  end
  return true
end

local function drop_watchers(clock)
  for _, watcher in ipairs(clock.watchers) do
    watcher.promise:resolve(false)
  end
  clock.watchers = {}
end

local function turn(clock, mark, limit_ns, condition)
  clock.turning = true
  local ok, result = pcall(turn_until, clock, mark, limit_ns, condition)
  clock.turning = false
  return ok, result
end

--- A mark for the main chunk, which is about to turn the clock: ready like a
-- coroutine when the wait is over. Raises where nobody may wait.
function Clock:main_mark(what)
  if running() and not isyieldable() then
    errors.raise("cannot %s here: a C function (table.sort, string.gsub,"
      .. " tostring of an object) is on the way out; wait before or after it",
      what)
  elseif self.turning then
    errors.raise("cannot %s here: a function of clock:at_rest must not wait;"
      .. " use clock:spawn in it", what)
  end
  return { woken = false }
end

--- Turn the clock until `mark` is woken.
-- → true, or false and the error that was raised meanwhile
function Clock:turn(mark)
  local ok, result = turn(self, mark, huge)
  while ok and not result and self.watchers[1] do
    drop_watchers(self)
    ok, result = turn(self, mark, huge)
  end
  if ok and not result then
    return false, self.deadlock()
  end
  return ok, result
end

function Clock.deadlock()
  local ok, err = pcall(errors.raise, "deadlock: the main chunk waits without"
    .. " a timeout, nothing is ready and no timer is set, so nobody can ever"
    .. " wake it; resolve the promise first, or give a timeout")
  return not ok and err
end

--- Go from event to event. ⏸
-- @param condition  function that is asked before each event; default: never
-- @return true as soon as it returns true, false when nothing is left that
--         could happen
function Clock:run(condition)
  if condition ~= nil then
    check_function(condition, "clock:run")
  end
  if self.turning and isyieldable() then
    local p = promise.new(self)
    self.watchers[#self.watchers + 1] = {
      condition = condition or function() return false end, promise = p,
    }
    return p:wait()
  end
  local mark = self:main_mark("run the clock")
  local ok, result = turn(self, mark, huge, condition)
  while ok and not result and self.watchers[1] do
    drop_watchers(self)
    ok, result = turn(self, mark, huge, condition)
  end
  if not ok then
    error(result, 0)
  end
  return result
end

--- Turn until `limit_ns`; for clocks whose time can be moved.
function Clock:turn_to(limit_ns)
  local mark = self:main_mark("advance")
  local ok, err = turn(self, mark, limit_ns)
  if not ok then
    error(err, 0)
  end
end

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
  return math.floor(self.generator:number() * n) + 1
end

--- A digest that nobody else has: "sha256:" and 64 hexadecimal digits.
function Clock:random_digest()
  return self.generator:digest()
end

return Clock
