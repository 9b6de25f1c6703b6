--- The scheduler's inside: what it owns, and its turn.
--
--   something happens ─▶ core is told ─▶ kick ─▶ (instant is at rest) ─▶ turn
--   turn: operations of the core ─▶ a round if one is due ─▶ operations ─▶
--         timer for the next one
--
-- `face` is what people hold (sched.new); everything in here is between the
-- modules of neap.sched.

local core = require "neap.sched.core"
local errors = require "neap.sched.errors"
local events = require "neap.sched.events"
local lease = require "neap.sched.lease"
local locality = require "neap.sched.locality"
local menu = require "neap.sched.menu"
local operations = require "neap.sched.operations"
local record_keeper = require "neap.sched.record_keeper"
local state = require "neap.sched.state"
local stats = require "neap.sched.stats"
local system = require "neap.sched.clock_system"
local task = require "neap.sched.task"

local scheduler = {}

-- A policy that runs for too long is stopped and decides nothing, which depends
-- on how busy the machine is. Where only virtual time may matter it has so much
-- real time that only one that would never return is stopped.
local VIRTUAL_POLICY_NS = 60e9

local S = {}
S.__index = S

-- ---- log, events ----------------------------------------------------------

--- A line for the log. `fmt` is not formatted when nobody reads it.
function S:log(level, fmt, ...)
  local fn = self.log_fn
  if fn then
    local ok, err = pcall(fn, level, fmt:format(...))
    if not ok then
      self.log_fn = nil -- it would fail again and again
      io.stderr:write("neap.sched: the log function failed and is not called "
        .. "any more: ", tostring(err), "\n")
    end
  elseif level == "error" then
    io.stderr:write("neap.sched: error: ", fmt:format(...), "\n")
  end
end

--- A line about a task: for its own log as well.
function S:log_task(record, level, fmt, ...)
  self:log(level, fmt, ...)
  local fn = record.log
  if fn then
    local ok, err = pcall(fn, level, fmt:format(...))
    if not ok then
      record.log = false -- it would fail again and again
      self:log("error", "the log function of task %s failed and is not called "
        .. "any more: %s", record.key, tostring(err))
    end
  end
end

--- Emit an event about a task, an alloc or both.
function S:emit(kind, record, alloc, err, stage)
  if self.events.count == 0 then
    return
  end
  self.events:emit(kind, {
    task = record and record.key, attempt = record and record.attempt,
    run = record and record.run_id, alloc = alloc and alloc.key,
    error = err and tostring(err), stage = stage,
  })
end

--- Emit that a policy was changed.
-- @param policy  "packing" or "priority"
function S:emit_policy(policy, from, to)
  if self.events.count > 0 then
    self.events:emit("policy.swap", { policy = policy, from = from, to = to })
  end
end

--- Full name of the policy of a kind.
function S:policy_name(kind)
  for _, row in ipairs(self.core:policies()) do
    if row.kind == kind then
      return row.name
    end
  end
end

-- What nobody waits for must not fail in silence.
local function guarded(s, fn, ...)
  local ok, err = xpcall(fn, debug.traceback, ...)
  if not ok then
    s:log("error", "something failed that should not: %s", tostring(err))
  end
end

--- Run fn(…) in a coroutine of its own; what it raises is logged.
function S:go(fn, ...)
  self.clock:spawn(guarded, self, fn, ...)
end

-- ---- turning --------------------------------------------------------------

--- Something changed: there will be a turn in this instant.
function S:kick()
  if not self.kicked and self.started then
    self.kicked = true
    self.clock:at_rest(self.turn_fn)
  end
end

local function set_alarm(s)
  local wake = s.core:wake()
  if wake == s.wake_at then
    return
  end
  s.wake_at = wake
  if s.alarm then
    s.alarm()
    s.alarm = nil
  end
  if wake < math.huge then
    local seconds = math.max(0, wake - s.clock:now_ns()) / 1e9
    s.alarm = s.clock:after(seconds, s.alarm_fn)
  end
end

-- Nothing is left that stop has to wait for.
local function stopped(s)
  return s.ntasks == 0 and s.requests == 0 and s.freeing == 0
    and s.core:idle()
end

function S:turn()
  self.kicked = false
  local clock, c = self.clock, self.core
  operations.run(self)
  local now = clock:now_ns()
  if not self.stopping and c:dirty(now) then
    local began_ns = system.monotonic_ns()
    c:round(now, clock:now())
    self.stats:round_took((system.monotonic_ns() - began_ns) / 1e9)
    operations.run(self)
  end
  if self.queued > 0 then
    menu.refresh(self)
  end
  if self.stopping and not self.ended and stopped(self) then
    self.ended = true
    self.on_ended:resolve(true)
  end
  set_alarm(self)
end

-- ---- tasks ----------------------------------------------------------------

