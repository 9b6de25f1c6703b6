--- Task handles: made when a task is submitted, settled when it has ended.

local check = require "neap.check"
local errors = require "neap.errors"
local failure = require "neap.failure"
local future = require "neap.future"
local inputs = require "neap.inputs"
local loop = require "neap.loop"
local plan = require "neap.plan"
local promise = require "neap.promise"
local result = require "neap.result"
local session = require "neap.session"
local spec = require "neap.spec"
local template = require "neap.template"
local text = require "neap.file".text
local wait = require "neap.wait"

local task = {}

local Task, properties = {}, {}
task.Task = Task

function Task.__index(self, key)
  local property = properties[key]
  if property then
    return property(self)
  end
  return Task[key]
end

local function is_task(x)
  return getmetatable(x) == Task
end
task.is = is_task
future.is_task = is_task

wait.register(Task, function(self)
  return self, function() return self:result() end
end)

local ended = {
  done = true, failed = true, cancelled = true, skipped = true,
}

-- Tasks that `self` must wait for: producers of its inputs, and `after`.
local function add_dep(self, dep)
  local deps = self.deps or {}
  for _, known in ipairs(deps) do
    if known == dep then
      return
    end
  end
  deps[#deps + 1] = dep
  self.deps = deps
end

local function take_input(self, name, value)
  local parts, words = inputs.parts(name, value, self.plan.name)
  self.words[name] = words
  for _, part in ipairs(parts) do
    self.parts[#self.parts + 1] = part
    if part.task then
      add_dep(self, part.task)
      session.used(part.task, part.output)
    end
  end
end

local function take_stdin(self)
  local p = self.plan
  local value = p.raw.stdin
  if value == nil then
    return
  elseif type(value) == "string" then
    value = text("stdin", template.render(p.stdin_text, self))
  end
  local parts = inputs.parts("stdin", value, p.name)
  if #parts ~= 1 or parts[1].set then
    check.fail("stdin", "stdin of %s must be one file", p.what)
  end
  local part = parts[1]
  part.place = part.place:gsub("^in/stdin", "in/.stdin")
  self.stdin = #self.parts
  self.parts[#self.parts + 1] = part
  if part.task then
    add_dep(self, part.task)
    session.used(part.task, part.output)
  end
end

local function take_after(self)
  local list = self.plan.raw.after
  if list == nil then
    return
  end
  check.list(list, "after of " .. self.plan.what, "after")
  local numbers = {}
  for i, other in ipairs(list) do
    if not is_task(other) then
      check.fail("after", "item %d of after of %s must be a Task, not %s", i,
        self.plan.what, check.show(other))
    end
    add_dep(self, other)
    numbers[i] = ("%d"):format(other.n)
  end
  if #numbers > 0 then
    self.after = table.concat(numbers, ",")
  end
end

local function merged_labels(p, call, scope)
  local more = scope.labels
  if not call and not more then
    return p.labels
  end
  local out = {}
  for k, v in pairs(more or {}) do out[k] = v end
  for k, v in pairs(p.labels) do out[k] = v end
  for k, v in pairs(call or {}) do out[k] = v end
  return out
end

--- Make and submit a task.
-- @param p     plan
-- @param call  { inputs=, vars=, labels=, def= }
function task.submit(p, call)
  local scope = loop.current().scope
  scope:check_open()
  local where = errors.caller(3)
  local self = setmetatable({
    plan = p, name = p.name, call = call, scope = scope, words = {},
    parts = {}, where = call.def or where, called_from = call.def and where,
    vars = call.vars, labels = merged_labels(p, call.labels, scope),
    priority = p.priority + scope.priority, phase = "waiting",
  }, Task)
  for _, name in ipairs(p.input_names) do
    take_input(self, name, call.inputs[name])
  end
  take_after(self)
  self.src = self.called_from and self.called_from ~= self.where
    and self.where .. "  called from " .. self.called_from or self.where
  self.session = session.ensure()
  self.n = self.session:number()
  take_stdin(self)
  self.head = plan.head_json(p, self)
  self.session:submit(self)
  return self
end

-- inputs of neap.task: a map, or a bare list that is named `inputs`.
local function given_inputs(raw)
  local map = raw.inputs
  if map == nil then
    return {}
  end
  check.type(map, "table", "inputs of neap.task", "inputs")
  if getmetatable(map) ~= nil then
    check.fail("inputs", "inputs of neap.task must be a map or a list, not a"
      .. " single value; write { x = … }")
  end
  if map[1] ~= nil then
    return { inputs = check.list(map, "inputs of neap.task", "inputs") }
  end
  return map
end

--- neap.task(spec)
function task.task(raw)
  check.type(raw, "table", "the spec of neap.task")
  local given, input_of = given_inputs(raw), {}
  for name in pairs(given) do
    input_of[name] = true
  end
  local p = plan.new(raw, input_of, "neap.task")
  return task.submit(p, { inputs = given, vars = p.vars })
end

--- The wire SPEC; all digests are known.
function Task:to_json()
  local out = { self.head }
  if self.after then
    out[#out + 1] = ',"after":[' .. self.after .. "]"
  end
  if #self.parts > 0 then
    local list = {}
    for i, part in ipairs(self.parts) do
      list[i] = inputs.to_json(part)
    end
    out[#out + 1] = ',"inputs":[' .. table.concat(list, ",") .. "]"
  end
  if self.stdin then
    out[#out + 1] = (',"stdin":%d'):format(self.stdin)
  end
  out[#out + 1] = "}"
  return table.concat(out)
end

function properties.id(self)
  return self.session:wait_run() .. "." .. ("%d"):format(self.n)
end

--- The id if it is known, else "?"; never waits.
function Task:peek_id()
  local run = self.session.run
  return run and run .. "." .. ("%d"):format(self.n) or "?"
end

function properties.state(self)
  if self.phase ~= "waiting" then
    return self.phase
  end
  for _, dep in ipairs(self.deps or {}) do
    if not dep.settled then
      return "waiting"
    end
  end
  return "queued"
end

function properties.out(self)
  local out = future.table(self)
  rawset(self, "out", out)
  return out
end

function properties.spec(self)
  local copy = {}
  for field, value in pairs(self.plan.raw) do
    copy[field] = value
  end
  copy.name, copy.labels = self.name, self.labels
  copy.inputs, copy.vars = self.call.inputs, self.call.vars
  return copy
end

--- The Result of a task that is done.
function Task:result()
  if not self.made then
    self.made = result.new(self)
  end
  return self.made
end

--- The file or fileset of an output of a task that is done.
function Task:output(entry)
  local value = self:result().out[entry.name]
  if value == nil then
    error(errors.new("E_NOENT", ("task '%s' (%s) did not make its optional"
      .. " output '%s'"):format(self.name, self:peek_id(), entry.name),
      { task = self:peek_id() }), 0)
  end
  return value
end

--- The same, or nil when there is none yet; never waits.
function Task:peek(entry)
  return self.settled == "ok" and self:result().out[entry.name] or nil
end

--- t:await{timeout=} → Result, or raises. ⏸
function Task:await(opts)
  return wait.await_one(self, opts)
end

--- t:try{timeout=} → Result, or nil and the error. ⏸
function Task:try(opts)
  return wait.try_one(self, opts)
end

--- t:cancel(reason) → false if it has ended already
function Task:cancel(reason)
  if reason ~= nil then
    check.type(reason, "string", "the reason of cancel")
  end
  if self.settled then
    return false
  end
  self.session:cancel({ self }, reason or "cancelled by the script")
  return true
end

--- t:set{ priority=, labels=, timeout= }: change a live task.
function Task:set(changes)
  check.type(changes, "table", "the changes of :set")
  check.fields(changes, { priority = true, labels = true, timeout = true },
    "the changes of :set")
  local body = {}
  if changes.priority ~= nil then
    body.priority = check.integer(changes.priority, "priority", "priority",
      -2 ^ 31, 2 ^ 31)
    self.priority = body.priority
  end
  if changes.labels ~= nil then
    body.labels = spec.labels(changes.labels, self.plan.what)
    self.labels = body.labels
  end
  if changes.timeout ~= nil then
    body.timeout = check.time(changes.timeout, "timeout", "timeout")
  end
  if next(body) ~= nil and not self.settled then
    self.session:patch(self, body)
  end
end

--- t:retry(changes): submit it again, with changed fields. → the new Task
function Task:retry(changes)
  local raw = self.spec
  for field, value in pairs(changes or {}) do
    raw[field] = value
  end
  return task.task(raw)
end

--- t:attempts() → list of { n, alloc, node, started, ended, … } ⏸
function Task:attempts()
  local reply = self.session:get(self)
  return reply.task and reply.task.attempts or {}
end

--- t:why() → explain table; print it. ⏸
function Task:why()
  local why = self.session:get(self, "/why")
  why.name = why.name or self.name
  return setmetatable(why, { __tostring = require("neap.view").why })
end

--- t:logs{ stream=, follow=, tail= } → iterator of lines ⏸
function Task:logs(opts)
  return require("neap.logs").lines(self, opts)
end

--- It runs, waits again, …: an event that does not end it.
function Task:moved(phase, event)
  if not self.settled then
    self.phase = phase
    self.alloc, self.attempt = event.alloc or self.alloc, event.attempt
  end
end

local function publish(self)
  local res = self:result()
  for name, dest in pairs(self.plan.publish) do
    local value = res.out[name]
    if value then
      value:publish(dest)
      session.used(self, name)
    end
  end
end

local function settle(self, phase, ok, value)
  local was_running = self.phase == "running"
  self.phase = phase
  self.parts, self.words, self.head, self.deps = nil, nil, nil, nil
  self.session:over(self, was_running)
  promise.settle(self, ok, value)
  self.scope:task_ended(self)
end

--- It has ended; `row` is its ROW of the protocol.
function Task:ended(row)
  if self.settled then
    return
  end
  self.row = row
  local phase = ended[row.state] and row.state or "failed"
  if phase ~= "done" then
    self:failed(phase, failure.of_row(self, row))
    return
  end
  if self.plan.publish then
    local ok, err = pcall(publish, self)
    if not ok then
      err = errors.is(err) and err
        or errors.new("E_TRANSFER", tostring(err))
      err.task, err.where = self:peek_id(), self.where
      self:failed("failed", err)
      return
    end
  end
  settle(self, "done", true, self)
end

--- It has ended without success.
function Task:failed(phase, err)
  if self.settled then
    return
  end
  self.causes = err.upstream_tasks
  err.upstream_tasks = nil
  settle(self, phase, false, err)
end

function Task:__tostring()
  return ("Task(%s %s %s)"):format(self:peek_id(), self.name, self.phase)
end

return task
