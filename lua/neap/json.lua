--- JSON in and out, with the traps of cjson closed.
--
-- `encode` raises on what cannot be said; `decode` returns nil and a message.
-- JSON null is absent (nil) in objects. An empty Lua table is an object: where
-- an empty array is meant, leave the field out.

local cjson = require "cjson"

local json = {}

local coder = cjson.new()
coder.encode_number_precision(14)
coder.encode_sparse_array(false)

local null = cjson.null

local function drop_null(value)
  for k, v in pairs(value) do
    if v == null then
      value[k] = nil
    elseif type(v) == "table" then
      drop_null(v)
    end
  end
end

json.encode = coder.encode

--- The value of a JSON text.
-- @return value, or nil and a message
function json.decode(text)
  local ok, value = pcall(coder.decode, text)
  if not ok then
    return nil, (tostring(value):gsub("^.-:%d+: ", ""))
  end
  if value == null then
    return nil, "it is null"
  end
  -- null needs its letters: do not walk a large value for nothing
  if type(value) == "table" and text:find("null", 1, true) then
    drop_null(value)
  end
  return value
end

return json
