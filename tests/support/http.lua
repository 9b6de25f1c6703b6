--- HTTP over a Unix socket by curl: what the engine says, word for word.
-- a sanitizer that is preloaded into the test would hang curl
local CURL = "env -u LD_PRELOAD curl"
local cjson = require "cjson"
local system = require "support.system"

local http = {}

local quote = system.quote

local Client = {}
Client.__index = Client

--- @param world   for files
--- @param socket  of the engine
function http.new(world, socket)
  return setmetatable({ world = world, socket = socket }, Client)
end

local function run(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function parse_head(text)
  local headers = {}
  for name, value in text:gmatch("([%w-]+):%s*([^\r\n]*)") do
    headers[name:lower()] = value
  end
  return headers
end

--- One request; → { status, headers, body, doc (decoded JSON or nil) }.
-- @param body  table, text, or nil
function Client:request(method, path, body)
  local head = self.world:path "head"
  local command = (CURL .. " -s -X %s -D %s --unix-socket %s"):format(method,
    quote(head), quote(self.socket))
  if body then
    local text = type(body) == "table" and cjson.encode(body) or body
    command = command .. " -H 'Expect:' --data-binary @"
      .. quote(self.world:file("body", text))
  end
  local reply = { body = run(command .. " " .. quote("http://neap" .. path)) }
  local text = system.read(head) or ""
  reply.status = tonumber(text:match("^HTTP/1.1 (%d+)"))
  reply.headers = parse_head(text)
  local ok, doc = pcall(cjson.decode, reply.body)
  reply.doc = ok and doc or nil
  return reply
end

function Client:get(path)
  return self:request("GET", path)
end

function Client:post(path, body)
  return self:request("POST", path, body)
end

--- Events of a stream: list of { seq, text, doc }, whole ones only.
-- @param opts  last = Last-Event-ID; since; bytes = cut there;
--              seconds = at most (default 20)
function Client:events(run_id, opts)
  local command = (CURL .. " -sN -m %d --unix-socket %s"):format(
    (opts.seconds or 20) * system.slack, quote(self.socket))
  if opts.last then
    command = command .. " -H 'Last-Event-ID: " .. opts.last .. "'"
  end
  command = command .. " " .. quote(("http://neap/v1/runs/%s/events%s")
    :format(run_id, opts.since and "?since=" .. opts.since or ""))
  if opts.bytes then
    command = command .. " | head -c " .. opts.bytes
  end
  local list = {}
  for block in run(command):gmatch("(.-)\n\n") do
    local id, text = block:match("id: (%d+)\ndata: (.*)$")
    if id then
      list[#list + 1] = { seq = tonumber(id), text = text,
                          doc = cjson.decode(text) }
    end
  end
  return list
end

return http
