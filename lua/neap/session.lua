--- One run on an engine: submission in batches, events to task states.
--
-- For the command line:
--
--   session.current() -> Session or nil   nil until the run was begun
--   session:on_event(fn) -> off           fn(event), event.kind of the protocol
--       ("task.start", "task.done", "alloc.live", …), and the client's own
--       "task.submit" { task, name }, "run.start" { run }, "engine.lost" { error }
--   session.run          "r7", nil until the engine has answered
--   session.private      is the engine ours?
--   session.counters     .total and .by_name[NAME], each
--       { submitted, queued, running, done, cached, failed, cancelled, skipped }
--       and .names: list in order of first submission. Sums never go back.
--   session.allocs       id -> last alloc event
--   session.conn         the connection, see neap.engine
--   session:cancel_run(mode, reason)      "finish" | "stop"; returns at once
--   session.options      { on=, engine=, script=, args=, labels=, on_error=,
--                          detach= } of the next run

local core = require "neap.core"
local counters = require "neap.counters"
local digest = require "neap.digest"
local engine = require "neap.engine"
local errors = require "neap.errors"
local failure = require "neap.failure"
local json = require "neap.json"
local loop = require "neap.loop"
local params = require "neap.params"
local promise = require "neap.promise"
local submit = require "neap.submit"
local wait = require "neap.wait"

local session = { options = {} }

local END_S = 30 -- for the engine to say that the run has ended

local Session = {}
Session.__index = Session

local current
local watchers = {} -- told when a session begins

--- The run in progress, or nil.
function session.current()
  return current
end

