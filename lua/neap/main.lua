--- The main chunk as a scope: what `neap run` and stock luajit share.
--
-- For the command line:
--
--   main.run_chunk(fn, opts) -> summary            on the main thread only
--     fn    a loaded chunk (loadfile), or any function
--     opts  args        list of the script's arguments; also given to fn
--           script      its path, for messages and the run's row
--           on          engine to use: socket path or name (nil: $NEAP_ENGINE,
--                       config engine.target, else a private engine)
--           on_error    "finish" (default) | "stop" | "continue"
--           labels      map, added to the run
--           timeout_s   the run is stopped after so long (exit code 124)
--           engine      fields for the private engine's config: cpu, mem,
--                       policy_pack, policy_priority, policy_params …
--           signals     true: ^C once = finish, twice = stop, thrice = exit
--           on_signal   fn(name, count) told after the signal was acted on
--           on_session  fn(session) told once, when the run starts (subscribe
--                       with session:on_event there)
--     summary = {
--       ok       true when everything that was asked for succeeded
--       err      what the chunk raised, or the first unhandled failure
--       trace    traceback (trimmed) if err is no error of neap
--       code     exit code, user-api §6.3
--       run      "r7", nil when the script never needed an engine
--       tasks, ran, cached, skipped, cancelled   counts
--       failed   list of { id, name, error } of unhandled failures
--       nfailed  count of all failed tasks
--       unused   list of { task = "r7.2", output = "log" }
--       seconds  wall time
--     }
--     It never raises for what the script does; bugs of neap raise.
--
--   main.call(fn, ...) -> ok, value      run fn as a fiber, turn the loop until
--     it is done: for commands that only ask an engine.

local config = require "neap.config"
local core = require "neap.core"
local coro = require "neap.coro"
local errors = require "neap.errors"
local loop = require "neap.loop"
local params = require "neap.params"
local promise = require "neap.promise"
local scope = require "neap.scope"
local session = require "neap.session"

local main = {}

local real_exit = os.exit

-- Exit codes of a run by the kind of its error; anything else is 1.
local codes = {
  E_USAGE = 2, E_CONN = 4, E_AUTH = 4, E_PROTO = 4, E_UNSCHEDULABLE = 5,
  E_INTERNAL = 70,
}

local function code_of(err)
  while errors.is(err) do
    if codes[err.kind] then
      return codes[err.kind]
    end
    err = err.cause
  end
  return 1
end

