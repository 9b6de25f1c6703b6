--- Tasks: what a person holds, and the record behind it.
--
-- The record (docs/design/sched-lua.md) is the scheduler's; a person reads it
-- through the task, and writes nothing but two hints. `task.move` is the only
-- function that changes the state.

local duration = require "neap.sched.duration"
local errors = require "neap.sched.errors"
local filesets = require "neap.sched.fileset"
local shared = require "neap.sched.resources_shared"
local state = require "neap.sched.state"
local suggest = require "neap.suggest"

local task = {}

local RECORD = {} -- key of the record in a task

-- What can be read of a task beside the fields it was made of; the rest of the
-- record is nobody's business.
local readable = {
  err = true, result = true, run_info = true, exec = true, taskdb = true,
  config = true,
}

local Task = {}

--- The record of a task; nil if `value` is none.
function task.record(value)
  return type(value) == "table" and getmetatable(value) == Task
    and rawget(value, RECORD) or nil
end

-- ---- making one -----------------------------------------------------------

local types = { exec = true, intern = true, extern = true }

local function check_type(kind)
  if not types[kind] then
    errors.raise("type of a task is exec, intern or extern, not '%s'",
      tostring(kind))
  end
  return kind
end

local function check_priority(value)
  if type(value) ~= "number" or value ~= math.floor(value)
    or math.abs(value) > 2 ^ 31 - 1 then
    errors.raise("priority is a whole number from -2^31 + 1 to 2^31 - 1 (low "
      .. "first), not %s", tostring(value))
  end
  return value
end

local function is_a(kind)
  return function(value, name)
    if type(value) ~= kind then
      errors.raise("%s of a task is a %s, not a %s", name, kind, type(value))
    end
    return value
  end
end

local check_table = is_a "table"

-- A list of arguments: each a fileset that goes in, or an output.
local function check_args(args, name)
  for i, arg in ipairs(check_table(args, name)) do
    if type(arg) ~= "table" or (arg.fileset == nil and not arg.out) then
      errors.raise("args[%d] of a task is { fileset = fs } or { out = true, "
        .. "index = n }", i)
    elseif arg.fileset ~= nil and not filesets.is(arg.fileset) then
      errors.raise("args[%d].fileset of a task is a %s, not a fileset "
        .. "(sched.fileset{ … })", i, type(arg.fileset))
    elseif arg.index ~= nil and (type(arg.index) ~= "number"
      or arg.index < 0 or arg.index % 1 ~= 0) then
      errors.raise("args[%d].index of a task is a whole number from 0 on, "
        .. "not %s", i, tostring(arg.index))
    end
  end
  return args
end

local function check_labels(labels, what)
  for name, value in pairs(check_table(labels, what)) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.raise("labels of a task are texts by name; '%s' is a %s",
        tostring(name), type(value))
    end
  end
  return labels
end

local function check_repository(repository)
  if type(repository) ~= "table" and type(repository) ~= "userdata" then
    errors.raise("repository of a task is an object such as "
      .. "sched.repository.memory(), not a %s", type(repository))
  end
  return repository
end

-- How each field is read.
local fields = {
  type = check_type, ident = is_a "string", cmd = is_a "string",
  image = is_a "string", url = is_a "string", args = check_args,
  resources = shared.from, repository = check_repository,
  priority = check_priority, post_use_checksum = is_a "boolean",
  expected_duration = duration.seconds, run_id = is_a "string",
  flow_id = is_a "string", labels = check_labels, log = is_a "function",
}

local function unknown(name)
  errors.raise("unknown field '%s' of a task%s", tostring(name),
    suggest.hint(name, fields))
end

local NOTHING = shared.from {}
local NO_ARGS = {}

-- What a task does not say.
local defaults = {
  type = "exec", priority = 0, resources = NOTHING, args = NO_ARGS,
  post_use_checksum = false,
}
local Config = { __index = defaults }

-- A record has what changes; what it was made of is in `config`.
local Record = {}

function Record.__index(record, name)
  return rawget(record, "config")[name]
end

-- Tables with room for what they will hold: one that grows key by key is made
-- anew again and again.
local function new_config()
  local config = {
    type = "exec", priority = 0, resources = NOTHING, args = NO_ARGS,
    ident = 0, cmd = 0, repository = 0, expected_duration = 0,
  }
  config.ident, config.cmd = nil, nil
  config.repository, config.expected_duration = nil, nil
  return config
end

