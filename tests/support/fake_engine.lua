--- The engine's side of the protocol, in memory and in virtual time: runs,
-- tasks with dependencies, cancels, events. It packs nothing: a task starts
-- when its parents are done and one of `slots` is free.

local cjson = require "cjson"

local fake_engine = {}

local Engine = {}
Engine.__index = Engine

function fake_engine.new(core)
  local self = setmetatable({
    core = core, tasks = {}, order = {}, events = {}, slots = 2, running = 0,
    requests = {}, batches = {}, runs = 0, attempts = {}, seq = 0,
    behave = function() return {} end,
  }, Engine)

  function core.core.spawn_engine(path, argv, config)
    self.path, self.argv, self.config = path, argv, cjson.decode(config)
    if self.refuse then
      core.at(0, function()
        core.emit { type = "engine", line = cjson.encode {
          error = { kind = "E_CONN", message = self.refuse } } }
      end)
      return 77
    end
    core.at(0.01, function()
      core.emit { type = "engine", line = cjson.encode {
        socket = "/run/x.sock", agent_socket = "/run/x.agent.sock",
        pid = 77 } }
    end)
    return 77
  end

  function core.core.close_lifeline() self.lifeline_closed = true end

  function core.core.http(id, socket, method, path, body)
    self.socket = socket
    self.requests[#self.requests + 1] = method .. " " .. path
    local latency = self.latency or 0.001
    if type(latency) == "function" then
      latency = latency(method, path)
    end
    core.at(latency, function()
      if self.dead then
        core.emit { type = "http", id = id, error = "connection refused",
                    code = "Net" }
        return
      end
      local status, reply, headers = self:answer(method, path,
        body and body ~= "" and cjson.decode(body) or nil)
      core.emit { type = "http", id = id, status = status,
        body = type(reply) == "table" and cjson.encode(reply) or reply,
        headers = headers or {} }
    end)
  end

  function core.core.sse(id, _socket, path)
    self.requests[#self.requests + 1] = "SSE " .. path
    local since = tonumber(path:match("since=(%d+)")) or 0
    self.stream = id
    for i = since + 1, #self.events do
      self:_send(i)
    end
  end
  return self
end

function Engine:_send(i)
  if self.stream and not self.dead then
    local stream = self.stream
    self.core.at(0, function()
      self.core.emit { type = "sse", id = stream, last = i,
                       data = { self.events[i] } }
    end)
  end
end

function Engine:say(event)
  self.seq = self.seq + 1
  event.seq, event.at, event.run = self.seq, self.core.now, "r7"
  self.events[#self.events + 1] = cjson.encode(event)
  self:_send(#self.events)
end

--- Break the event stream, as a lost connection does.
function Engine:break_stream()
  local id = self.stream
  self.stream = nil
  self.core.at(0, function()
    self.core.emit { type = "sse_end", id = id, error = "reset" }
  end)
end

--- The process dies.
function Engine:die(status)
  self.dead = true
  self.core.at(0, function()
    self.core.emit { type = "engine_end", status = status or 139 }
  end)
end

local function row(task)
  return {
    id = task.id, run = "r7", n = task.spec.n, name = task.spec.name,
    state = task.state, attempt = task.attempt, alloc = task.alloc,
    labels = task.spec.labels, src = task.spec.src, exit = task.exit,
    runtime = task.runtime, outputs = task.outputs, stdout = task.stdout,
    stderr = task.stderr, error = task.error, cached = false,
  }
end

local over = { done = 1, failed = 1, cancelled = 1, skipped = 1 }

function Engine:_end(task, state, err)
  if over[task.state] then
    return
  end
  if task.state == "running" then
    self.running = self.running - 1
  end
  task.state, task.error = state, err
  self:say { kind = "task." .. state, task = task.id, row = row(task) }
  self:_wake()
end

function Engine:_object(text, name)
  local sha = require("support.fake_core").sha(text)
  self.core.objects[sha] = text
  return { name = name, sha256 = sha, size = #text }
end

local function outcome(self, task, did)
  local outputs = {}
  for _, output in ipairs(task.spec.outputs or {}) do
    local made = did.outputs and did.outputs[output.name]
    if made == nil and not output.optional then
      made = output.name .. " of " .. task.id .. "\n"
    end
    local files = {}
    if type(made) == "string" then
      files[1] = self:_object(made, output.place:match("[^/]+$"))
    elseif type(made) == "table" then
      for path, text in pairs(made) do
        local object = self:_object(text, path:match("[^/]+$"))
        object.path = path
        files[#files + 1] = object
      end
    end
    if made then
      outputs[output.name] = { kind = output.kind, files = files }
    end
  end
  return outputs
end

function Engine:_finish(task, did)
  if over[task.state] then
    return
  end
  task.exit, task.runtime = did.exit or 0, did.after or 1
  if did.stdout and did.stdout ~= "" then
    task.stdout = self:_object(did.stdout, "stdout")
  end
  if did.error or task.exit ~= 0 then
    local err = did.error or { kind = "E_EXIT", exit = task.exit,
      message = "exited with " .. task.exit, stderr_tail = did.stderr }
    local retry = task.spec.retry
    if retry and task.attempt <= retry.max then
      self.running, task.state = self.running - 1, "queued"
      self:say { kind = "task.retry", task = task.id, attempt = task.attempt,
                 error = err, delay = 0 }
      self:_wake()
      return
    end
    self:_end(task, "failed", err)
    return
  end
  task.outputs = outcome(self, task, did)
  self:_end(task, "done")
end

function Engine:_start(task)
  task.state, task.alloc = "running", "a1"
  task.attempt = task.attempt + 1
  self.running = self.running + 1
  self:say { kind = "task.start", task = task.id, attempt = task.attempt,
             alloc = "a1", node = "box" }
  local did = self.behave(task.spec, task.attempt) or {}
  if did.after ~= math.huge then
    self.core.at(did.after or 1, function() self:_finish(task, did) end)
  end
end

-- Parents of a task that are not done, or the one that cannot be any more.
local function parents(self, task)
  local open, bad = false, nil
  for _, n in ipairs(task.needs) do
    local parent = self.tasks[n]
    if over[parent.state] and parent.state ~= "done" then
      bad = bad or parent
    elseif parent.state ~= "done" then
      open = true
    end
  end
  return open, bad
end

function Engine:_wake()
  if self.waking then
    return
  end
  self.waking = true
  self.core.at(0, function()
    self.waking = false
    for _, task in ipairs(self.order) do
      if task.state == "waiting" or task.state == "queued" then
        local open, bad = parents(self, task)
        if bad then
          self:_end(task, "skipped", { kind = "E_UPSTREAM",
            message = bad.id .. " did not succeed", upstream = { bad.id } })
        elseif not open and self.running < self.slots then
          self:_start(task)
        end
      end
    end
    self:_maybe_end()
  end)
end

function Engine:_maybe_end()
  if not self.script_ended or self.ended then
    return
  end
  for _, task in ipairs(self.order) do
    if not over[task.state] then
      return
    end
  end
  self.ended = true
  self:say { kind = "run.end", row = { id = "r7", state = self.script_ended } }
end

local function refuse(index, message)
  return 400, { error = { kind = "E_SPEC", message = message, index = index } }
end

function Engine:_submit(body)
  if self.check then
    for i, spec in ipairs(body.tasks) do
      local problem = self.check(spec)
      if problem then
        return refuse(i - 1, problem)
      end
    end
  end
  local known = {}
  for i, spec in ipairs(body.tasks) do
    known[spec.n] = true
    local function missing(n) return not (known[n] or self.tasks[n]) end
    for _, input in ipairs(spec.inputs or {}) do
      if input.task and missing(input.task) then
        return refuse(i - 1, "unknown task " .. input.task)
      end
    end
  end
  self.batches[#self.batches + 1] = #body.tasks
  for _, spec in ipairs(body.tasks) do
    local task = { id = "r7." .. spec.n, spec = spec, state = "waiting",
                   attempt = 0, needs = {} }
    for _, input in ipairs(spec.inputs or {}) do
      if input.task then
        table.insert(task.needs, input.task)
      end
    end
    for _, n in ipairs(spec.after or {}) do
      table.insert(task.needs, n)
    end
    self.tasks[spec.n] = task
    table.insert(self.order, task)
  end
  self:_wake()
  return 200, { accepted = #body.tasks }
end

function Engine:_cancel(task, reason)
  self:_end(task, "cancelled", { kind = "E_CANCELLED",
    message = reason or "cancelled", reason = reason })
end

local routes = {}

routes["POST /v1/runs"] = function(self, body)
  self.run = body
  self.runs = self.runs + 1
  return 200, { id = "r7", uid = "u" }
end
routes["POST /v1/tasks"] = function(self, body) return self:_submit(body) end
routes["POST /v1/cancel"] = function(self, body)
  for _, id in ipairs(body.ids) do
    self:_cancel(self.tasks[tonumber(id:match("%d+$"))], body.reason)
  end
  return 200, { touched = #body.ids }
end
routes["POST /v1/runs/r7/cancel"] = function(self, body)
  self.cancel_mode = body.mode
  for _, task in ipairs(self.order) do
    if body.mode == "stop" or task.state ~= "running" then
      self:_cancel(task, body.reason)
    end
  end
  return 200, { touched = 0 }
end
routes["POST /v1/runs/r7/end"] = function(self, body)
  self.script_ended, self.end_body = body.state, body
  self:_maybe_end()
  return 200, {}
end
routes["GET /v1/info"] = function(self)
  return 200, { api = self.api or 1, version = "0.1.0", name = "lab", pid = 9,
                repo = "/repo" }
end

function Engine:answer(method, path, body)
  local route = routes[method .. " " .. path]
  if route then
    return route(self, body)
  end
  local n = path:match("^/v1/tasks/r7%.(%d+)")
  local task = n and self.tasks[tonumber(n)]
  if task and method == "PATCH" then
    task.patch = body
    return 200, row(task)
  elseif task and path:find("/why$") then
    return 200, { task = task.id, state = task.state, verdict = "capacity",
                  reasons = { { kind = "capacity", text = "no room" } } }
  elseif task and path:find("/log%?") then
    local text = path:find("stream=stdout", 1, true) and task.live or ""
    local offset = tonumber(path:match("offset=(%d+)"))
    return 200, text:sub(offset + 1), { ["X-Neap-Size"] = tostring(#text),
      ["X-Neap-Done"] = over[task.state] and "1" or "0" }
  elseif task then
    return 200, { task = { id = task.id,
      attempts = { { n = 1, alloc = "a1", exit = task.exit } } } }
  end
  return 404, { error = { kind = "E_NOENT", message = "no " .. path } }
end

return fake_engine
