--- Amounts of resources: what people write, the grid they are kept in, text.
--
-- An amount is kept in *parts*, a whole number from -2^53 to 2^53: 1/1000 of a
-- core for cpu, whole units (bytes for mem and disk) for every other label. All
-- arithmetic in that grid is exact. Nothing here raises; what is wrong comes
-- back as nil and a message.

local text = require "neap.sched.errors_text"
local units = require "neap.units"

local amounts = {}

--- No amount has more parts than this.
amounts.MAX = 2 ^ 53

local MAX = amounts.MAX
local floor = math.floor
local is_size = { mem = true, disk = true }

--- The nearest whole number; halves go away from zero.
function amounts.round(x)
  if x < 0 then
    return -amounts.round(-x)
  end
  local whole = floor(x)
  return x - whole >= 0.5 and whole + 1 or whole
end

--- Is this the name of a label? It is what a name in neap is: letters, digits
-- and "_.-", at most 128 bytes, not beginning with a digit.
-- @return true, or false and a message
function amounts.check_label(label)
  if type(label) ~= "string" or #label > 128
    or not label:find("^[%a_][%w_.%-]*$") then
    return false, ("%s is no name of a resource: letters, digits, '_', '.' and"
      .. " '-', at most 128 bytes, not beginning with a digit"):format(
      text.show(label))
  end
  return true
end

-- The number of "1.5GiB"; for labels that are no sizes "1.5" as well.
local function number_of(label, word)
  local digits, unit = word:match("^%s*(%d+%.?%d*)%s*(%a+)%s*$")
  local factor = unit and units.sizes[unit]
  if factor and label ~= "cpu" and label ~= "gpu" then
    return tonumber(digits) * factor
  elseif label == "cpu" or label == "gpu" then
    return nil, ("%s is a number, not %s"):format(label, text.show(word))
  end
  local _, message = units.parse_size(word)
  return nil, label .. ": " .. (message or text.show(word) .. " is no size")
end

--- Parts of an amount.
-- @param label  a name
-- @param value  number in the user's unit (cores, bytes, pieces), or a size
--               such as "8GiB"; at least 0
-- @return a whole number, or nil and a message
function amounts.parts(label, value)
  local n, message = value, nil
  if type(value) == "string" then
    n, message = number_of(label, value)
  elseif type(value) ~= "number" then
    message = ("%s must be a number%s, not %s"):format(label,
      is_size[label] and " of bytes or a size such as '8GiB'" or "",
      text.show(value))
  end
  if message then
    return nil, message
  end
  local parts = label == "cpu" and n * 1000 or n
  if parts ~= parts or parts < 0 then
    return nil, ("%s must be at least 0, not %s"):format(label, tostring(n))
  elseif parts > MAX then
    return nil, ("%s = %s is too large (at most %s)"):format(label,
      tostring(value), amounts.text(label, MAX))
  end
  return amounts.round(parts)
end

--- The amount in the user's unit.
function amounts.value(label, parts)
  return label == "cpu" and parts / 1000 or parts
end

-- The largest binary unit that divides: "8GiB", "1000B".
local function size_text(n)
  if n == 0 then
    return "0B"
  end
  for _, unit in ipairs { "TiB", "GiB", "MiB", "KiB" } do
    if n % units[unit] == 0 then
      return ("%.0f%s"):format(n / units[unit], unit)
    end
  end
  return ("%.0fB"):format(n)
end

local function cpu_text(n)
  local sign, whole = n < 0 and "-" or "", floor(math.abs(n) / 1000)
  local rest = math.abs(n) % 1000
  if rest == 0 then
    return ("%s%.0f"):format(sign, whole)
  end
  return (("%s%.0f.%03d"):format(sign, whole, rest):gsub("0+$", ""))
end

--- An amount as text, without loss.
function amounts.text(label, parts)
  if label == "cpu" then
    return cpu_text(parts)
  elseif is_size[label] then
    return size_text(parts)
  end
  return ("%.0f"):format(parts)
end

--- The map label → value of a text such as "{mem:8GiB cpu:4 disk:0B gpu:1}".
-- @return the map, or nil and a message
function amounts.parse(source)
  local inner = source:match("^%s*{(.*)}%s*$")
  if not inner then
    return nil, ("resources are written as '{mem:8GiB cpu:4}', not as %s")
      :format(text.show(source))
  end
  local map = {}
  for word in inner:gmatch("%S+") do
    local label, value = word:match("^([^:]+):([^:]+)$")
    if not label then
      return nil, ("%s is no 'label:amount'"):format(text.show(word))
    elseif map[label] ~= nil then
      return nil, ("'%s' is there twice"):format(label)
    end
    local plain = value:find("^%d+%.?%d*$")
      or value:find("^%d+%.?%d*[eE][+-]?%d+$")
    map[label] = plain and tonumber(value) or value
  end
  return map
end

return amounts
