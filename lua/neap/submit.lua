--- From a task handle to the engine: digests first, parents before children,
-- then batches of POST /v1/tasks.
--
-- A task is `sent` when it stands in the queue (its children may follow),
-- `posted` when it is in a request, `acked` when the engine has taken it. One
-- request is under way at a time: two may overtake each other, and then tasks
-- would not be queued in the order in which the script made them. Meanwhile the
-- script makes the tasks of the next one.

local errors = require "neap.errors"
local failure = require "neap.failure"
local file = require "neap.file"
local inputs = require "neap.inputs"
local loop = require "neap.loop"
local promise = require "neap.promise"
local units = require "neap.units"

local submit = {}

local BATCH, BATCH_BYTES = 1000, 8 * 2 ^ 20
local TASK_BYTES = 32 * 2 ^ 20 -- with a batch before it: less than a request
local HIGH, LOW = 8000, 4000

local Submit = {}
Submit.__index = Submit

--- @param session  the session: run, conn, lost
function submit.new(session)
  return setmetatable({
    session = session, queue = {}, first = 1, last = 0,
    open = false,   -- is a request under way?
    unsent = 0,     -- tasks that were admitted and are not acked yet
    news = {},      -- tasks whose dependents are being told
  }, Submit)
end

local function call_all(list)
  for i = 1, list and #list or 0 do
    list[i]()
  end
end

-- Tell those that wait for `task`. What they do about it may be news in turn:
-- it is told afterwards, not inside, or a long chain would need a deep stack.
local function notify(task)
  local queue = task.session.submit_queue
  local news = queue.news
  news[#news + 1] = task
  if #news > 1 then
    return -- a caller of ours tells it
  end
  local i = 1
  while news[i] do
    local list = news[i].on_sent
    news[i].on_sent = nil
    call_all(list)
    i = i + 1
  end
  queue.news = {}
end

--- The task ends on this side: nobody else ever knew of it.
-- It does so once the run has an id, so that the error can name the task.
-- @param make_error  returns the error
function submit.fail(task, phase, make_error)
  promise.on(task.session.begun, function()
    if not task.settled then
      task:failed(phase, make_error())
      notify(task)
    end
  end)
end

local function fail_here(task, err)
  submit.fail(task, "failed", function() return failure.here(task, err) end)
end

local function fail_skipped(task, parent)
  submit.fail(task, "skipped", function()
    return failure.skipped(task, parent)
  end)
end

function Submit:_enqueue(task)
  if task.settled then
    return
  end
  task.sent = true
  self.last = self.last + 1
  self.queue[self.last] = task
  notify(task)
end

-- A parent that ended here without success; nil if there is none.
local function dead_parent(task)
  for _, dep in ipairs(task.deps or {}) do
    if dep.settled == "err" and not dep.posted then
      return dep
    end
  end
end

-- Is everything known that the task needs?
local function is_ready(task)
  for _, part in ipairs(task.parts) do
    local f = part.file
    if part.set or f and (not f._rec.sha or f._want) then
      return false
    end
  end
  for _, dep in ipairs(task.deps or {}) do
    if not dep.sent then
      return false
    end
  end
  return true
end

-- Count what must happen before the task may be queued; call `ready` then.
local function prepare(task, ready, failed)
  local left = 1
  local function one_less()
    left = left - 1
    if left == 0 then
      ready()
    end
  end
  local function await_file(f)
    if f._rec.sha and not f._want then
      return
    end
    left = left + 1
    file.when_known(f, function(err)
      if err then
        failed(err)
      else
        one_less()
      end
    end)
  end
  for _, part in ipairs(task.parts) do
    inputs.each_file(part, await_file)
  end
  for _, dep in ipairs(task.deps or {}) do
    if not dep.sent and not dep.settled then
      left = left + 1
      dep.on_sent = dep.on_sent or {}
      table.insert(dep.on_sent, one_less)
    end
  end
  one_less()
end

-- The script must not run ahead of the engine for ever.
function Submit:_hold_back()
  if self.last - self.first >= BATCH then
    self:flush()
    loop.poll()
  end
  if self.unsent > HIGH then
    loop.pump(function()
      return self.unsent <= LOW or self.session.lost
    end)
  end
end

function Submit:_admitted(task)
  self.unsent = self.unsent + 1
  task.counted = true
  if is_ready(task) then
    self:_enqueue(task)
    return
  end
  prepare(task, function()
    local dead = dead_parent(task)
    if dead then
      fail_skipped(task, dead)
    else
      self:_enqueue(task)
    end
  end, function(err) fail_here(task, err) end)
end

--- Begin to submit a task.
function Submit:add(task)
  if self.session.lost then
    fail_here(task, self.session.lost)
    return
  elseif task.scope.limiter then
    task.scope:admit(task, function() self:_admitted(task) end)
  else
    self:_admitted(task)
  end
  self:_hold_back()
end

--- The task needs no place in the queue any more.
function Submit:forget(task)
  if task.counted then
    task.counted = nil
    self.unsent = self.unsent - 1
  end
end

local function too_long(bytes)
  return errors.new("E_SPEC", ("its description has %s; at most %s (give long"
    .. " texts as files)"):format(units.format_size(bytes),
    units.format_size(TASK_BYTES)))
end

-- Take tasks from the queue into a request.
function Submit:_take()
  local batch, texts, bytes = {}, {}, 0
  while self.first <= self.last and #batch < BATCH and bytes < BATCH_BYTES do
    local task = self.queue[self.first]
    local dead = not task.settled and dead_parent(task)
    if dead then
      fail_skipped(task, dead)
    elseif not task.settled then
      local text = task:to_json()
      if #text > TASK_BYTES then
        fail_here(task, too_long(#text))
      else
        batch[#batch + 1], texts[#texts + 1] = task, text
        task.posted = true
        bytes = bytes + #text
      end
    end
    self.queue[self.first] = nil
    self.first = self.first + 1
  end
  return batch, texts
end

local function acked(self, task)
  task.acked = true
  task.parts, task.words, task.head = nil, nil, nil
  self:forget(task)
  local list = task.on_ack
  task.on_ack = nil
  call_all(list)
end

-- Put tasks of a refused request back to the front.
function Submit:_requeue(tasks)
  for i = #tasks, 1, -1 do
    local task = tasks[i]
    task.posted = nil
    self.first = self.first - 1
    self.queue[self.first] = task
  end
end

-- The engine takes all or none: without the bad one, the others go again.
function Submit:_refused(batch, err)
  local bad = type(err.index) == "number" and batch[err.index + 1]
  local rest = {}
  for _, task in ipairs(batch) do
    if task ~= bad and bad then
      rest[#rest + 1] = task
    else
      task.posted = nil
      fail_here(task, err)
    end
  end
  self:_requeue(rest)
end

--- Post what is ready.
function Submit:flush()
  local session = self.session
  if not session.run or session.lost or self.open then
    return
  end
  local batch, texts = self:_take()
  if #batch == 0 then
    return
  end
  self.open = true
  session.conn:send("POST", "/v1/tasks", ('{"run":"%s","tasks":[%s]}')
    :format(session.run, table.concat(texts, ",")), function(reply, err)
      self.open = false
      if reply then
        for i = 1, #batch do
          acked(self, batch[i])
        end
      elseif err.kind == "E_CONN" then
        session:lose(err)
      else
        self:_refused(batch, err)
      end
    end)
end

return submit
