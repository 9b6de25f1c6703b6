--- neap.def: a task with some of its inputs and vars left open.

local check = require "neap.check"
local errors = require "neap.errors"
local plan = require "neap.plan"
local spec = require "neap.spec"
local suggest = require "neap.suggest"
local task = require "neap.task"

local def = {}

local Def = {}

-- Names that the caller must give, and values of those that have a default.
local function declared(inputs)
  local input_of, defaults = {}, {}
  if inputs == nil then
    return input_of, defaults
  end
  check.type(inputs, "table", "inputs of neap.def", "inputs")
  for key, value in pairs(inputs) do
    if type(key) == "number" then
      check.type(value, "string", "a name in inputs of neap.def", "inputs")
      input_of[value] = true
    else
      input_of[key], defaults[key] = true, value
    end
  end
  return input_of, defaults
end

local function new(raw, where)
  check.type(raw, "table", "the spec of neap.def")
  local input_of, defaults = declared(raw.inputs)
  return setmetatable({
    raw = raw, where = where, defaults = defaults,
    plan = plan.new(raw, input_of, "neap.def"),
  }, Def)
end

--- neap.def(spec) → callable
function def.def(raw)
  return new(raw, errors.caller())
end

local function copy(map)
  local out = {}
  for k, v in pairs(map or {}) do
    out[k] = v
  end
  return out
end

-- A copy of the spec with fields replaced; labels are added to the old ones.
local function changed(raw, changes)
  local out = copy(raw)
  for field, value in pairs(changes) do
    if field == "labels" and type(value) == "table" then
      local labels = copy(raw.labels)
      for k, v in pairs(value) do
        labels[k] = v
      end
      value = labels
    end
    out[field] = value
  end
  return out
end

--- d:with(changes): a changed copy.
function Def:with(changes)
  check.type(changes, "table", "the changes of :with")
  return new(changed(self.raw, changes), errors.caller())
end

local function unknown(self, key)
  local known = copy(spec.fields)
  for name in pairs(self.plan.input_of) do
    known[name] = true
  end
  for name in pairs(self.plan.vars) do
    known[name] = true
  end
  check.fail(tostring(key), "%s is no input, var or field of %s%s",
    check.show(key), self.plan.what, suggest.hint(key, known))
end

-- Sort the call's fields into inputs, vars, labels and overrides.
local function sort_out(self, call)
  local p = self.plan
  local inputs, vars, labels, overrides = nil, nil, nil, nil
  for key, value in pairs(call) do
    if p.input_of[key] then
      inputs = inputs or copy(self.defaults)
      inputs[key] = value
    elseif p.vars[key] ~= nil then
      vars = vars or copy(p.vars)
      vars[key] = plan.check_var(p, key, value)
    elseif key == "labels" then
      labels = spec.labels(value, p.what)
    elseif spec.fields[key] and key ~= "inputs" and key ~= "vars"
      and key ~= "outputs" then
      overrides = overrides or {}
      overrides[key] = value
    else
      unknown(self, key)
    end
  end
  return inputs or self.defaults, vars or p.vars, labels, overrides
end

--- d{ … }: submit one task.
function Def:__call(call)
  check.type(call, "table", "the argument of " .. self.plan.what)
  local inputs, vars, labels, overrides = sort_out(self, call)
  local p = self.plan
  for _, name in ipairs(p.input_names) do
    if inputs[name] == nil then
      check.fail(name, "input '%s' of %s is missing; usage: %s", name, p.what,
        tostring(self))
    end
  end
  if overrides then
    p = plan.new(changed(self.raw, overrides), p.input_of, "neap.def")
  end
  return task.submit(p, { inputs = inputs, vars = vars, labels = labels,
                          def = self.where })
end

--- "count{ text, k=3 }": how to call it.
function Def:__tostring()
  local parts = {}
  for _, name in ipairs(self.plan.input_names) do
    parts[#parts + 1] = self.defaults[name] == nil and name
      or "[" .. name .. "]"
  end
  local vars = {}
  for name, value in pairs(self.plan.vars) do
    vars[#vars + 1] = "[" .. name .. "=" .. tostring(value) .. "]"
  end
  table.sort(vars)
  for _, text in ipairs(vars) do
    parts[#parts + 1] = text
  end
  return ("%s{ %s }"):format(self.plan.name, table.concat(parts, ", "))
end

--- d.spec: a copy of the spec.
Def.__index = function(self, key)
  if key == "spec" then
    return copy(rawget(self, "raw"))
  end
  return Def[key]
end

return def
