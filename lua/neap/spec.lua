--- The fields of a task spec: what each may hold and what the wire gets.
-- `spec.parse` turns a spec into a *plan*: everything that is the same for all
-- tasks of a definition. Inputs and vars come per task (neap.task).

local check = require "neap.check"
local config = require "neap.config"
local errors = require "neap.errors"
local outputs = require "neap.outputs"
local retry = require "neap.retry"
local units = require "neap.units"

local spec = {}

--- Every field of a spec.
spec.fields = {}
for _, name in ipairs { "cmd", "name", "inputs", "outputs", "vars", "env",
  "shell", "stdin", "cpu", "mem", "disk", "gpu", "res", "image", "sandbox",
  "modules", "net", "timeout", "expect", "priority", "retry", "labels",
  "cache", "salt", "pool", "where", "after", "publish", "logs" } do
  spec.fields[name] = true
end

local function unsupported(field, what, value)
  check.fail(field, "not supported by this version: %s = %s in %s", field,
    check.show(value), what)
end

-- Fields that this version does not carry out: only what changes nothing.
local function check_unsupported(raw, what)
  if raw.image ~= nil then
    unsupported("image", what, raw.image)
  elseif raw.sandbox ~= nil and raw.sandbox ~= "none" then
    check.one_of(raw.sandbox, { auto = 1, none = 1, bwrap = 1, podman = 1,
      apptainer = 1 }, "sandbox of " .. what, "sandbox")
    if raw.sandbox ~= "auto" then
      unsupported("sandbox", what, raw.sandbox)
    end
  end
  if raw.modules ~= nil
    and #check.list(raw.modules, "modules of " .. what, "modules") > 0 then
    unsupported("modules", what, raw.modules)
  end
  if raw.net ~= nil
    and not check.type(raw.net, "boolean", "net of " .. what, "net") then
    unsupported("net", what, false)
  end
end

-- The program's name, for a task that has none.
local function default_name(cmd)
  local word = type(cmd) == "table" and cmd[1]
    or type(cmd) == "string" and cmd:match("^%s*(%S+)")
  local base = type(word) == "string" and word:match("([%w_.%-]+)/*$")
  base = base and base:gsub("^[^%a_]+", "") or ""
  return base ~= "" and base:sub(1, 128) or "task"
end

local function text_list(value, what, field)
  check.list(value, what, field)
  for i, item in ipairs(value) do
    check.text(item, ("item %d of %s"):format(i, what), field)
  end
  return value
end

local function parse_resources(raw, what)
  local res = {
    cpu = check.number(raw.cpu or 1, "cpu of " .. what, "cpu", 0.001, 1e6),
    mem = check.size(raw.mem or 512 * units.MiB, "mem of " .. what, "mem"),
    disk = check.size(raw.disk or 0, "disk of " .. what, "disk"),
    gpu = check.number(raw.gpu or 0, "gpu of " .. what, "gpu", 0, 1e6),
  }
  res.cpu = math.floor(res.cpu * 1000 + 0.5) / 1000
  local more = raw.res or {}
  check.type(more, "table", "res of " .. what, "res")
  for label, amount in pairs(more) do
    check.name(label, "a resource of " .. what, "res")
    if res[label] then
      check.fail("res", "res.%s of %s: write the field '%s' instead", label,
        what, label)
    end
    res[label] = check.number(amount, ("res.%s of %s"):format(label, what),
      "res", 0)
  end
  return res
end

-- What goes over the wire: zeros are the default.
local function wire_resources(res)
  local wire = {}
  for label, amount in pairs(res) do
    if amount ~= 0 then
      wire[label] = amount
    end
  end
  return wire
end

--- Check labels; numbers and booleans become text.
function spec.labels(map, what)
  check.type(map, "table", "labels of " .. what, "labels")
  local out = {}
  for key, value in pairs(map) do
    check.name(key, "a label of " .. what, "labels")
    local kind = type(value)
    if kind == "number" or kind == "boolean" then
      value = kind == "number" and units.number(value) or tostring(value)
    end
    out[key] = check.text(value, ("label '%s' of %s"):format(key, what),
      "labels")
  end
  return out
end

local function parse_where(map, what)
  check.type(map, "table", "where of " .. what, "where")
  for key, value in pairs(map) do
    check.type(key, "string", "a key of where of " .. what, "where")
    if type(value) == "table" then
      text_list(value, ("where['%s'] of %s"):format(key, what), "where")
    else
      check.text(value, ("where['%s'] of %s"):format(key, what), "where")
    end
  end
  return next(map) ~= nil and map or nil
end

