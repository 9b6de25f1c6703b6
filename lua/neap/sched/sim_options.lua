--- What a simulated cluster may be told, and whether it makes sense.

local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local suggest = require "neap.suggest"
local units = require "neap.units"

local sim_options = {}

local OPTIONS = {
  name = "string", menu = "table", startup = "number or function",
  price = "number or function", runtime = "function", fail = "function",
  seed = "number", clock = "table", lease = "time", cap = "resources",
}

local SHAPE = {
  name = "string", resources = "resources", price = "number",
  startup = "time", max = "number", walltime = "time", labels = "table",
}

local convert = {}

function convert.time(value, what)
  local seconds, message = units.parse_time(value)
  if not seconds then
    errors.raise("%s: %s", what, message)
  end
  return seconds
end

function convert.resources(value)
  return resources(value)
end

convert["number or function"] = function(value, what)
  return type(value) == "string" and convert.time(value, what) or value
end

local function checked(value, wanted, what)
  if convert[wanted] then
    value = convert[wanted](value, what)
  end
  local is = type(value)
  if wanted ~= "time" and wanted ~= "resources"
    and not (" " .. wanted .. " "):find(" " .. is .. " ", 1, true)
    and not (wanted == "table" and is == "userdata") then
    errors.raise("%s must be a %s, not a %s", what, wanted, is)
  end
  if is == "number" and (value < 0 or value ~= value or value == math.huge) then
    errors.raise("%s must be at least 0 and finite, not %s", what,
      tostring(value))
  end
  return value
end

local function fields(given, known, what)
  local result = {}
  for key, value in pairs(given) do
    if not known[key] then
      errors.raise("unknown field '%s' in %s%s", tostring(key), what,
        suggest.hint(key, known))
    end
    result[key] = checked(value, known[key], key .. " of " .. what)
  end
  return result
end

--- A menu that was checked: its rows, with numbers and resources.
-- @param rows  list as people write it; raises Invalid
function sim_options.menu(rows)
  local menu, seen = {}, {}
  for i, row in ipairs(rows) do
    local what = ("shape %d of the menu"):format(i)
    if type(row) ~= "table" then
      errors.raise("%s must be a table, not a %s", what, type(row))
    end
    local shape = fields(row, SHAPE, what)
    if not shape.name or not shape.resources then
      errors.raise("%s needs a name and resources", what)
    elseif seen[shape.name] then
      errors.raise("two shapes of the menu are called '%s'", shape.name)
    end
    seen[shape.name], menu[i] = true, shape
  end
  if #menu == 0 then
    errors.raise("the menu is empty; leave it out for an elastic cluster")
  end
  return menu
end

--- The options, checked and converted; raises Invalid.
function sim_options.check(opts)
  if opts ~= nil and type(opts) ~= "table" then
    errors.raise("the options of a simulated cluster are a table, not a %s",
      type(opts))
  end
  return fields(opts or {}, OPTIONS, "cluster.sim")
end

return sim_options
