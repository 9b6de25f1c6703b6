--- Connections to an engine: HTTP and events over its Unix socket.
--
--   engine.open{ on=, engine= } -> conn    at once; conn.ready is a promise
--   engine.connect(target) -> conn         waits; raises E_CONN, E_PROTO
--   conn:get(path), conn:post(path, body), conn:request(method, path, body)
--       wait, return the decoded table, raise the error
--   conn:raw(method, path) -> { status=, body=, headers= }   waits
--   conn:send(method, path, body, fn)      fn(reply, err) later
--   conn:events(path, on_text, on_end) -> stop    with reconnects
--   conn.socket, conn.private, conn.pid, conn.info (connected ones), conn.lost

local config = require "neap.config"
local core = require "neap.core"
local engine_config = require "neap.engine_config"
local errors = require "neap.errors"
local json = require "neap.json"
local loop = require "neap.loop"
local promise = require "neap.promise"
local wait = require "neap.wait"

local engine = {}

local Conn = {}
Conn.__index = Conn

local API = 1
local GIVE_UP_S = 10

local function conn_error(fmt, ...)
  return errors.new("E_CONN", fmt:format(...))
end

local function new(private)
  return setmetatable({ ready = promise.new(), private = private }, Conn)
end

--- Nothing more can come from this engine.
function Conn:lose(err)
  if self.lost then
    return
  end
  self.lost = err
  promise.settle(self.ready, false, err)
  if self.on_lost then
    self.on_lost(err)
  end
end

-- The error of an answer that is not 2xx.
local function answer_error(status, object, body)
  if type(object) == "table" and type(object.error) == "table" then
    return errors.from_json(object.error)
  end
  return errors.new("E_PROTO", ("the engine answered %d: %s"):format(status,
    tostring(body):sub(1, 200)))
end

local function read_answer(event)
  local body = event.body or ""
  local object, message
  if body:find("^%s*[{%[]") then
    object, message = json.decode(body)
  end
  if event.status < 200 or event.status > 299 then
    return nil, answer_error(event.status, object, body)
  elseif message then
    return nil, errors.new("E_PROTO", "the engine's answer is no JSON: "
      .. message)
  end
  return object or {}
end

function Conn:_http(method, path, body, fn)
  -- what waits for the connection counts as busy, as what is under way does
  loop.busy = loop.busy + 1
  promise.on(self.ready, function(ready)
    loop.busy = loop.busy - 1
    if ready.settled == "err" or self.lost then
      fn(nil, self.lost or ready.value)
      return
    end
    local id = loop.once(function(event)
      if event.error then
        fn(nil, self.lost or conn_error("%s %s: %s", method, path,
          event.error))
      else
        fn(event)
      end
    end)
    core.http(id, self.socket, method, path, body)
  end)
end

--- Send a request; fn(object) or fn(nil, err) is called when it is answered.
-- @param body  table or JSON text, or nil
function Conn:send(method, path, body, fn)
  if type(body) == "table" then
    body = json.encode(body)
  end
  self:_http(method, path, body, function(event, err)
    if not event then
      fn(nil, err)
    else
      fn(read_answer(event))
    end
  end)
end

--- The decoded answer; raises. ⏸
function Conn:request(method, path, body)
  local reply, err = loop.wait(function(wake)
    self:send(method, path, body, wake)
  end)
  if not reply then
    error(err, 0)
  end
  return reply
end

function Conn:get(path)
  return self:request("GET", path)
end

function Conn:post(path, body)
  return self:request("POST", path, body)
end

--- The answer as it is: status, body, headers. ⏸
function Conn:raw(method, path, body)
  local event, err = loop.wait(function(wake)
    self:_http(method, path, body, wake)
  end)
  if not event then
    error(err, 0)
  elseif event.status > 299 then
    error(answer_error(event.status, json.decode(event.body or ""),
      event.body), 0)
  end
  return event
end

