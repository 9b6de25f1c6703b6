--- Equal resources as one value, found without taking them apart.
--
-- Workflows have many tasks and few kinds of them. What tasks say of their
-- needs is looked up by its four usual amounts as they were written; so a
-- text such as "1GiB" is read once, and the core finds the value by identity.

local resources = require "neap.sched.resources"

local shared = {}

local MOST = 4096 -- values that are remembered; then all are forgotten

local known, count = {}, 0
local usual = { cpu = true, mem = true, disk = true, gpu = true }

local function only_usual(map)
  for label in pairs(map) do
    if not usual[label] then
      return false
    end
  end
  return true
end

-- The table for `key` in `level`, made if it is not there.
local function below(level, key)
  local found = level[key]
  if not found then
    found = {}
    level[key] = found
  end
  return found
end

local function remember(map, value)
  if count == MOST then
    known, count = {}, 0
  end
  count = count + 1
  local level = below(below(below(known, map.cpu or 0), map.mem or 0),
    map.disk or 0)
  level[map.gpu or 0] = value
end

local function find(map)
  local level = known[map.cpu or 0]
  level = level and level[map.mem or 0]
  level = level and level[map.disk or 0]
  return level and level[map.gpu or 0]
end

--- Like `resources.from`, but equal maps give the same value.
function shared.from(map)
  if type(map) ~= "table" or resources.is(map) or not only_usual(map) then
    return resources.from(map)
  end
  local value = find(map)
  if not value then
    value = resources.from(map)
    remember(map, value)
  end
  return value
end

return shared
