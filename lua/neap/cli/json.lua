--- JSON for the outside: lists that stay lists when empty, keys in order,
-- whole numbers exact. (neap.json, for the engine, writes {} for every empty
-- table and at most 14 digits.)

local cjson = require "cjson"
local plain = require "neap.json"

local json = {}

local list_mark = { __name = "json list" }

--- Mark `t` as a list, so that it is written as [] when empty.
function json.list(t)
  return setmetatable(t, list_mark)
end

local function is_list(t)
  return getmetatable(t) == list_mark or #t > 0
end

local function encode_number(n)
  if n ~= n or n == math.huge or n == -math.huge then
    return "null"
  elseif n == math.floor(n) and math.abs(n) < 2 ^ 53 then
    return ("%.0f"):format(n)
  end
  return ("%.14g"):format(n)
end

-- Bytes that are no UTF-8 become U+FFFD: a name or a message may hold any.
local function valid_utf8(s)
  if not s:find "[\128-\255]" then
    return s
  end
  local out, i = {}, 1
  while i <= #s do
    local char = s:match("^[%z\1-\127]+", i)
      or s:match("^[\194-\223][\128-\191]", i)
      or s:match("^[\224-\239][\128-\191][\128-\191]", i)
      or s:match("^[\240-\244][\128-\191][\128-\191][\128-\191]", i)
    out[#out + 1] = char or "\239\191\189"
    i = i + (char and #char or 1)
  end
  return table.concat(out)
end

local function encode_string(s)
  return (cjson.encode(valid_utf8(s)):gsub("\\/", "/"))
end

local encode

local function encode_table(t)
  local parts = {}
  if is_list(t) then
    for i, value in ipairs(t) do
      parts[i] = encode(value)
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for key in pairs(t) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    if (a == "schema") ~= (b == "schema") then
      return a == "schema"
    end
    return tostring(a) < tostring(b)
  end)
  for i, key in ipairs(keys) do
    parts[i] = encode_string(tostring(key)) .. ":" .. encode(t[key])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  local kind = type(value)
  if kind == "table" then
    return encode_table(value)
  elseif kind == "number" then
    return encode_number(value)
  elseif kind == "boolean" then
    return tostring(value)
  end
  return encode_string(tostring(value))
end

--- @return `value` as JSON in one line
json.encode = encode

--- @return the value (null is nil), or nil, message
json.decode = plain.decode

return json
