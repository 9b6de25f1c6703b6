--- Errors as text and JSON, and whether two say the same.

local json = require "neap.json"

local text = {}

--- Kind → what it says in a message.
text.kinds = {
  Other = "unknown error", Canceled = "canceled", Timeout = "timeout",
  Temporary = "temporary", NotExist = "resource does not exist",
  NotAllowed = "access denied", NotSupported = "operation not supported",
  TooManyTries = "too many tries", Integrity = "integrity error",
  ResourcesExhausted = "resources exhausted", Eval = "evaluation error",
  Unavailable = "unavailable", Fatal = "fatal", Invalid = "invalid",
  Net = "network error", Precondition = "precondition was not met",
  OOM = "OOM error", Module = "module", Exec = "exec",
}

local kinds = text.kinds

--- A value in a message: text in quotes, anything else than a number or a
-- boolean by its type.
function text.show(value)
  local kind = type(value)
  if kind == "string" then
    return "'" .. (#value > 60 and value:sub(1, 57) .. "..." or value) .. "'"
  elseif kind == "number" or kind == "boolean" or kind == "nil" then
    return tostring(value)
  end
  return "a " .. kind
end

local DEEPEST = 64 -- causes that are shown: a chain may be a ring

-- What an error says itself, without its cause. `above` is the kind that was
-- printed last: a kind is printed once.
local function say(err, above)
  local parts = {}
  if err.op then
    parts[1] = err.args and err.op .. " " .. table.concat(err.args, " ")
      or err.op
  end
  if err.kind ~= "Other" and err.kind ~= above then
    parts[#parts + 1] = kinds[err.kind]
  end
  parts[#parts + 1] = err.message
  return table.concat(parts, ": ")
end

--- `op args: kind text: message`, then the cause: after ":\n\t" if it has an
-- operation, after ": " if not.
function text.render(err)
  local out, above, cause = say(err), err.kind, err.cause
  for _ = 1, DEEPEST do
    if not cause then
      break
    end
    local said = say(cause, above)
    if said ~= "" then
      local between = out == "" and "" or cause.op and ":\n\t" or ": "
      out = out .. between .. said
    end
    above = cause.kind ~= "Other" and cause.kind or above
    cause = cause.cause
  end
  return out ~= "" and out or kinds.Other
end

local function push_list(parts, name, list, encode)
  if list then
    local items = {}
    for i = 1, #list do
      items[i] = encode(list[i])
    end
    parts[#parts + 1] = ('"%s":[%s]'):format(name, table.concat(items, ","))
  end
end

--- One JSON object; the order of its fields never changes.
-- @param depth  how far down the causes it is; default 1
function text.encode(err, depth)
  depth = depth or 1
  local parts = { '"kind":' .. json.encode(err.kind) }
  for _, name in ipairs { "op", "message", "where" } do
    if err[name] then
      parts[#parts + 1] = ('"%s":%s'):format(name, json.encode(err[name]))
    end
  end
  push_list(parts, "args", err.args, json.encode)
  push_list(parts, "errors", err.errors, text.encode)
  if err.cause and depth < DEEPEST then
    parts[#parts + 1] = '"cause":' .. text.encode(err.cause, depth + 1)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

text.decode = json.decode

local function text_or_nil(value)
  return value == nil or type(value) == "string"
end

-- Every element through `take`; nil if one is refused.
local function take_list(list, take)
  if type(list) ~= "table" then
    return nil
  end
  local out = {}
  for i = 1, #list do
    out[i] = take(list[i])
    if out[i] == nil then
      return nil
    end
  end
  return out
end

local function take_text(value)
  return type(value) == "string" and value or nil
end

--- The error that a decoded object describes, or nil if it describes none.
-- @param meta  metatable of errors
function text.adopt(object, meta)
  if type(object) ~= "table" or not kinds[object.kind]
    or not text_or_nil(object.op) or not text_or_nil(object.message)
    or not text_or_nil(object.where) then
    return nil
  end
  local function adopt(inner)
    return text.adopt(inner, meta)
  end
  local args = object.args and take_list(object.args, take_text)
  local list = object.errors and take_list(object.errors, adopt)
  local cause = object.cause and adopt(object.cause)
  if object.args and not args or object.errors and not list
    or object.cause and not cause then
    return nil
  end
  return setmetatable({
    kind = object.kind, op = object.op, message = object.message,
    where = object.where, args = args, errors = list, cause = cause,
  }, meta)
end

local function equal_lists(a, b)
  if a == nil or b == nil then
    return a == b
  end
  if #a ~= #b then
    return false
  end
  for i = 1, #a do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

--- Two errors are equal if all their fields are, down to the last cause.
function text.equal(a, b)
  return a.kind == b.kind and a.op == b.op and a.message == b.message
    and a.where == b.where and a.cause == b.cause
    and equal_lists(a.args, b.args) and equal_lists(a.errors, b.errors)
end

return text
