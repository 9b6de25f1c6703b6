--- What the core wants, done: the operations of `core:take()`.
--
-- They come in the order in which the core decided them and are handled in
-- it, so that two runs with one seed do the same things in the same order.
-- Nothing here waits: what takes time gets a coroutine.

local acquire = require "neap.sched.acquire"
local attempt = require "neap.sched.attempt"
local core = require "neap.sched.core"
local ending = require "neap.sched.ending"
local errors = require "neap.sched.errors"
local release = require "neap.sched.release"
local state = require "neap.sched.state"
local task = require "neap.sched.task"

local operations = {}

-- ---- tasks ----------------------------------------------------------------

-- The alloc has one task less.
local function leave_alloc(s, record)
  local alloc = record.alloc
  if not alloc then
    return
  end
  record.alloc = nil
  alloc.tasks[record] = nil
  alloc.ntasks = alloc.ntasks - 1
  if alloc.ntasks == 0 then
    alloc.idle_since = s.clock:now()
    if alloc.object and not alloc.ended then
      s:emit("alloc.idle", nil, alloc)
    end
  end
end

local function on_lost(s, record)
  local att = record.attempt_now
  if att and record.state ~= state.lost then
    -- the core says so: the alloc is gone
    local err = record.alloc.err or errors.new("Unavailable",
      "alloc %s is gone", record.alloc.key)
    ending.alloc_gone(att, err)
    record.err = err
    task.move(record, state.lost)
    s:emit("task.lost", record, record.alloc, err)
  end
  s:attempt_over(record, record.err)
  record.attempt_now = nil
  leave_alloc(s, record)
end

local function on_init(s, record)
  if record.state ~= state.lost then
    return -- accepted: it is in that state already
  end
  record.attempt = record.attempt + 1
  record.id = s.clock:random_digest()
  record.last_loss, record.err, record.failing = record.err, nil, nil
  record.exec, record.stage, record.run_info = nil, nil, nil
  s:log_task(record, "info",
    "task %s has been lost, will retry (attempt %d): %s", record.key,
    record.attempt, tostring(record.last_loss))
  task.move(record, state.init)
end

-- Why a task ended that brought no result.
local function final_error(record, err)
  if record.canceled then
    return record.canceled
  elseif record.failing then
    return record.failing
  elseif err.kind == "TooManyTries" and record.err then
    local given_up = errors.new("TooManyTries", record.err)
    given_up.message = err.message
    return given_up
  end
  return err
end

local function on_done(s, record)
  local err = s.core:task_err(record.handle)
  if err then
    s:finish(record, final_error(record, err))
  else
    s:finish(record, nil, record.outcome)
  end
  leave_alloc(s, record)
end

local task_states = {
  [core.LOST] = on_lost, [core.INIT] = on_init, [core.DONE] = on_done,
}

-- ---- allocs ---------------------------------------------------------------

local function on_live(s, alloc)
  local was = alloc.state
  alloc.state = "live"
  if was == "requested" then
    s.stats:alloc_live(alloc)
    s.keeper:alloc_live(alloc)
    s:emit("alloc.live", nil, alloc)
  end
end

local function on_suspect(_, alloc)
  alloc.state = "suspect"
end

local function on_draining(_, alloc)
  alloc.state = "draining"
end

local function on_ended(s, alloc, name, kind)
  alloc.state = name
  alloc.ended = s.clock:now()
  s.stats:alloc_gone(alloc)
  s.keeper:alloc_gone(alloc)
  s:emit(kind, nil, alloc, alloc.err)
  release.over(s, alloc)
end

local function on_released(s, alloc)
  on_ended(s, alloc, "released", "alloc.free")
end

local function on_dead(s, alloc)
  on_ended(s, alloc, "dead", "alloc.lost")
end

local function on_unanswered(s, alloc)
  alloc.state = "ended"
  s.requests = s.requests - 1
  s.stats.pending = s.requests
  s.allocs[alloc.number] = nil
end

local alloc_states = {
  [core.LIVE] = on_live, [core.SUSPECT] = on_suspect,
  [core.DRAINING] = on_draining, [core.RELEASED] = on_released,
  [core.DEAD] = on_dead, [core.CANCELLED] = on_unanswered,
  [core.FAILED] = on_unanswered,
}

-- ---- all of them ----------------------------------------------------------

local handlers = {
  [core.START] = function(s, op)
    attempt.start(s, s.slots[op.slot], s.allocs[op.alloc])
  end,
  [core.KILL] = function(s, op)
    local record = s.slots[op.slot]
    ending.cancel(record.attempt_now, record.canceled or s.stopped_error)
  end,
  [core.REQUEST] = function(s, op)
    acquire.request(s, op.alloc)
  end,
  [core.CANCEL_REQUEST] = function(s, op)
    acquire.cancel(s, s.allocs[op.alloc])
  end,
  [core.RELEASE] = function(s, op)
    release.start(s, s.allocs[op.alloc])
  end,
  [core.TASK] = function(s, op)
    local handler = task_states[op.state]
    if handler then
      handler(s, s.slots[op.slot])
    end
  end,
  [core.ALLOC] = function(s, op)
    local handler = alloc_states[op.state]
    local alloc = s.allocs[op.alloc]
    if handler and alloc then
      handler(s, alloc)
    end
  end,
}

--- Do all that the core wants by now.
function operations.run(s)
  if s.in_operations then
    return -- the loop below will come to it
  end
  s.in_operations = true
  local ops, n = s.core:take()
  while n > 0 do
    for i = 0, n - 1 do
      local op = ops[i]
      handlers[op.kind](s, op)
    end
    ops, n = s.core:take()
  end
  s.in_operations = false
end

return operations