local function new_record()
  local r = {
    state = 0, attempt = 0, config = 0, task = 0, sched = 0, id = 0, key = 0,
    n = 0, live_at = 0, submitted = 0, slot = 0, handle = 0, attempt_now = 0,
    alloc = 0, started = 0, exec = 0, result = 0, outcome = 0, ended = 0,
    repository = 0, err = 0, waiters = 0, taskdb = 0, run_info = 0,
  }
  r.sched, r.id, r.key, r.n, r.live_at = nil, nil, nil, nil, nil
  r.submitted, r.slot, r.handle, r.attempt_now = nil, nil, nil, nil
  r.alloc, r.started, r.exec, r.result = nil, nil, nil, nil
  r.outcome, r.ended, r.repository, r.err = nil, nil, nil, nil
  r.waiters, r.taskdb, r.run_info = nil, nil, nil
  return r
end

--- A task, not yet submitted.
-- @param spec  fields of docs/sched.md; unknown ones raise
function task.new(spec)
  if type(spec) ~= "table" then
    errors.raise("sched.task takes a table of fields, not a %s", type(spec))
  end
  local config = setmetatable(new_config(), Config)
  for name, value in pairs(spec) do
    config[name] = (fields[name] or unknown(name))(value, name)
  end
  local record = setmetatable(new_record(), Record)
  local t = setmetatable({ [RECORD] = record }, Task)
  record.config, record.task = config, t
  return t
end

-- ---- what happens to it ---------------------------------------------------

--- Change the state: counts, and wakes who waits for it.
function task.move(record, to)
  local from = record.state
  record.state = to
  record.sched.stats:moved(record, from, to)
  local waiters = record.waiters
  if not waiters then
    return
  end
  local left
  for i = 1, #waiters do
    local waiter = waiters[i]
    if waiter.least <= to then
      waiter.promise:resolve(true)
    else
      left = left or {}
      left[#left + 1] = waiter
    end
  end
  record.waiters = left
end

local function forget(record, waiter)
  for i, other in ipairs(record.waiters or {}) do
    if other == waiter then
      table.remove(record.waiters, i)
      return
    end
  end
end

-- ---- methods --------------------------------------------------------------

local methods = {}

--- The state's name: "init" "staging" "running" "lost" "done".
function methods.state(self)
  return state.name(self[RECORD].state)
end

--- The digest of the current attempt. Raises before the task was accepted.
function methods.id(self)
  local id = self[RECORD].id
  if not id then
    errors.raise("the task has no id before it was accepted; submit it first")
  end
  return id
end

--- How often it was lost.
function methods.attempt(self)
  return self[RECORD].attempt
end

--- Wait until the state is at least `name`. Suspends.
-- @param timeout  seconds or a time; nil: for ever; 0: only look
-- @return true, or nil and an error of kind Timeout
function methods.wait(self, name, timeout)
  local record = self[RECORD]
  local least = state[name]
  if type(least) ~= "number" then
    errors.raise("'%s' is no state to wait for%s", tostring(name),
      suggest.hint(name, state) .. "; states are init, staging, running, "
        .. "lost and done")
  end
  local s = record.sched
  local seconds = timeout and duration.seconds(timeout, "timeout")
  if record.state >= least then
    return true
  elseif not s and seconds ~= 0 then
    errors.raise("the task was not submitted: submit it before you wait")
  elseif seconds == 0 then
    return nil, errors.new("Timeout", "the task is %s, not yet %s",
      self:state(), name)
  end
  local waiter = { least = least, promise = s.clock:promise() }
  record.waiters = record.waiters or {}
  table.insert(record.waiters, waiter)
  local ok, err = waiter.promise:wait(seconds)
  if not ok then
    forget(record, waiter)
    return nil, err
  end
  return true
end

--- Why does it wait? See the scheduler's `why`.
function methods.explain(self)
  local s = self[RECORD].sched
  if not s then
    errors.raise("the task was not submitted")
  end
  return s.face:why(self)
end

function Task.__index(self, name)
  local method = methods[name]
  if method then
    return method
  end
  if fields[name] or readable[name] then
    return self[RECORD][name]
  end
  return nil
end

local settable = {
  priority = function(record, value)
    record.priority = check_priority(value)
    if record.handle then
      record.sched:reprioritize(record)
    end
  end,
  expected_duration = function(record, value)
    record.expected_duration = duration.seconds(value, "expected_duration")
    record.config.expected_duration = record.expected_duration
    if record.handle then
      record.sched:expect(record)
    end
  end,
}

function Task.__newindex(self, name, value)
  local record = self[RECORD]
  local set = settable[name]
  if not set then
    errors.raise("'%s' of a task cannot be set; priority and "
      .. "expected_duration can", tostring(name))
  elseif record.state ~= state.init then
    errors.raise("%s can be set while the task is queued; it is %s", name,
      state.name(record.state))
  end
  set(record, value)
end

function Task.__tostring(self)
  local record = self[RECORD]
  return ("task %s (%s)"):format(record.ident or record.key or "?",
    state.name(record.state))
end

return task