local function free_slot(s, record)
  s.slots[record.slot] = nil
  s.free_slots[#s.free_slots + 1] = record.slot
  record.slot = nil
end

local function slot_for(s, record)
  local free = s.free_slots
  local n = #free
  local slot
  if n > 0 then
    slot, free[n] = free[n], nil
  else
    s.last_slot = s.last_slot + 1
    slot = s.last_slot
  end
  s.slots[slot] = record
  record.slot = slot
  return slot
end

--- The task of the core for a record that is to be queued.
-- @param pools  names of the clusters that may hold it, or nil for all
-- @return the handle; nil when the task has ended because the core cannot
--         hold its amounts
function S:hand_over(record, pools)
  local handle, err = self.core:task {
    res = record.resources, name = record.ident, run = record.run_id,
    priority = record.priority, expect = record.expected_duration,
    labels = record.labels, pool = pools,
    data = locality.of_args(record.config.args), slot = slot_for(self, record),
  }
  if not handle then
    free_slot(self, record)
    self:finish(record, err)
    return nil
  end
  record.handle = handle
  self.queued = self.queued + 1
  return handle
end

--- Take a task on: it has an id from here on.
function S:accept(record)
  record.sched = self
  record.id = self.clock:random_digest()
  record.submitted = self.clock:now()
  self.ntasks = self.ntasks + 1
  self.stats:accepted(record)
  self:emit("task.submit", record)
end

--- Its exec runs.
function S:running(record, exec)
  record.started = self.clock:now()
  self.core:running(record.handle, self.clock:now_ns())
  self.keeper:running(record, exec)
  self:emit("task.start", record, record.alloc)
end

--- An attempt is over, whatever follows.
function S:attempt_over(record, err)
  local ok, why = pcall(self.keeper.attempt_over, self.keeper, record, err)
  if not ok then
    self:log_task(record, "error", "task %s: its end is not on record: %s",
      record.key, tostring(why))
  end
end

local function kind_of_end(err, result)
  if not err and not (result and result.err) then
    return "task.done"
  elseif err and errors.is("Canceled", err) then
    return "task.cancelled"
  end
  return "task.failed"
end

local function let_go(s, record)
  if record.handle then
    s.core:unref(record.handle)
    record.handle = nil
    free_slot(s, record)
    s.queued = s.queued - 1
  end
end

--- The end of a task: with an error, or with a result.
function S:finish(record, err, result)
  local alloc = record.alloc
  record.err, record.result = err, not err and result or nil
  record.ended = self.clock:now()
  if record.attempt_now or record.direct then
    self:emit("task.end", record, alloc, err or result and result.err)
  end
  self:attempt_over(record, err or result and result.err)
  record.attempt_now, record.outcome, record.failing = nil, nil, nil
  let_go(self, record)
  task.move(record, state.done)
  self.stats:finished(record)
  self:emit(kind_of_end(err, result), record, alloc,
    err or result and result.err)
  self.ntasks = self.ntasks - 1
  self:kick()
end

--- Its priority has changed while it waits.
function S:reprioritize(record)
  self.core:set_priority(record.handle, record.priority, self.clock:now_ns())
  self:kick()
end

--- Its expected duration has changed while it waits.
function S:expect(record)
  self.core:set_expect(record.handle, record.expected_duration,
    self.clock:now_ns())
  self:kick()
end

--- Something went wrong on an alloc: suspect until a keepalive succeeds.
function S:doubt(alloc)
  lease.doubt(self, alloc)
end

-- ---- making one -----------------------------------------------------------

local function core_limits(limits)
  return {
    max_pending = limits.max_pending_allocs,
    max_idle_ns = limits.max_alloc_idle_time
      and limits.max_alloc_idle_time * 1e9,
    drain_ns = limits.drain_timeout and limits.drain_timeout * 1e9,
    max_attempts = limits.max_attempts, min_alloc = limits.min_alloc,
  }
end

--- Change limits, from the next round on.
function S:set_limits(limits)
  self.core:set_limits(core_limits(limits))
  if limits.stats_keep then
    self.stats:set_keep(limits.stats_keep)
  end
  if limits.labels then
    self.labels = limits.labels
  end
  self:kick()
end

local function load_policies(s, packing, priority)
  for _, pair in ipairs { { "packing", packing }, { "priority", priority } } do
    local full, err = s.core:load_policy(pair[1], pair[2])
    if not full then
      errors.raise("%s: %s", pair[1], tostring(err))
    end
  end
end

--- The inside of a scheduler.
-- @param parts, limits  as options.scheduler reads them
function scheduler.new(parts, limits)
  local clock = parts.clock
  local first = core_limits(limits)
  first.seed = clock:random_int(2 ^ 31)
  first.policy_ns = clock.virtual and VIRTUAL_POLICY_NS or nil
  local s = setmetatable({
    clock = clock, core = core.new(first), labels = limits.labels,
    repository = parts.repository, transferer = parts.transferer,
    mux = parts.mux, log_fn = parts.log,
    slots = {}, free_slots = {}, last_slot = 0, allocs = {},
    ntasks = 0, queued = 0, requests = 0, freeing = 0,
    admitting = {}, directs = {},
    on_ended = clock:promise(),
  }, S)
  s.stats = stats.new { clock = clock, keep = limits.stats_keep }
  s.events = events.new {
    clock = clock, log = function(level, text) s:log(level, "%s", text) end,
  }
  s.keeper = record_keeper.new(s, parts.taskdb)
  s.cluster_list, s.clusters = menu.clusters(parts.cluster)
  load_policies(s, parts.packing or "default", parts.priority or "default")
  s.turn_fn = function() s:turn() end
  s.alarm_fn = function()
    s.wake_at, s.alarm = nil, nil
    s:kick()
  end
  return s
end

return scheduler
