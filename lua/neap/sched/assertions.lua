--- Assertions: properties of things, when they were looked at.
--
-- A set of { namespace, subject, properties }: "the blob s3://b/k had this
-- etag". It decides whether a result of then can be used now. A set is an
-- immutable value with one entry per (namespace, subject).

local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local sorted = require "neap.sched.sorted"
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"
local units = require "neap.units"

local assertions = {}

local Set = {}
Set.__index = Set

local known = { namespace = true, subject = true, properties = true }

--- Is this a set of assertions?
function assertions.is(value)
  return getmetatable(value) == Set
end

-- Values are kept as text; sizes and times may be given as numbers.
local function value_of(value)
  if type(value) == "number" and value == value then
    return units.number(value)
  end
  return type(value) == "string" and value or nil
end

local function check_entry(entry)
  if type(entry) ~= "table" then
    return ("an assertion is { namespace =, subject =, properties = }, not %s")
      :format(text.show(entry))
  end
  for field in pairs(entry) do
    if not known[field] then
      return ("unknown field %s of an assertion%s"):format(text.show(field),
        suggest.hint(field, known))
    end
  end
  for _, field in ipairs { "namespace", "subject" } do
    if type(entry[field]) ~= "string" then
      return ("%s of an assertion is a text, not %s"):format(field,
        text.show(entry[field]))
    end
  end
  if type(entry.properties) ~= "table" then
    return ("properties of an assertion are a table, not %s"):format(
      text.show(entry.properties))
  end
end

-- A copy of properties that are all text, or nil and a message.
local function copy_properties(entry)
  local copy = {}
  for name, value in pairs(entry.properties) do
    local said = value_of(value)
    if type(name) ~= "string" or not said then
      return nil, ("property %s of '%s' is a text, not %s"):format(
        text.show(name), entry.subject, text.show(value))
    end
    copy[name] = said
  end
  return copy
end

local function same(a, b)
  for name, value in pairs(a) do
    if b[name] ~= value then
      return false
    end
  end
  for name in pairs(b) do
    if a[name] == nil then
      return false
    end
  end
  return true
end

-- Puts an entry into map[namespace][subject]; a message if it contradicts.
local function put(map, namespace, subject, properties)
  if next(properties) == nil then
    return nil -- says nothing
  end
  map[namespace] = map[namespace] or {}
  local old = map[namespace][subject]
  if old and not same(old, properties) then
    return ("two assertions about '%s' of '%s' contradict each other"):format(
      subject, namespace)
  end
  map[namespace][subject] = properties
end

local function new(map)
  return setmetatable({ _map = map, _digest = false }, Set)
end

--- A set, or nil and what is wrong with the list.
function assertions.build(list)
  if assertions.is(list) then
    return list
  elseif type(list) ~= "table" then
    return nil, "assertions are a list, not " .. text.show(list)
  end
  local map, count = {}, 0
  for _ in pairs(list) do
    count = count + 1
  end
  if count ~= #list then
    return nil, "assertions are a list of { namespace =, subject =,"
      .. " properties = }; this table has other keys than 1, 2, …"
  end
  for _, entry in ipairs(list) do
    local message = check_entry(entry)
    local properties
    if not message then
      properties, message = copy_properties(entry)
    end
    message = message or put(map, entry.namespace, entry.subject, properties)
    if message then
      return nil, message
    end
  end
  return new(map)
end

--- A set of assertions.
-- @param list  { { namespace =, subject =, properties = { k = v } }, … };
--              entries that contradict each other raise
function assertions.new(list)
  local set, message = assertions.build(list)
  if not set then
    errors.raise("assertions: %s", message)
  end
  return set
end

local function check_set(value, method)
  if not assertions.is(value) then
    errors.raise("%s of assertions: a set of assertions is needed, not %s",
      method, text.show(value))
  end
end

--- Are there none?
function Set:empty()
  return next(self._map) == nil
end

--- The entries, sorted by namespace and subject.
function Set:list()
  local list = {}
  for _, namespace in ipairs(sorted.keys(self._map)) do
    local subjects = self._map[namespace]
    for _, subject in ipairs(sorted.keys(subjects)) do
      local copy = {}
      for name, value in pairs(subjects[subject]) do
        copy[name] = value
      end
      list[#list + 1] = { namespace = namespace, subject = subject,
                          properties = copy }
    end
  end
  return list
end

--- What the digest is of: subject, namespace, property, value of each.
function Set:material()
  local parts = {}
  for _, entry in ipairs(self:list()) do
    for _, name in ipairs(sorted.keys(entry.properties)) do
      parts[#parts + 1] = entry.subject .. entry.namespace .. name
        .. entry.properties[name]
    end
  end
  return table.concat(parts)
end

--- The digest of the set; that of nothing for an empty one.
function Set:digest()
  self._digest = self._digest or digest.of(self:material())
  return self._digest
end

--- Both together.
-- @return a set, or nil and an error of kind Invalid if they contradict
function Set:merge(other)
  check_set(other, "merge")
  local list = self:list()
  for _, entry in ipairs(other:list()) do
    list[#list + 1] = entry
  end
  local set, message = assertions.build(list)
  if not set then
    return nil, errors.new("Invalid", "assertions: %s", message)
  end
  return set
end

function Set.__eq(a, b)
  for namespace, subjects in pairs(a._map) do
    for subject, properties in pairs(subjects) do
      local there = b._map[namespace] and b._map[namespace][subject]
      if not there or not same(properties, there) then
        return false
      end
    end
  end
  return #a:list() == #b:list()
end

local policies = {}

function policies.never()
  return true
end

-- Each thing that was asserted must be there, with the same properties.
function policies.exact(before, now)
  for namespace, subjects in pairs(before._map) do
    for subject, properties in pairs(subjects) do
      local there = now._map[namespace] and now._map[namespace][subject]
      if not there or not same(properties, there) then
        return false
      end
    end
  end
  return true
end

--- May a result that was made under `before` be used under `now`?
-- @param policy  "never" (assertions are never looked at: yes) or "exact"
--                (yes, if each property is unchanged)
function assertions.accepts(policy, before, now)
  if not policies[policy] then
    errors.raise("unknown policy of assertions %s%s", text.show(policy),
      suggest.hint(policy, policies))
  end
  check_set(before, "accepts")
  check_set(now, "accepts")
  return policies[policy](before, now)
end

return setmetatable(assertions, {
  __call = function(_, list)
    return assertions.new(list)
  end,
})