local function parse_pool(value, what)
  if type(value) == "table" then
    return #text_list(value, "pool of " .. what, "pool") > 0 and value or nil
  end
  return check.text(value, "pool of " .. what, "pool")
end

local function parse_cache(raw, what)
  if raw.cache ~= nil then
    check.one_of(raw.cache, { [true] = 1, [false] = 1, refresh = 1 },
      "cache of " .. what, "cache")
  end
  if raw.salt ~= nil then
    check.text(raw.salt, "salt of " .. what, "salt")
  end
end

local function optional(value, fn, ...)
  if value == nil then
    return nil
  end
  return fn(value, ...)
end

local function parse_publish(raw, output_of, what)
  if raw.publish == nil then
    return nil
  end
  check.type(raw.publish, "table", "publish of " .. what, "publish")
  check.fields(raw.publish, output_of, "publish of " .. what
    .. " (it maps outputs to places)")
  for name, dest in pairs(raw.publish) do
    check.text(dest, ("publish.%s of %s"):format(name, what), "publish")
    local scheme = dest:match("^(%a[%w+.%-]*)://")
    if scheme and scheme ~= "file" then
      errors.raise("E_SPEC", ("not supported by this version: publish.%s = '%s'"
        .. " in %s"):format(name, dest, what), { field = "publish" })
    end
  end
  return next(raw.publish) ~= nil and raw.publish or nil
end

local function parse_shell(raw, what)
  if raw.shell == nil then
    return nil
  end
  text_list(raw.shell, "shell of " .. what, "shell")
  if #raw.shell == 0 then
    check.fail("shell", "shell of %s is empty", what)
  elseif type(raw.cmd) == "table" then
    check.fail("shell", "%s: a cmd that is a list has no shell", what)
  end
  return raw.shell
end

-- Fields that go over the wire as they are, for every task of the plan.
local function parse_wire(raw, res, list, what)
  local logs = raw.logs
  if logs ~= nil then
    check.one_of(logs, { keep = 1, failed = 1, none = 1 }, "logs of " .. what,
      "logs")
  end
  return {
    shell = parse_shell(raw, what),
    res = wire_resources(res),
    outputs = outputs.to_wire(list),
    where = optional(raw.where, parse_where, what),
    pool = optional(raw.pool, parse_pool, what),
    timeout = optional(raw.timeout, check.time, "timeout of " .. what,
      "timeout"),
    expect = optional(raw.expect, check.time, "expect of " .. what, "expect"),
    retry = optional(raw.retry, retry.parse, res, what),
    logs = logs ~= "keep" and logs or nil,
  }
end

-- The spec with config.defaults for what it does not say.
local function with_defaults(raw)
  local defaults = config.current():get("defaults")
  local out = {}
  for field, value in pairs(defaults or {}) do
    out[field] = value
  end
  for field, value in pairs(raw) do
    out[field] = value
  end
  return out
end

local function parse_cmd(raw, what)
  if type(raw.cmd) == "table" then
    text_list(raw.cmd, "cmd of " .. what, "cmd")
    if #raw.cmd == 0 then
      check.fail("cmd", "cmd of %s is an empty list", what)
    end
  elseif raw.cmd == nil then
    check.fail("cmd", "%s has no cmd", what)
  elseif type(raw.cmd) ~= "string" then
    check.fail("cmd", "cmd of %s must be a text or a list, not %s", what,
      check.show(raw.cmd))
  elseif not raw.cmd:find("%S") then
    check.fail("cmd", "cmd of %s is empty", what)
  end
end

--- A plan without its templates.
-- @param raw   the spec
-- @param kind  "neap.task" or "neap.def", for messages
function spec.parse(raw, kind)
  check.type(raw, "table", "the spec of " .. kind)
  raw = with_defaults(raw)
  local label = raw.name ~= nil and raw.name or default_name(raw.cmd)
  local name = check.name(label, "the name of a task", "name")
  local what = ("task '%s'"):format(name)
  check.fields(raw, spec.fields, what)
  parse_cmd(raw, what)
  check_unsupported(raw, what)
  parse_cache(raw, what)
  local res = parse_resources(raw, what)
  local list, by_name = outputs.parse(raw.outputs, name)
  return {
    raw = raw, name = name, what = what, res = res,
    outputs = list, output_of = by_name,
    wire = parse_wire(raw, res, list, what),
    labels = spec.labels(raw.labels or {}, what),
    priority = check.integer(raw.priority or 0, "priority of " .. what,
      "priority", -2 ^ 31, 2 ^ 31),
    publish = parse_publish(raw, by_name, what),
  }
end

return spec
