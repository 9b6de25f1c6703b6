--- What sched.new returns: the methods that people call.

local admission = require "neap.sched.admission"
local clock = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local explain = require "neap.sched.explain"
local menu = require "neap.sched.menu"
local mux = require "neap.sched.mux"
local operations = require "neap.sched.operations"
local options = require "neap.sched.options"
local rows = require "neap.sched.rows"
local scheduler = require "neap.sched.scheduler"
local state = require "neap.sched.state"
local stopping = require "neap.sched.stopping"
local task = require "neap.sched.task"
local transferer = require "neap.sched.transferer"

local face = {}

local INSIDE = {} -- key of the scheduler's inside

local Scheduler = {}
Scheduler.__index = Scheduler

--- A scheduler that has not begun to work.
-- @param given  fields of docs/sched.md; unknown ones raise
function face.new(given)
  local parts, limits = options.scheduler(given)
  parts.clock = parts.clock or clock.real()
  parts.mux = parts.mux or mux.default()
  parts.transferer = parts.transferer
    or transferer.new { clock = parts.clock }
  local inside = scheduler.new(parts, limits)
  inside.admit = admission.start
  inside.readmit = stopping.readmit
  local self = setmetatable({
    [INSIDE] = inside, stats = inside.stats, clock = inside.clock,
  }, Scheduler)
  inside.face = self
  return self
end

local function inside_of(self)
  local inside = type(self) == "table" and rawget(self, INSIDE)
  if not inside then
    errors.raise("call it as a method: s:%s(…)", "name")
  end
  return inside
end

--- Begin to schedule; returns at once. Twice is harmless.
function Scheduler.start(self)
  local s = inside_of(self)
  if not s.started and not s.stopping then
    s.started = true
    menu.start(s)
    s:kick()
  end
end

--- Start, and turn the clock until `stop` or until `condition()`. Suspends.
-- @return true when the condition became true, false when it was stopped or
--         nothing can happen any more
function Scheduler.run(self, condition)
  local s = inside_of(self)
  self:start()
  local reached = false
  s.clock:run(function()
    reached = condition ~= nil and condition() and true or false
    return reached or s.ended == true
  end)
  return reached
end

-- ---- submit, cancel -------------------------------------------------------

-- The records of all arguments; raises, naming the one that is wrong.
local function records_of(s, ...)
  local list, n = { ... }, select("#", ...)
  if n == 1 and type(list[1]) == "table"
    and not task.record(list[1]) then
    list = list[1]
    n = #list
  end
  local records, seen = {}, {}
  for i = 1, n do
    local record = task.record(list[i])
    if not record then
      errors.raise("submit takes tasks (sched.task{…}) or a list of them; "
        .. "argument %d is a %s%s", i, type(list[i]),
        type(list[i]) == "userdata" and ": for a taskset give set:slice()"
        or "")
    elseif seen[record] then
      errors.raise("task %s is there twice in one call of submit",
        record.ident or tostring(i))
    elseif record.sched then
      errors.raise("task %s was submitted before; make a new one",
        record.ident or tostring(i))
    elseif not (record.repository or s.repository) then
      errors.raise("task %s names no repository, and the scheduler has none "
        .. "(field repository of sched.new)", record.ident or tostring(i))
    end
    seen[record] = true
    records[i] = record
  end
  return records
end

--- Take tasks on: one, several, or a list. All of a call or none.
-- @return how many; nil and Canceled after stop (they are done with it then)
function Scheduler.submit(self, ...)
  local s = inside_of(self)
  local records = records_of(s, ...)
  for i = 1, #records do
    local record = records[i]
    record.repository = record.repository or s.repository
    s:accept(record)
  end
  if s.stopping then
    for i = 1, #records do
      s:finish(records[i], s.stopped_error)
    end
    return nil, s.stopped_error
  end
  s:admit(records)
  return #records
end

local function record_here(s, t, name)
  local record = task.record(t)
  if not record then
    errors.raise("%s takes a task, not a %s", name, type(t))
  elseif record.sched ~= s then
    errors.raise("%s: the task %s", name, record.sched
      and "is another scheduler's" or "was not submitted")
  end
  return record
end

--- End a task: a queued one at once, a running one when it is killed.
-- @return false if it was done already
function Scheduler.cancel(self, t, reason)
  local s = inside_of(self)
  local record = record_here(s, t, "cancel")
  if record.state == state.done then
    return false
  end
  if not record.canceled then
    record.canceled = errors.new("Canceled", "%s",
      tostring(reason or "cancelled"))
    stopping.cancel(s, record)
  end
  return true
end

--- End it all. Suspends; see docs/sched.md.
-- @param opts  { mode = "abort" | "drain", timeout = 60 }
-- @return true; or nil and a Timeout that says what is left
function Scheduler.stop(self, opts)
  return stopping.stop(inside_of(self), opts)
end

-- ---- changes --------------------------------------------------------------

--- Change limits, from the next round on.
function Scheduler.set(self, limits)
  inside_of(self):set_limits(options.limits(limits))
end

--- Change a policy, from the next round on; running tasks are not touched.
-- @param kind  "packing" or "priority"
-- @return { from =, to = } (names with digests); nil and an error
function Scheduler.swap(self, kind, name, params)
  local s = inside_of(self)
  if kind ~= "packing" and kind ~= "priority" then
    errors.raise("swap: 'packing' or 'priority', not '%s'", tostring(kind))
  end
  if type(name) ~= "string" or name == "" then
    errors.raise("swap('%s', name): name is that of a policy or the path of "
      .. "its file, not %s", kind, name == "" and "''" or tostring(name))
  elseif params ~= nil and type(params) ~= "table" then
    errors.raise("swap('%s', name, params): params is a table, not a %s", kind,
      type(params))
  end
  local from = s:policy_name(kind)
  local to, err = s.core:load_policy(kind, name, params)
  if not to then
    return nil, err
  end
  s:emit_policy(kind, from, to)
  s:kick()
  return { from = from, to = to }
end

-- ---- looking --------------------------------------------------------------

--- Why does the task wait?
function Scheduler.why(self, t)
  local s = inside_of(self)
  operations.run(s)
  return explain.task(s, record_here(s, t, "why"))
end

--- Rows of tasks. See docs/sched-stats.md for the query.
function Scheduler.tasks(self, q)
  return rows.tasks(inside_of(self).stats, q)
end

--- Rows of allocs.
function Scheduler.allocs(self, q)
  local s = inside_of(self)
  return rows.allocs(s.stats, q, s.clock:now())
end

--- Call fn(event) for events of a kind or a glob of kinds.
-- @return a function that ends it
function Scheduler.on(self, kind, fn)
  return inside_of(self).events:on(kind, fn)
end

--- The limits and policies of now, for people.
function Scheduler.policies(self)
  return inside_of(self).core:policies()
end

--- The core's own counters (docs/sched-stats.md).
function Scheduler.core_stats(self)
  return inside_of(self).core:stats()
end

return face
