--- Turning a clock.
--
-- One step of a clock is the first of these that there is:
--   1. the next of those that are ready, first in, first out;
--   2. the first timer that is due in this instant;
--   3. the next function of `at_rest`;
--   4. time moves to the next timer (`clock:move`, each clock its own way).
-- Ready are coroutines, jobs, and marks: a mark stands for the main chunk,
-- which turns the clock until its mark is woken.

local errors = require "neap.sched.errors"
local fibers = require "neap.sched.clock_fibers"
local jobs = require "neap.sched.clock_jobs"
local promise = require "neap.sched.promise"

local turning = {}

local type, pcall = type, pcall
local running, isyieldable = coroutine.running, coroutine.isyieldable
local start, go_on = jobs.start, jobs.go_on
local huge = math.huge

-- An empty queue begins anew, so that its table stays small.
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
    go_on(clock, item)
  elseif item.fn then
    start(clock, item)
  else
    item.woken = true
    if item.wake then
      item.wake()
    end
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

local function fire(clock, timer)
  clock.timers:remove(timer)
  if timer.fn then
    local job = jobs.new(clock, timer.fn)
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

-- → false when nothing is left that could happen until `limit_ns`
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

-- Coroutines that wait in clock:run until a condition holds.
local function look(clock)
  local watchers = clock.watchers
  for i = #watchers, 1, -1 do
    local watcher = watchers[i]
    if watcher.condition and watcher.condition() then
      table.remove(watchers, i)
      watcher.promise:resolve(true)
    end
  end
end

-- They will never see it hold.
local function dismiss(clock)
  local watchers = clock.watchers
  clock.watchers = {}
  for i = 1, #watchers do
    watchers[i].promise:resolve(false)
  end
  return watchers[1] ~= nil
end

local function raise_pending(clock)
  local err = clock.raised
  clock.raised = nil
  error(err, 0)
end

local function turn_until(clock, mark, limit_ns, condition)
  while not mark.woken do
    if clock.watchers[1] then
      look(clock)
    end
    if condition and condition() then
      return true
    end
    if not step(clock, limit_ns)
      and (limit_ns < huge or not dismiss(clock)) then
      return false
    end
    if clock.raised then
      raise_pending(clock)
    end
  end
  return true
end

--- A mark for the main chunk, which is about to turn the clock.
-- Raises where nobody may wait.
-- @param what  for the message: "cannot <what> here"
function turning.mark(clock, what)
  if running() and not isyieldable() then
    errors.raise("cannot %s here: a C function (table.sort, string.gsub,"
      .. " tostring of an object) is on the way out; do it before or after",
      what)
  elseif clock.turning and not fibers.turned_elsewhere(clock) then
    errors.raise("cannot %s here: functions of clock:at_rest, conditions and"
      .. " on_error must not wait; use clock:spawn in them", what)
  end
  return { woken = false }
end

--- Turn the clock until `mark` is woken, `condition()` holds or `limit_ns` is
-- reached.
-- @return true if one of the first two did, false when nothing was left that
--         could happen; nil and the error if one was raised meanwhile
function turning.turn(clock, mark, limit_ns, condition)
  while clock.turning do
    fibers.wait(clock, mark)
    if mark.woken then
      return true
    end
  end
  clock.turning, clock.turner = true, running()
  local ok, result = pcall(turn_until, clock, mark, limit_ns or huge,
    condition)
  clock.turning, clock.turner = false, nil
  if clock.parked[1] then
    fibers.leave(clock)
  end
  if not ok then
    return nil, result
  end
  return result
end

--- Is the running coroutine one that the clock may resume, while it is turned?
function turning.in_coroutine(clock)
  return clock.turning and isyieldable() and not fibers.is_main(running())
end

--- Wait in a coroutine until `condition()` holds. ⏸
-- @param condition  default: never
-- @return true when it did, false when nothing was left that could happen
function turning.watch(clock, condition)
  local p = promise.new(clock)
  clock.watchers[#clock.watchers + 1] = { condition = condition, promise = p }
  return p:wait()
end

return turning
