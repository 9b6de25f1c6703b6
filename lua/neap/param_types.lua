--- Types of parameters: texts of the command line as values.

local check = require "neap.check"
local units = require "neap.units"

local param_types = {}

local booleans = {
  ["true"] = true, yes = true, on = true, ["1"] = true,
  ["false"] = false, no = false, off = false, ["0"] = false,
}

--- By type: the value of a text, or nil and what was expected.
param_types.from_text = {
  string = function(text) return text end,
  path = function(text) return text end,
  glob = function(text) return text end,
  number = function(text)
    return tonumber(text), "a number"
  end,
  integer = function(text)
    local n = tonumber(text)
    return n and n == math.floor(n) and n or nil, "a whole number"
  end,
  boolean = function(text)
    return booleans[text], "true or false"
  end,
  size = function(text)
    return units.parse_size(tonumber(text) or text)
  end,
  duration = function(text)
    return units.parse_time(tonumber(text) or text)
  end,
  list = function(text)
    local items = {}
    for item in (text .. ","):gmatch("(.-),") do
      if item ~= "" then
        items[#items + 1] = item
      end
    end
    return items
  end,
}

local lua_type = {
  string = "string", path = "string", glob = "string", number = "number",
  integer = "number", boolean = "boolean", list = "table",
}

--- The type of a default value.
function param_types.guess(default)
  if type(default) == "number" then
    return default == math.floor(default) and "integer" or "number"
  elseif type(default) == "table" then
    return "list"
  end
  return type(default) == "nil" and "string" or type(default)
end

--- A value that is no text: from a params file or the default.
-- @return the value, or nil and what was expected
function param_types.from_value(kind, value)
  if kind == "size" or kind == "duration" then
    return param_types.from_text[kind](value)
  end
  if type(value) ~= lua_type[kind] then
    return nil, ("a %s, not %s"):format(kind, check.show(value))
  end
  if kind == "integer" and value ~= math.floor(value) then
    return nil, "a whole number"
  end
  return value
end

return param_types
