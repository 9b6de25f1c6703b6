--- One attempt of a task on an alloc: from the core's START to its end.
--
--   load ─▶ put ─▶ wait ─▶ verify ─▶ promote ─▶ inspect ─▶ result ─▶ transfer
--                   │ error: put again                          ─▶ unload ─▶ over
--
-- A coroutine walks the stages. Whoever stops the attempt (a kill, a lost
-- alloc) sets `stopping`; from then on the coroutine only returns from the
-- call that it is in, and `ending` does the rest. So an object that never
-- answers holds up nothing but its own coroutine.

local call = require "neap.sched.call"
local ending = require "neap.sched.ending"
local errors = require "neap.sched.errors"
local stages = require "neap.sched.stages"
local state = require "neap.sched.state"
local task = require "neap.sched.task"

local attempt = {}

local order, nstages = stages.order, #stages.order
local PUT, WAIT = 2, 3

local fns = {}
for i = 1, nstages do
  fns[i] = stages[order[i]]
end

-- The attempt was stopped while a call was under way: tell who waits for that.
local function left(att)
  att.away = true
  if att.late then
    ending.late(att)
  elseif att.on_away then
    att.on_away:resolve(true)
  end
end

-- After error number `n` of stage `at`: pause, then the stage to go on with.
local function again(att, at, n)
  att.clock:sleep(stages.pause(n, att.clock:random()))
  return at == WAIT and PUT or at
end

local struggle

-- Stage `at` has failed with `err`, or the attempt was stopped.
local function fallen(att, at, err)
  if att.stopping then
    return nil
  end
  return struggle(att, at, err)
end

-- Go on from stage `at`, of which a first call has failed with `err`.
-- Returns true, or nil and the error that ends the attempt; nothing of both
-- once it was stopped.
function struggle(att, at, err)
  local tries, ok = {}, false
  repeat
    if ok then
      at = at + 1
    else
      local n = (tries[at] or 0) + 1
      tries[at] = n
      if errors.non_retryable(err) or n >= stages.tries then
        return nil, err
      end
      at = again(att, at, n)
    end
    if att.stopping then
      return nil
    end
    att.stage = at
    ok, err = fns[at](att)
  until att.stopping or (ok and at == nstages)
  return not att.stopping or nil
end

-- Walk the stages, as long as none fails. Spelled out, because nearly all
-- attempts take this way and LuaJIT compiles no loop into a caller's trace.
local function walk(att) -- luacheck: ignore 561
  local ok, err = stages.load(att)
  if not ok or att.stopping then
    return fallen(att, 1, err)
  end
  att.stage = 2
  ok, err = stages.put(att)
  if not ok or att.stopping then
    return fallen(att, 2, err)
  end
  att.stage = 3
  ok, err = stages.wait(att)
  if not ok or att.stopping then
    return fallen(att, 3, err)
  end
  att.stage = 4
  ok, err = stages.verify(att)
  if not ok or att.stopping then
    return fallen(att, 4, err)
  end
  att.stage = 5
  ok, err = stages.promote(att)
  if not ok or att.stopping then
    return fallen(att, 5, err)
  end
  att.stage = 6
  stages.inspect(att)
  if att.stopping then
    return nil
  end
  att.stage = 7
  ok, err = stages.result(att)
  if not ok or att.stopping then
    return fallen(att, 7, err)
  end
  att.stage = 8
  ok, err = stages.transfer(att)
  if not ok or att.stopping then
    return fallen(att, 8, err)
  end
  att.stage = 9
  ok, err = stages.unload(att)
  if not ok or att.stopping then
    return fallen(att, 9, err)
  end
  return true
end

local function finish(att, ok, done, err)
  if att.stopping then
    return left(att)
  elseif ok and done then
    return ending.success(att)
  elseif not ok then
    err = call.raised(done, order[att.stage])
    att.unsure = att.unsure or att.stage == PUT
  end
  att.stopping = err
  att.away = true
  return ending.failure(att, err)
end

local function run_all(att)
  finish(att, pcall(walk, att))
end

-- In a coroutine of its own. What is raised in here is an error of neap.
local function run(att)
  local ok, err = pcall(run_all, att)
  if not ok then
    att.s:log_task(att.record, "error",
      "an attempt of task %s failed that should not: %s", att.record.key,
      tostring(err))
  end
end

-- With room for all that is noted about it.
local function new_attempt(s, record, alloc)
  local att = {
    s = s, clock = s.clock, record = record, alloc = alloc, id = record.id,
    stage = 1, config = 0, exec = 0, complete = 0, stopping = 0, away = 0,
    result = 0, held = 0, inputs = 0, gone = 0,
  }
  att.config, att.exec, att.complete, att.stopping = nil, nil, nil, nil
  att.away, att.result, att.held, att.inputs = nil, nil, nil, nil
  att.gone = nil
  return att
end

--- Begin an attempt of `record` on `alloc`.
function attempt.start(s, record, alloc)
  local att = new_attempt(s, record, alloc)
  record.attempt_now = att
  record.alloc = alloc
  alloc.tasks[record] = true
  alloc.ntasks = alloc.ntasks + 1
  alloc.idle_since = nil
  if s.events.count > 0 then
    s:emit("task.assign", record, alloc)
    s:emit("task.stage", record, alloc)
  end
  s.keeper:attempt_begins(record, alloc)
  if s.log_fn or record.log then
    s:log_task(record, "debug", "task %s goes to alloc %s", record.key,
      alloc.key)
  end
  task.move(record, state.staging)
  if not att.stopping then
    s.clock:spawn(run, att)
  end
end

--- Is it in the middle of a call of stage `name`?
function attempt.is_in(att, name)
  return not att.away and order[att.stage] == name
end

return attempt
