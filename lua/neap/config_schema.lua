--- What a config file may say: sections, fields, and how each is checked.
-- A check returns the value as neap uses it (bytes, seconds), or nil and why
-- it is wrong.

local units = require "neap.units"

local function of_type(name)
  return function(value)
    if type(value) == name then
      return value
    end
    return nil, ("expected a %s, not a %s"):format(name, type(value))
  end
end

local function integer(value)
  if type(value) == "number" and value == math.floor(value) and value >= 0 then
    return value
  end
  return nil, "expected a whole number of at least 0"
end

local function list_of_text(value)
  if type(value) ~= "table" then
    return nil, "expected a list of texts"
  end
  for _, item in pairs(value) do
    if type(item) ~= "string" then
      return nil, "expected a list of texts"
    end
  end
  return value
end

-- What this machine offers besides cpu, mem and disk.
local function amounts(value)
  if type(value) ~= "table" then
    return nil, "expected a table of amounts, as { gpu = 1 }"
  end
  for name, amount in pairs(value) do
    if type(name) ~= "string" or not name:find "^[%a_][%w_.-]*$" then
      return nil, ("'%s' is no name of a resource"):format(tostring(name))
    elseif name == "cpu" or name == "mem" or name == "disk" then
      return nil, ("%s is set by engine.%s"):format(name, name)
    elseif type(amount) ~= "number" or not (amount >= 0 and amount <= 1e12) then
      return nil, ("%s: expected a number of at least 0"):format(name)
    end
  end
  return value
end

local function one_of(...)
  local names, known = { ... }, {}
  for _, name in ipairs(names) do
    known[name] = true
  end
  return function(value)
    if known[value] then
      return value
    end
    return nil, "expected one of " .. table.concat(names, ", ")
  end
end

local text, tbl, size, time = of_type "string", of_type "table",
  units.parse_size, units.parse_time

return {
  profile = text,
  defaults = tbl,
  profiles = tbl,
  read_limit = size,
  pass_env = list_of_text,
  lost_max = integer,
  hermetic = of_type "boolean",
  on_error = one_of("finish", "stop", "continue"),
  output = one_of("human", "json", "quiet"),
  log = one_of("debug", "info", "warn", "error"),
  pager = text,
  state = text,
  node = amounts,
  engine = {
    target = text, drain = time, max_pending = integer, max_idle = time,
    min_alloc = tbl, cpu = of_type "number", mem = size, disk = size,
    labels = tbl, cgroup = one_of("auto", "v2", "v1", "none"),
  },
  repository = { path = text, max = size, remote = text },
  policy = { pack = text, priority = text, path = list_of_text, params = tbl },
}
