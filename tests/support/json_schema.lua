--- Checks a value against the schemas in docs/schema: the keywords that they
-- use, no more. An unknown keyword is an error, so that none is forgotten.

local cjson = require "cjson"

local json_schema = {}

local folder = (os.getenv "NEAP_SOURCE_DIR" or ".") .. "/docs/schema/"
local loaded = {}

local function load_schema(name)
  if not loaded[name] then
    local file = assert(io.open(folder .. name, "rb"))
    loaded[name] = cjson.decode(file:read "*a")
    file:close()
  end
  return loaded[name]
end

local silent = { description = true, title = true, ["$schema"] = true,
                 ["$defs"] = true }

local types = {
  string = function(v) return type(v) == "string" end,
  number = function(v) return type(v) == "number" end,
  integer = function(v) return type(v) == "number" and v == math.floor(v) end,
  boolean = function(v) return type(v) == "boolean" end,
  object = function(v) return type(v) == "table" and #v == 0 end,
  -- cjson makes the same table of [] and {}
  array = function(v)
    return type(v) == "table" and (#v > 0 or next(v) == nil)
  end,
}

-- The regular expressions that the schemas use, as functions.
local patterns = {
  ["^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$"] =
    "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$",
  ["^r[0-9]+\\.[0-9]+$"] = "^r%d+%.%d+$",
  ["^r[0-9]+$"] = "^r%d+$",
  ["^a[0-9]+$"] = "^a%d+$",
  ["^E_[A-Z]+$"] = "^E_%u+$",
  ["^[0-9a-f]{64}$"] = "^" .. ("%x"):rep(64) .. "$",
}

local check

local keywords = {
  type = function(want, v, at)
    return types[want](v) or ("%s: no %s"):format(at, want)
  end,
  const = function(want, v, at)
    return v == want or ("%s: not %s"):format(at, want)
  end,
  enum = function(list, v, at)
    for _, item in ipairs(list) do
      if item == v then
        return true
      end
    end
    return ("%s: %s is not allowed"):format(at, tostring(v))
  end,
  pattern = function(want, v, at)
    local pattern = assert(patterns[want], "unknown pattern " .. want)
    return v:find(pattern) ~= nil or ("%s: '%s' is no %s"):format(at, v, want)
  end,
  required = function(names, v, at)
    for _, name in ipairs(names) do
      if v[name] == nil then
        return ("%s: %s is missing"):format(at, name)
      end
    end
    return true
  end,
  properties = function(schemas, v, at)
    for name, schema in pairs(schemas) do
      if v[name] ~= nil then
        local ok = check(schema, v[name], at .. "." .. name)
        if ok ~= true then
          return ok
        end
      end
    end
    return true
  end,
  additionalProperties = function(schema, v, at)
    for name, value in pairs(v) do
      local ok = check(schema, value, at .. "." .. tostring(name))
      if ok ~= true then
        return ok
      end
    end
    return true
  end,
  items = function(schema, v, at)
    for i, value in ipairs(v) do
      local ok = check(schema, value, ("%s[%d]"):format(at, i))
      if ok ~= true then
        return ok
      end
    end
    return true
  end,
  allOf = function(schemas, v, at)
    for _, schema in ipairs(schemas) do
      local ok = check(schema, v, at)
      if ok ~= true then
        return ok
      end
    end
    return true
  end,
  ["$ref"] = function(ref, v, at)
    local name, key = ref:match "^([%w_]+%.json)#/%$defs/([%w_]+)$"
    return check(load_schema(name)["$defs"][key], v, at)
  end,
}

function check(schema, v, at)
  for name, want in pairs(schema) do
    if not silent[name] then
      local keyword = assert(keywords[name], "unknown keyword " .. name)
      local ok = keyword(want, v, at)
      if ok ~= true then
        return ok
      end
    end
  end
  return true
end

--- Is `text` JSON that the schema `name` allows?
-- @return true, or what is wrong
function json_schema.check(name, text)
  local ok, value = pcall(cjson.decode, text)
  if not ok then
    return "no JSON: " .. tostring(value)
  end
  return check(load_schema(name .. ".json"), value, "$")
end

return json_schema
