--- The fields of sched.new and s:set, checked.

local duration = require "neap.sched.duration"
local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local suggest = require "neap.suggest"

local options = {}

local function whole(least)
  return function(value, name)
    if type(value) ~= "number" or value ~= math.floor(value) or value < least
      or value > 2 ^ 31 - 1 then
      errors.raise("%s is a whole number from %d to 2^31 - 1, not %s", name,
        least, tostring(value))
    end
    return value
  end
end

local function amounts(value)
  return resources.from(value)
end

local function texts(value, name)
  if type(value) ~= "table" then
    errors.raise("%s is a table of texts by name, not a %s", name, type(value))
  end
  for key, text in pairs(value) do
    if type(key) ~= "string" or type(text) ~= "string" then
      errors.raise("%s is a table of texts by name; '%s' = %s is not such",
        name, tostring(key), tostring(text))
    end
  end
  return value
end

--- Limits that can be changed at run time, and how each is read.
local limits = {
  max_pending_allocs = whole(0), max_alloc_idle_time = duration.seconds,
  drain_timeout = duration.seconds, min_alloc = amounts,
  max_attempts = whole(1), stats_keep = whole(0), labels = texts,
}

local defaults = {
  max_pending_allocs = 5, max_alloc_idle_time = 300, drain_timeout = 0.05,
  min_alloc = { cpu = 1, mem = 2 ^ 30, disk = 2 ^ 30 }, max_attempts = 10,
  stats_keep = 10000, labels = {},
}

local function object(method)
  return function(value, name)
    local ok, found = pcall(function() return value[method] end)
    local meta = ok and type(found) ~= "function" and getmetatable(found)
    if not ok or (type(found) ~= "function"
      and not (type(meta) == "table" and meta.__call)) then
      errors.raise("%s is an object with a method '%s'; this %s has none",
        name, method, type(value))
    end
    return value
  end
end

local function text(value, name)
  if type(value) ~= "string" or value == "" then
    errors.raise("%s is the name of a policy or the path of its file, not %s",
      name, type(value) == "string" and "''" or "a " .. type(value))
  end
  return value
end

local function fn(value, name)
  if type(value) ~= "function" then
    errors.raise("%s is a function, not a %s", name, type(value))
  end
  return value
end

-- One cluster or a list of them → list.
local function clusters(value, name)
  if type(value) == "table" and rawget(value, "allocate") == nil
    and value[1] ~= nil then
    for i, cluster in ipairs(value) do
      object "allocate"(cluster, ("%s[%d]"):format(name, i))
    end
    return value
  end
  return { object "allocate"(value, name) }
end

local parts = {
  cluster = clusters, repository = object "stat",
  transferer = object "transfer", mux = object "transfer",
  taskdb = object "create_task", log = fn, packing = text, priority = text,
  clock = object "spawn",
}

--- Read limits.
-- @param given  table of fields
-- @return new table with those that were given
function options.limits(given)
  if type(given) ~= "table" then
    errors.raise("set takes a table of limits, not a %s", type(given))
  end
  local read = {}
  for name, value in pairs(given) do
    if not limits[name] then
      errors.raise("unknown limit '%s'%s", tostring(name),
        suggest.hint(name, limits))
    end
    read[name] = limits[name](value, name)
  end
  return read
end

local function known()
  local names = {}
  for name in pairs(limits) do
    names[name] = true
  end
  for name in pairs(parts) do
    names[name] = true
  end
  return names
end

--- Read the fields of sched.new.
-- @return parts (by name), limits (all of them)
function options.scheduler(given)
  if type(given) ~= "table" then
    errors.raise("sched.new takes a table of fields, not a %s", type(given))
  end
  local some, set = {}, {}
  for name, value in pairs(defaults) do
    set[name] = value
  end
  for name, value in pairs(given) do
    if parts[name] then
      some[name] = parts[name](value, name)
    elseif limits[name] then
      set[name] = value
    else
      errors.raise("unknown field '%s' of sched.new%s", tostring(name),
        suggest.hint(name, known()))
    end
  end
  if not some.cluster then
    errors.raise("sched.new needs a cluster: an object with a method "
      .. "'allocate', or a list of them")
  end
  return some, options.limits(set)
end

return options