--- Follow a stream of events. It is taken up again where it broke off.
-- @param path     without a query
-- @param on_text  called with each event's text
-- @param on_end   called with the error when it cannot be had any more
-- @return a function that ends it
function Conn:events(path, on_text, on_end)
  local last, stopped, failed_s, id = 0, false, 0, nil
  local start
  local function broken(event)
    id = nil
    if stopped or self.lost then
      return
    elseif failed_s >= GIVE_UP_S then
      on_end(conn_error("lost the events of the engine at %s: %s",
        self.socket, event.error or "the stream ended"))
      return
    end
    local pause = math.min(1, 0.05 + failed_s)
    failed_s = failed_s + pause
    loop.timer(pause, start)
  end
  function start()
    if stopped or self.lost then
      return
    end
    id = loop.stream(function(event)
      if event.type == "sse_end" then
        loop.forget(id)
        broken(event)
        return
      end
      failed_s, last = 0, event.last or last
      for i = 1, #event.data do
        on_text(event.data[i])
      end
    end)
    local since = ("%s?since=%s"):format(path, tostring(last))
    core.sse(id, self.socket, since)
  end
  start()
  return function()
    stopped = true
    if id then
      loop.forget(id)
    end
  end
end

--- End of file for a private engine: it may go when the run has ended.
function Conn:close()
  if self.private then
    core.close_lifeline()
  end
end

-- A private engine ------------------------------------------------------------

local function on_line(self, event)
  local hello = json.decode(event.line)
  if type(hello) ~= "table" then
    self:lose(errors.new("E_PROTO", "the engine said: " .. event.line))
  elseif hello.error then
    self:lose(errors.from_json(hello.error))
  else
    self.socket, self.pid = hello.socket, hello.pid or self.pid
    promise.settle(self.ready, true, self)
  end
end

local function on_exit(self, event)
  self:lose(errors.new("E_CONN", ("the engine (pid %s) ended with status %s"
    .. " before the run had ended"):format(tostring(self.pid),
    tostring(event.status)),
    { hint = "its running tasks were stopped; run the script again" }))
end

local function spawn(fields)
  local self = new(true)
  local dir = engine_config.runtime_dir()
  core.mkdirs(dir, 448) -- 0700
  loop.on_type("engine", function(event) on_line(self, event) end)
  loop.on_type("engine_end", function(event) on_exit(self, event) end)
  local path = core.libexec .. "/neap-engine"
  local pid, message = core.spawn_engine(path, {},
    engine_config.private(fields))
  if not pid then
    self:lose(conn_error("cannot start %s: %s", path, tostring(message)))
  end
  self.pid = pid
  return self
end

-- An engine that is there -----------------------------------------------------

local function no_engine(target, path)
  local running = {}
  for _, socket in ipairs(core.sockets(engine_config.runtime_dir()) or {}) do
    if socket.alive then
      running[#running + 1] = socket.name
    end
  end
  local err = conn_error("no engine '%s' (socket %s is not there)", target,
    path)
  err.hint = #running > 0
    and "running engines: " .. table.concat(running, ", ") or nil
  return err
end

local function dial(target)
  local self = new(false)
  if target:find("^https?://") then
    self:lose(conn_error("not supported by this version: engines by URL"
      .. " ('%s'); give a socket or a name", target))
    return self
  end
  local path = target:find("/", 1, true) and target
    or engine_config.runtime_dir() .. "/" .. target .. ".sock"
  if not core.stat(path) then
    self:lose(no_engine(target, path))
    return self
  end
  self.socket = path
  local id = loop.once(function(event)
    local info, err
    if event.error then
      info, err = nil, conn_error("engine at %s: %s", path, event.error)
    else
      info, err = read_answer(event)
    end
    if info and info.api ~= API then
      info, err = nil, errors.new("E_PROTO", ("the engine at %s speaks API %s,"
        .. " this neap speaks %d"):format(path, tostring(info.api), API))
    end
    if not info then
      self:lose(err)
      return
    end
    self.info, self.pid = info, info.pid
    promise.settle(self.ready, true, self)
  end)
  core.http(id, path, "GET", "/v1/info")
  return self
end

--- Begin a connection; returns at once.
-- @param opts  on = target (nil: config, else a private engine);
--              engine = fields for a private engine's config
function engine.open(opts)
  opts = opts or {}
  local target = opts.on or config.current():get "engine.target"
  if target == nil or target == "embedded" then
    return spawn(opts.engine)
  end
  return dial(target)
end

--- Connect to an engine that is running. ⏸ Raises E_CONN, E_PROTO.
function engine.connect(target)
  target = target or config.current():get "engine.target"
  if target == nil then
    error(conn_error("no engine is named; give --on or set NEAP_ENGINE"), 0)
  end
  local self = dial(target)
  wait.settled(self.ready, GIVE_UP_S)
  if self.ready.settled ~= "ok" then
    error(self.lost or conn_error("engine '%s' does not answer", target), 0)
  end
  return self
end

return engine
