--- Parameters of a policy: declared in its file, given as a table.

local suggest = require "neap.suggest"
local units = require "neap.units"

local params = {}

local declared_fields = {
  default = true, type = true, required = true, min = true, max = true,
  allowed = true, doc = true,
}

-- type -> function(value) -> converted value, or nil and what was expected
local function plain(lua_type)
  return function(value)
    if type(value) == lua_type then
      return value
    end
    return nil, "a " .. lua_type
  end
end

local types = {
  string = plain "string",
  boolean = plain "boolean",
  table = plain "table",
  list = plain "table",
  number = function(value)
    if type(value) == "number" and value == value then
      return value
    end
    return nil, "a number"
  end,
  integer = function(value)
    if type(value) == "number" and value == math.floor(value) then
      return value
    end
    return nil, "a whole number"
  end,
  size = units.parse_size,
  duration = units.parse_time,
}

local function show(value)
  return type(value) == "string" and ("%q"):format(value) or tostring(value)
end

-- A value as its type wants it, within its limits; or nil and what is wrong.
local function convert(decl, kind, value)
  local out, expected = types[kind](value)
  if out == nil then
    if kind == "size" or kind == "duration" then
      return nil, expected
    end
    return nil, ("expected %s, got %s"):format(expected, show(value))
  end
  local min = decl.min and types[kind](decl.min)
  local max = decl.max and types[kind](decl.max)
  if min and out < min then
    return nil, ("must be at least %s, not %s"):format(decl.min, show(value))
  elseif max and out > max then
    return nil, ("must be at most %s, not %s"):format(decl.max, show(value))
  end
  if not decl.allowed then
    return out
  end
  local names = {}
  for i, allowed in ipairs(decl.allowed) do
    if allowed == out then
      return out
    end
    names[i] = tostring(allowed)
  end
  return nil, ("must be one of %s, not %s%s"):format(
    table.concat(names, ", "), show(value), suggest.hint(out, names))
end

local function check_declaration(problems, name, decl)
  local function problem(fmt, ...)
    problems[#problems + 1] = ("parameter '%s': "):format(tostring(name))
      .. fmt:format(...)
  end
  if type(name) ~= "string" or type(decl) ~= "table" then
    problem("is declared as name = { default = … }")
    return nil
  end
  for field in pairs(decl) do
    if not declared_fields[field] then
      problem("unknown field '%s'%s", tostring(field),
        suggest.hint(field, declared_fields))
    end
  end
  local kind = decl.type or (decl.default == nil and "string")
    or type(decl.default)
  if not types[kind] then
    problem("unknown type '%s'%s", tostring(kind), suggest.hint(kind, types))
    return nil
  end
  return kind
end

local function value_of(problems, name, decl, kind, given)
  local from, value = "", given
  if value == nil then
    from, value = "default ", decl.default
  end
  if value == nil then
    if decl.required then
      problems[#problems + 1] = ("parameter '%s' is required"):format(name)
    end
    return nil
  end
  local out, wrong = convert(decl, kind, value)
  if out == nil then
    problems[#problems + 1] = ("parameter '%s': %s%s"):format(name, from, wrong)
  end
  return out
end

-- Reading a parameter that was not declared is a mistake, not nil.
local function guarded(values, declared)
  return setmetatable(values, {
    __index = function(_, name)
      if declared[name] == nil then
        error(("'%s' is no parameter of this policy%s"):format(tostring(name),
          suggest.hint(name, declared)), 2)
      end
    end,
  })
end

--- The values of all parameters.
-- @param declared  map name -> { default=, type=, min=, max=, … }
-- @param given     map name -> value
-- @return values, list of problems
function params.resolve(declared, given)
  local problems, values, names = {}, {}, {}
  for name in pairs(given) do
    if declared[name] == nil then
      problems[#problems + 1] = ("unknown parameter '%s'%s")
        :format(tostring(name), suggest.hint(name, declared))
    end
  end
  for name in pairs(declared) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for _, name in ipairs(names) do
    local kind = check_declaration(problems, name, declared[name])
    if kind then
      values[name] = value_of(problems, name, declared[name], kind,
        given[name])
    end
  end
  return guarded(values, declared), problems
end

return params