--- Call `fn(session)` when the run begins.
function session.on_start(fn)
  watchers[#watchers + 1] = fn
end

--- An output was used: as an input, read, or saved.
function session.used(task, name)
  local left = task.unused
  if left and left.names then
    left.used = left.used or {}
    left.used[name] = true
  end
end

--- Tell everybody who follows the run.
function Session:tell(event)
  for fn in pairs(self.listeners) do
    fn(event)
  end
end

--- Follow the run. → a function that ends it
function Session:on_event(fn)
  self.listeners[fn] = true
  return function() self.listeners[fn] = nil end
end

-- Events ----------------------------------------------------------------------

local ends = {
  ["task.done"] = true, ["task.failed"] = true, ["task.cancelled"] = true,
  ["task.skipped"] = true,
}
local moves = {
  ["task.start"] = "running", ["task.retry"] = "queued",
  ["task.lost"] = "queued",
}

local function count_move(self, task, phase)
  local was = task.phase == "running"
  local is = phase == "running"
  if was ~= is then
    self.counters:add(task.name, "running", is and 1 or -1)
    self.counters:add(task.name, "queued", is and -1 or 1)
  end
end

--- Called by scope when a task of this session has ended.
function Session:over(task, was_running)
  local phase = task.phase
  self.counters:add(task.name, was_running and "running" or "queued", -1)
  self.counters:add(task.name, phase, 1)
  if task.row and task.row.cached then
    self.counters:add(task.name, "cached", 1)
  end
  self.submit_queue:forget(task)
  self.tasks[task.n] = nil
  if phase ~= "done" then
    self.ended_badly[task.n] = task
  elseif task.unused then
    local left, made = task.unused, task.row.outputs or {}
    left.done = true
    for _, output in ipairs(left.names) do
      if output.optional and not made[output.name] then
        session.used(task, output.name) -- there is nothing to use
      end
    end
  end
end

function Session:_task_of(event)
  local id = event.task or event.row and event.row.id
  return id and self.tasks[tonumber(id:match("%.(%d+)$"))]
end

function Session:_on_text(text)
  local event, message = json.decode(text)
  if not event then
    self:lose(errors.new("E_PROTO", "an event of the engine is no JSON: "
      .. message))
    return
  end
  local kind = event.kind
  local task = self:_task_of(event)
  if task and ends[kind] then
    task:ended(event.row)
  elseif task and moves[kind] then
    count_move(self, task, moves[kind])
    task:moved(moves[kind], event)
  elseif event.alloc and kind:find("^alloc%.") then
    self.allocs[event.alloc] = event
  elseif kind == "run.end" then
    self.stop_events()
    promise.settle(self.ended, true, event.row or {})
  end
  self:tell(event)
end

--- The engine is lost: everything that waits for it fails.
function Session:lose(err)
  if self.lost then
    return
  end
  self.lost = err
  self:tell { kind = "engine.lost", error = err }
  promise.settle(self.begun, false, err)
  local open = {}
  for _, task in pairs(self.tasks) do
    open[#open + 1] = task
  end
  table.sort(open, function(a, b) return a.n < b.n end)
  for _, task in ipairs(open) do
    submit.fail(task, "failed", function() return failure.here(task, err) end)
  end
  promise.settle(self.ended, false, err)
end

-- Begin -----------------------------------------------------------------------

local function run_request(options)
  local args = options.args
  return {
    script = options.script, user = core.user(),
    args = args and #args > 0 and args or nil,
    params = next(params.values) ~= nil and params.values or nil,
    labels = options.labels and next(options.labels) ~= nil
      and options.labels or nil,
    on_error = options.on_error, detach = options.detach,
  }
end

local function begin_run(self)
  self.conn:send("POST", "/v1/runs", run_request(session.options),
    function(reply, err)
      if not reply then
        self:lose(err)
        return
      end
      self.run = reply.id
      self.stop_events = self.conn:events("/v1/runs/" .. self.run .. "/events",
        function(text) self:_on_text(text) end,
        function(lost) self:lose(lost) end)
      promise.settle(self.begun, true, self)
      self:tell { kind = "run.start", run = self.run }
      self.submit_queue:flush()
    end)
end

-- Texts go to the engine's own repository, which is known once it answers.
local function use_repository(self)
  if self.private then
    return
  end
  function digest.repo()
    return self.conn.info and self.conn.info.repo or digest.default_repo()
  end
  function digest.with_repo(fn)
    promise.on(self.conn.ready, function(ready)
      if ready.settled == "err" then
        fn(nil, ready.value)
      else
        fn(digest.repo())
      end
    end)
  end
end

local function begin()
  local self = setmetatable({
    tasks = {}, ended_badly = {}, allocs = {}, listeners = {}, next_n = 0,
    unused = {}, counters = counters.new(), begun = promise.new(),
    ended = promise.new(), started = core.wall(), stop_events = function() end,
  }, Session)
  self.submit_queue = submit.new(self)
  self.conn = engine.open(session.options)
  self.private = self.conn.private
  self.conn.on_lost = function(err)
    if not self.ended.settled then
      self:lose(err)
    end
  end
  use_repository(self)
  loop.before_wait(function() self.submit_queue:flush() end)
  for _, fn in ipairs(watchers) do
    fn(self)
  end
  if self.conn.lost then
    self:lose(self.conn.lost)
  end
  begin_run(self)
  return self
end

--- The run in progress; begins it, without waiting.
function session.ensure()
  if not current then
    current = begin()
  elseif current.closed then
    errors.raise("E_CONN", "the run has ended; no task can be added to it")
  end
  return current
end

-- Tasks -----------------------------------------------------------------------

--- The number of the next task.
function Session:number()
  self.next_n = self.next_n + 1
  return self.next_n
end

--- Take a task that was just made.
function Session:submit(task)
  self.tasks[task.n] = task
  if #task.plan.outputs > 0 then
    task.unused = { n = task.n, names = task.plan.outputs }
    self.unused[#self.unused + 1] = task.unused
  end
  self.counters:add(task.name, "submitted", 1)
  self.counters:add(task.name, "queued", 1)
  task.scope:task_began(task)
  if next(self.listeners) ~= nil then
    self:tell { kind = "task.submit", task = task:peek_id(),
                name = task.name }
  end
  self.submit_queue:add(task)
end

--- The run's id. Waits for it, without letting fibers run.
function Session:wait_run()
  if not self.run then
    loop.pump(function() return self.run or self.lost end)
    if not self.run then
      error(self.lost or errors.new("E_INTERNAL", "the run has no id"), 0)
    end
  end
  return self.run
end

--- A task of this run that is alive or did not succeed by its id, or nil.
function Session:find(id)
  local run, n = id:match("^(.*)%.(%d+)$")
  n = run == self.run and tonumber(n)
  return n and (self.tasks[n] or self.ended_badly[n]) or nil
end

-- Do it when the engine knows the task.
local function when_acked(task, fn)
  if task.acked then
    fn()
  else
    task.on_ack = task.on_ack or {}
    table.insert(task.on_ack, fn)
  end
end

function Session:_report(err)
  if err and err.kind ~= "E_CONN" then
    require("neap.log").warn("%s", tostring(err))
  end
end

--- End tasks; those that the engine does not know yet end at once.
function Session:cancel(tasks, reason)
  for _, task in ipairs(tasks) do
    task.cancel_wanted = true
    if not task.settled and not task.posted then
      submit.fail(task, "cancelled", function()
        return failure.here(task, errors.new("E_CANCELLED", reason,
          { reason = reason }))
      end)
    elseif not task.settled then
      self:_cancel_later(task, reason)
    end
  end
end

-- Cancels of one tick go as one request.
function Session:_cancel_later(task, reason)
  when_acked(task, function()
    local pending = self.cancels
    if pending and pending.reason == reason then
      table.insert(pending.ids, task.id)
      return
    end
    self.cancels = { ids = { task.id }, reason = reason }
    local mine = self.cancels
    loop.timer(0, function()
      if self.cancels == mine then
        self.cancels = nil
      end
      self.conn:send("POST", "/v1/cancel", mine, function(_, err)
        self:_report(err)
      end)
    end)
  end)
end

--- Change a live task.
function Session:patch(task, changes)
  when_acked(task, function()
    self.conn:send("PATCH", "/v1/tasks/" .. task.id, changes,
      function(_, err) self:_report(err) end)
  end)
end

--- Wait until the engine knows the task, or it has ended here. ⏸
function Session:wait_known(task)
  if task.acked or task.settled then
    return
  end
  loop.wait(function(wake)
    when_acked(task, wake)
    promise.on(task, function() wake() end)
  end)
end

--- GET below /v1/tasks/ID of a task; raises E_NOENT when the engine never got
-- it. ⏸
function Session:get(task, path)
  self:wait_known(task)
  return self.conn:get("/v1/tasks/" .. task.id .. (path or ""))
end

--- Cancel the run: "finish" (what waits or is queued) or "stop" (all).
function Session:cancel_run(mode, reason)
  local unposted = {}
  for _, task in pairs(self.tasks) do
    if not task.posted then
      unposted[#unposted + 1] = task
    end
  end
  self:cancel(unposted, reason)
  if not self.lost then
    promise.on(self.begun, function()
      if not self.run then
        return
      end
      -- after what is under way: a task must not slip in behind it
      self.conn:send("POST", "/v1/runs/" .. self.run .. "/cancel",
        { mode = mode, reason = reason },
        function(_, err) self:_report(err) end)
    end)
  end
end

--- Say that the script has ended, and wait until the run has. ⏸
-- @param state  "done" | "failed"
-- @param err    error of the run, or nil
function Session:finish(state, err)
  self.closed = true
  if not self.lost then
    wait.settled(self.begun)
  end
  if self.lost then
    return
  end
  local body = { state = state }
  if err ~= nil then
    body.error = {
      kind = errors.is(err) and err.kind or "E_SCRIPT",
      message = errors.is(err) and err.message or tostring(err),
    }
  end
  self.conn:send("POST", "/v1/runs/" .. self.run .. "/end", body,
    function(_, problem)
      if problem then
        self:lose(problem)
      end
    end)
  if not wait.settled(self.ended, END_S) then
    require("neap.log").warn("the engine did not confirm the end of %s in %d s",
      self.run, END_S)
  end
  self.stop_events()
  self.conn:close()
end

--- Outputs that nobody used, of tasks that were done.
-- @return list of { task=, output= }
function Session:unused_outputs()
  local list = {}
  for _, entry in ipairs(self.unused) do
    for _, output in ipairs(entry.done and entry.names or {}) do
      if not (entry.used and entry.used[output.name]) then
        list[#list + 1] = {
          task = ("%s.%d"):format(self.run or "?", entry.n),
          output = output.name,
        }
      end
    end
  end
  return list
end

return session
