--- The `retry` field of a spec.

local check = require "neap.check"

local retry = {}

local fields = {
  max = true, on = true, delay = true, factor = true, max_delay = true,
  jitter = true, grow = true, limit = true,
}
local causes = {
  exit = true, oom = true, timeout = true, signal = true, output = true,
}

local function check_on(list, what)
  if type(list) == "string" then
    list = { list }
  end
  check.list(list, "retry.on of " .. what, "retry")
  for _, cause in ipairs(list) do
    if type(cause) ~= "string" or not cause:find("^exit:%d+$") then
      check.one_of(cause, causes, "an item of retry.on of " .. what, "retry")
    end
  end
  return list
end

local function check_grow(map, what, resources)
  check.type(map, "table", "retry.grow of " .. what, "retry")
  local out = {}
  for label, factor in pairs(map) do
    if label ~= "timeout" and resources[label] == nil then
      check.fail("retry", "retry.grow of %s: %s is no resource of the task",
        what, check.show(label))
    end
    out[label] = check.number(factor,
      ("retry.grow.%s of %s"):format(label, what), "retry", 1, 1000)
  end
  return out
end

local function check_limit(map, what)
  check.type(map, "table", "retry.limit of " .. what, "retry")
  local out = {}
  for label, value in pairs(map) do
    local name = ("retry.limit.%s of %s"):format(tostring(label), what)
    if label == "mem" or label == "disk" then
      out[label] = check.size(value, name, "retry")
    elseif label == "timeout" then
      out[label] = check.time(value, name, "retry")
    else
      out[check.name(label, "a label of retry.limit", "retry")] =
        check.number(value, name, "retry", 0)
    end
  end
  return out
end

local function optional(value, fn, ...)
  if value == nil then
    return nil
  end
  return fn(value, ...)
end

--- Check and complete.
-- @param value      number or table
-- @param resources  map of the task's resources, for `grow`
-- @return for the wire: { max=, on=, delay=, … }, or nil for no retry
function retry.parse(value, resources, what)
  if type(value) == "number" then
    value = { max = value }
  end
  check.type(value, "table", "retry of " .. what, "retry")
  check.fields(value, fields, "retry of " .. what)
  local function name(field)
    return ("retry.%s of %s"):format(field, what)
  end
  local wire = {
    max = check.integer(value.max or 0, name "max", "retry", 0, 1000),
    on = optional(value.on, check_on, what),
    delay = optional(value.delay, check.time, name "delay", "retry"),
    factor = optional(value.factor, check.number, name "factor", "retry", 1,
      1000),
    max_delay = optional(value.max_delay, check.time, name "max_delay",
      "retry"),
    jitter = optional(value.jitter, check.number, name "jitter", "retry", 0, 1),
    grow = optional(value.grow, check_grow, what, resources),
    limit = optional(value.limit, check_limit, what),
  }
  if wire.max == 0 then
    return nil
  end
  for _, field in ipairs { "on", "grow", "limit" } do
    if wire[field] and next(wire[field]) == nil then
      wire[field] = nil
    end
  end
  return wire
end

return retry
