--- One request at a time to an engine, over neap.core. Waits for the answer.

local fault = require "neap.cli.fault"
local json = require "neap.cli.json"

local http = {}

local LIMIT_S = 30
local FIRST_ID = 2 ^ 40 -- far from those of neap.loop

local last_id = 0

local function wait_for(core, id, limit_s)
  local deadline = core.mono() + limit_s
  repeat
    for _, event in ipairs(core.step(math.max(0, deadline - core.mono()))) do
      if event.type == "http" and event.id == id then
        return event
      end
    end
  until core.mono() >= deadline
  core.cancel(id)
  return { error = ("no answer within %d s"):format(limit_s),
           code = "Timeout" }
end

local function raise_answer(event, path)
  local body = json.decode(event.body or "")
  local err = type(body) == "table" and body.error
  if type(err) ~= "table" then
    fault.raise("E_PROTO", nil, "the engine answered %s to %s",
                tostring(event.status), path)
  end
  fault.raise(err.kind or "E_PROTO", { hint = err.hint, field = err.field },
              "%s", err.message or "the engine gave no reason")
end

--- Send a request.
-- @param engine  { name=, path= } path of the socket
-- @param body    a table (sent as JSON) or nil
-- @return the raw answer: body, headers (names in lower case)
-- Raises E_CONN when the engine cannot be reached, the engine's own error when
-- it answers with one.
function http.raw(core, engine, method, path, body)
  last_id = last_id + 1
  local id = FIRST_ID + last_id
  core.http(id, engine.path, method, path, body and json.encode(body))
  local event = wait_for(core, id, LIMIT_S)
  if event.error then
    fault.raise("E_CONN", nil, "lost the engine '%s' (%s): %s", engine.name,
                engine.path, event.error)
  elseif event.status < 200 or event.status > 299 then
    raise_answer(event, path)
  end
  local headers = {}
  for name, value in pairs(event.headers or {}) do
    headers[name:lower()] = value
  end
  return event.body or "", headers
end

--- As raw, for JSON.
-- @return the decoded answer
function http.json(core, engine, method, path, body)
  local text = http.raw(core, engine, method, path, body)
  local value, message = json.decode(text)
  if type(value) ~= "table" then
    fault.raise("E_PROTO", nil, "the engine '%s' answered %s with bad JSON: %s",
                engine.name, path, tostring(message))
  end
  return value
end

--- Percent-encode a query value.
function http.escape(s)
  return (tostring(s):gsub("[^%w%-._~]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

--- A query string of the fields that are not nil, in name order.
function http.query(fields)
  local parts = {}
  for name, value in pairs(fields) do
    parts[#parts + 1] = name .. "=" .. http.escape(value)
  end
  table.sort(parts)
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

return http