-- Failed tasks that nobody handled, and those that made the run fail.
local function failed_tasks(run, err)
  local blamed, list, count = {}, {}, 0
  local at = err
  while errors.is(at) and not blamed[at] do
    blamed[at] = true
    at = at.cause
  end
  for _, task in pairs(run.ended_badly) do
    if task.phase == "failed" then
      count = count + 1
      if (not task.seen or blamed[task.value]) and not run.lost then
        list[#list + 1] = task
      end
    end
  end
  table.sort(list, function(a, b) return a.n < b.n end)
  for i, task in ipairs(list) do
    list[i] = { id = task:peek_id(), name = task.name, error = task.value }
  end
  return list, count
end

local function summarize(state, started)
  local summary = {
    ok = state.ok, err = state.err, trace = state.trace, code = state.code,
    tasks = 0, ran = 0, cached = 0, skipped = 0, cancelled = 0, failed = {},
    nfailed = 0, unused = {}, seconds = core.mono() - started,
  }
  local run = session.current()
  if run then
    local total = run.counters.total
    summary.run, summary.tasks = run.run, total.submitted
    summary.cached, summary.skipped = total.cached, total.skipped
    summary.cancelled = total.cancelled
    summary.failed, summary.nfailed = failed_tasks(run, state.err)
    summary.ran = total.done + total.failed - total.cached
    summary.unused = run:unused_outputs()
  end
  summary.code = state.code
    or (state.ok and 0 or code_of(state.err))
  return summary
end

-- The error of a task that was cancelled from outside the script (neap
-- cancel, an engine that gave up) and that nobody saw; the first by number.
local function cancelled_by_others(run)
  local first
  for _, task in pairs(run.ended_badly) do
    if task.phase == "cancelled" and not task.seen and not task.cancel_wanted
        and not (first and first.n < task.n) then
      first = task
    end
  end
  return first and first.value
end

-- The end of a run: all that was begun, then the run itself. ⏸
local function finish(state, root, ok, err)
  ok, err = root:finish(ok, err)
  local run = session.current()
  if run then
    local other = ok and cancelled_by_others(run)
    if other then
      ok, err = false, other
    end
    run:finish(ok and "done" or "failed", err)
    if ok and run.lost then
      ok, err = false, run.lost
    end
  end
  state.ok, state.err = ok, not ok and err or nil
  state.trace = state.trace or not ok and root.trace or nil
end

-- What the chunk's fiber does.
local function body(state, root, fn, args)
  local fiber = loop.current()
  fiber.scope = root
  local ok, err = xpcall(fn, function(err)
    if not errors.is(err) then
      state.trace = errors.trim(debug.traceback("", 2))
    end
    return errors.value(err)
  end, unpack(args))
  if ok then
    state.trace = nil
  end
  finish(state, root, ok, err)
  fiber.scope = nil
end

local function cancelled(reason)
  return errors.new("E_CANCELLED", reason, { reason = reason })
end

local signal_codes = { INT = 130, TERM = 143, HUP = 129 }

-- ^C once: as finish; twice: as stop; thrice: out. TERM, HUP: as stop.
local function interrupt(state, root, name)
  state.signals = state.signals + (name == "INT" and 1 or 2)
  state.code = signal_codes[name]
  if state.signals >= 3 and name == "INT" then
    core.default_signals()
    real_exit(130)
  end
  local mode = state.signals == 1 and "finish" or "stop"
  local reason = "interrupted by SIG" .. name
  state.stopped = cancelled(reason)
  root:close(mode, reason)
  if mode == "stop" and state.fiber then
    loop.throw(state.fiber, state.stopped)
  end
end

local function on_signal(state, root, opts, name)
  if signal_codes[name] then
    interrupt(state, root, name)
  end
  if opts.on_signal then
    opts.on_signal(name, state.signals)
  end
end

local function exit_code(code)
  if code == nil or code == true then
    return 0
  end
  return code == false and 1 or tonumber(code) or 1
end

-- os.exit ends the script where it stands; what it began is waited for.
local function replace_exit(state)
  local library = os
  function library.exit(code) -- luacheck: ignore 122
    state.exit = exit_code(code)
    loop.wait(function() end)
  end
  return function()
    library.exit = real_exit -- luacheck: ignore 122
  end
end

-- A script that never waits does not see the timer: it has so many seconds
-- more.
local GRACE_S = 5

local function arm_timeout(state, root, seconds)
  core.deadline(seconds + GRACE_S, 124)
  return loop.timer(seconds, function()
    core.deadline()
    local text = ("the run took longer than %g s"):format(seconds)
    state.code = 124
    state.stopped = errors.new("E_TIMEOUT", text, { timeout = seconds })
    root:close("stop", text)
    if state.fiber then
      loop.throw(state.fiber, state.stopped)
    end
  end)
end

-- Turn the loop until the fiber has ended or os.exit was called.
local function drive(state)
  loop.run(function() return state.fiber.settled or state.exit end,
    state.fiber)
  if state.fiber.settled == "err" then
    local err = state.fiber.value
    state.ok, state.err = false, state.err or err
    state.trace = state.trace or not errors.is(err) and state.fiber.trace
  end
end

local function run_to_end(state, root, fn, args)
  state.fiber = loop.spawn(body, state, root, fn, args)
  drive(state)
  if state.exit then
    local code = state.exit
    state.exit = nil
    root:abandon_fibers()
    state.fiber = loop.spawn(finish, state, root, true)
    drive(state)
    state.code = state.ok and code or code == 0 and 1 or code
    -- the script asked for this end: a code is no error
    state.ok = state.ok and code == 0
  end
end

--- Run a chunk as a run of its own; see the top of this file.
function main.run_chunk(fn, opts)
  opts = opts or {}
  local started, args = core.mono(), opts.args or {}
  local root = scope.root(opts.on_error or config.current():get "on_error")
  local state = { signals = 0 }
  main.managed = true
  coro.install()
  params.set_arguments(args, opts.script)
  session.options = {
    on = opts.on, engine = opts.engine, script = opts.script, args = args,
    labels = opts.labels, on_error = root.on_error,
  }
  if opts.on_session then
    session.on_start(opts.on_session)
  end
  loop.main.scope = nil
  if opts.signals then
    core.catch_signals()
    loop.on_type("signal", function(event)
      on_signal(state, root, opts, event.name)
    end)
  end
  local timer = opts.timeout_s and arm_timeout(state, root, opts.timeout_s)
  local restore = replace_exit(state)
  local ok, err = pcall(run_to_end, state, root, fn, args)
  restore()
  if timer then
    core.deadline()
    loop.forget(timer)
  end
  if not ok then
    state.ok, state.err = false, err
  end
  if state.stopped then
    state.ok, state.err = false, state.err or state.stopped
  end
  return summarize(state, started)
end

--- Run `fn` as a fiber and turn the loop until it is done.
-- @return true and its first value, or false and the error
function main.call(fn, ...)
  local fiber = loop.spawn(fn, ...)
  loop.run(function() return fiber.settled end, fiber)
  promise.mark_seen(fiber)
  return fiber.settled == "ok", fiber.value
end

-- Stock luajit ----------------------------------------------------------------

-- What was begun is waited for; a failure that nobody saw makes the exit 1.
local function at_exit()
  local run = session.current()
  if main.managed or not run or run.closed then
    return 0
  end
  local state = {}
  local ok, err = pcall(finish, state, loop.main.scope, true)
  if not ok then
    state.ok, state.err = false, err
  end
  if not state.ok then
    core.output(2, errors.format(state.err, { trace = state.trace }) .. "\n")
    return code_of(state.err)
  end
  return 0
end

--- Make the main thread of stock luajit a scope that is waited for when the
-- state closes, or at os.exit.
function main.attach()
  loop.main.scope = scope.root(config.current():get "on_error")
  local library = os
  function library.exit(code, ...) -- luacheck: ignore 122
    local failed = at_exit()
    code = exit_code(code)
    real_exit(code == 0 and failed or code, ...)
  end
  main.sentinel = newproxy(true)
  getmetatable(main.sentinel).__gc = function()
    local failed = at_exit()
    if failed ~= 0 then
      io.stdout:flush()
      real_exit(failed)
    end
  end
end

return main
