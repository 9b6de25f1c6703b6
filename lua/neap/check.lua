--- Checks of arguments. They raise at the caller's place and say what was
--- expected, what was given, and what may have been meant.

local errors = require "neap.errors"
local suggest = require "neap.suggest"
local units = require "neap.units"

local check = {}

local vowels = { a = true, e = true, i = true, o = true, u = true }

local function article(word)
  return (vowels[word:sub(1, 1)] and "an " or "a ") .. word
end

--- A value in a message: text in quotes, a table by its type.
function check.show(value)
  if type(value) == "string" then
    if #value > 60 then
      value = value:sub(1, 57) .. "..."
    end
    return "'" .. value .. "'"
  elseif type(value) == "number" then
    return units.number(value)
  elseif type(value) == "boolean" or value == nil then
    return tostring(value)
  end
  return article(type(value))
end

--- Raise E_SPEC.
-- @param field  name of the field, for the error's `field`
-- @param fmt    format of the message, and its arguments
function check.fail(field, fmt, ...)
  errors.raise("E_SPEC", fmt:format(...), { field = field })
end

--- `value` must have this type.
-- @param what  how the message calls it: "field 'cmd' of task 'x'"
function check.type(value, wanted, what, field)
  if type(value) ~= wanted then
    check.fail(field, "%s must be %s, not %s", what, article(wanted),
      check.show(value))
  end
  return value
end

--- Each key of `map` must be a key of `known`.
function check.fields(map, known, what)
  for key in pairs(map) do
    if known[key] == nil then
      check.fail(tostring(key), "unknown field %s in %s%s", check.show(key),
        what, suggest.hint(key, known))
    end
  end
  return map
end

--- `opts` is nil or a table with known fields only.
function check.opts(opts, known, what)
  if opts == nil then
    return {}
  end
  check.type(opts, "table", "opts of " .. what)
  return check.fields(opts, known, "opts of " .. what)
end

--- A size in bytes; raises E_UNIT.
function check.size(value, what, field)
  local bytes, message = units.parse_size(value)
  if not bytes then
    errors.raise("E_UNIT", what .. ": " .. message, { field = field })
  end
  return bytes
end

--- A time in seconds; raises E_UNIT.
function check.time(value, what, field)
  local seconds, message = units.parse_time(value)
  if not seconds then
    errors.raise("E_UNIT", what .. ": " .. message, { field = field })
  end
  return seconds
end

--- A finite number within limits.
function check.number(value, what, field, min, max)
  if type(value) ~= "number" or value ~= value
    or value < (min or -2 ^ 53) or value > (max or 2 ^ 53) then
    local range = min and max and (" from %s to %s"):format(
      units.number(min), units.number(max))
      or min and " of at least " .. units.number(min) or ""
    check.fail(field, "%s must be a number%s, not %s", what, range,
      check.show(value))
  end
  return value
end

--- A whole number within limits.
function check.integer(value, what, field, min, max)
  check.number(value, what, field, min, max)
  if value ~= math.floor(value) then
    check.fail(field, "%s must be a whole number, not %s", what,
      check.show(value))
  end
  return value
end

--- One of the keys of `allowed`.
function check.one_of(value, allowed, what, field)
  if value == nil or allowed[value] == nil then
    local names = {}
    for name in pairs(allowed) do
      names[#names + 1] = tostring(name)
    end
    table.sort(names)
    check.fail(field, "%s must be one of %s, not %s%s", what,
      table.concat(names, ", "), check.show(value),
      suggest.hint(value, allowed))
  end
  return value
end

--- A name: letters, digits, "_.-", at most 128 bytes.
function check.name(value, what, field)
  check.type(value, "string", what, field)
  if #value > 128 or not value:find("^[%a_][%w_.%-]*$") then
    check.fail(field, "%s must match [A-Za-z_][A-Za-z0-9_.-]* and have at most"
      .. " 128 bytes; it is %s", what, check.show(value))
  end
  return value
end

--- A list: keys 1 … n and nothing else.
function check.list(value, what, field)
  check.type(value, "table", what, field)
  local count = 0
  for key in pairs(value) do
    count = count + 1
    if type(key) ~= "number" then
      check.fail(field, "%s must be a list; it has the field %s", what,
        check.show(key))
    end
  end
  if count ~= #value then
    check.fail(field, "%s must be a list without holes", what)
  end
  return value
end

--- Text without a NUL byte, which no argument of a program can hold.
function check.text(value, what, field)
  check.type(value, "string", what, field)
  if value:find("%z") then
    check.fail(field, "%s holds a NUL byte", what)
  end
  return value
end

return check
