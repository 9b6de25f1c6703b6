--- How an attempt ends, whoever ends it.
--
-- An exec that may still run is killed and that is confirmed before the core
-- may use its resources again; where that cannot be had, the alloc is fenced:
-- it takes no more tasks and goes back when the others on it have ended.
-- References taken on the alloc are released on every way out. Nothing here
-- waits longer than LIMIT for one object.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"
local lease = require "neap.sched.lease"
local stages = require "neap.sched.stages"
local state = require "neap.sched.state"
local task = require "neap.sched.task"

local ending = {}

local LIMIT = 10 -- seconds: a kill, a load or a put under way, an unload

-- Let the core decide what follows, unless the alloc is gone: then it has.
local function tell_core(att, how, err)
  local s, record = att.s, att.record
  if record.attempt_now ~= att or att.gone then
    return
  end
  s.core[how](s.core, record.handle, err, s.clock:now_ns())
  s:kick()
end

--- The program ran: the task is done.
function ending.success(att)
  att.record.outcome = att.result
  att.stopping = true
  att.away = true
  tell_core(att, "ended", nil)
end

-- ---- cleaning up ----------------------------------------------------------

local function fence(att, why)
  local s, alloc = att.s, att.alloc
  s:log("warn", "alloc %s takes no more tasks: %s", alloc.key, tostring(why))
  if alloc.state == "live" or alloc.state == "suspect" then
    s.core:drain(alloc.number, s.clock:now_ns())
  end
end

-- Wait until the attempt's coroutine has come back from its call.
local function await_call(att)
  if att.away then
    return true
  end
  att.on_away = att.clock:promise()
  att.late = not att.on_away:wait(LIMIT)
  return not att.late
end

local function gone(err)
  return errors.is("NotExist", err)
end

-- Kill the exec until it is sure that it does not run.
local function kill(att)
  local deadline = att.clock:now() + LIMIT
  local tries = 0
  local ok, err
  repeat
    ok, err = call.within(att.clock, deadline - att.clock:now(), att.exec,
      "kill")
    if ok or ok == nil and err == nil or gone(err) then
      return true
    end
    tries = tries + 1
    att.clock:sleep(stages.pause(tries, att.clock:random()))
  until att.gone or att.clock:now() >= deadline
  return nil, err
end

local function stop_exec(att)
  local order = stages.order[att.stage]
  if order == "put" and not await_call(att) then
    return fence(att, "put has not answered, an exec may run")
  elseif att.unsure and not att.exec then
    return fence(att, "an exec may run")
  end
  if att.exec and not att.complete then
    local ok, err = kill(att)
    if not ok and not att.gone then
      fence(att, errors.new("Fatal", "an exec cannot be killed: %s",
        tostring(err or "kill returned false")))
    end
  end
end

local function unload(att)
  if not att.inputs and not att.held then
    return
  end
  local promise = att.clock:spawn(stages.unload, att)
  local ok, err = promise:wait(LIMIT)
  if not ok and not att.gone then
    att.s:log_task(att.record, "warn", "task %s: its references on alloc %s "
      .. "cannot be released: %s", att.record.key, att.alloc.key, tostring(err))
  end
end

local function clean(att)
  if att.gone then
    return
  end
  stop_exec(att)
  if stages.order[att.stage] == "load" then
    await_call(att)
  end
  if not att.gone then
    unload(att)
  end
end

--- A call came back after the attempt was given up: let go of what it got.
-- Suspends.
function ending.late(att)
  if att.gone then
    return
  end
  if att.exec and not att.complete then
    kill(att)
  end
  unload(att)
end

-- ---- ends -----------------------------------------------------------------

-- The attempt is lost; the core makes a new one of it when nothing of this
-- one runs any more.
local function lose(att, err)
  local s, record = att.s, att.record
  record.err = err
  task.move(record, state.lost)
  s:emit("task.lost", record, att.alloc, err)
  s:doubt(att.alloc)
  clean(att)
  tell_core(att, "lost", err)
end

-- An object that does not exist or is broken may be so because its whole alloc
-- is gone and nobody has noticed yet: then the task is lost, not failed.
local function died_with_alloc(att, err)
  return (errors.is("NotExist", err) or errors.is("Fatal", err))
    and not lease.alive(att.s, att.alloc, LIMIT)
end

--- A stage failed for good with `err`. Suspends.
function ending.failure(att, err)
  if stages.lost(err) then
    return lose(att, err)
  elseif died_with_alloc(att, err) then
    return -- the core has been told, and tells the task
  end
  att.record.failing = err
  clean(att)
  tell_core(att, "ended", err)
end

local function kill_and_end(att, err)
  clean(att)
  tell_core(att, "ended", err)
end

-- From now on the attempt's coroutine only comes back from its call.
local function stop(att, err)
  att.stopping = att.stopping or err
  if att.call_off then
    att.call_off()
  end
end

--- End it because somebody wants it so. Returns at once.
function ending.cancel(att, err)
  if att.stopping then
    return -- it is on its way out, and the core knows what is wanted
  end
  stop(att, err)
  att.s:go(kill_and_end, att, err)
end

--- Its alloc is gone: nothing is left to clean up.
function ending.alloc_gone(att, err)
  att.gone = true
  stop(att, err)
end

return ending
