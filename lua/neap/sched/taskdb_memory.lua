--- A task database in this process; it is gone with it.

local clock = require "neap.sched.clock"
local columns = require "neap.sched.taskdb_columns"
local methods = require "neap.sched.taskdb_methods"

local memory = {}

local Memory = setmetatable({}, { __index = methods })
Memory.__index = Memory

--- An empty database.
-- @param opts  clock: for times that a row does not bring, default the clock
--              in use
function memory.new(opts)
  local tables = {}
  for _, kind in ipairs(columns.kinds) do
    tables[kind] = { by_id = {}, number = {}, list = {} }
  end
  return setmetatable({
    clock = opts and opts.clock or clock.default(), tables = tables,
  }, Memory)
end

local function merge(row, stored)
  for name, value in pairs(stored) do
    row[name] = value
  end
end

function Memory:put(kind, stored)
  local of = self.tables[kind]
  local row = of.by_id[stored.id]
  if not row then
    row = {}
    of.by_id[stored.id] = row
    of.list[#of.list + 1] = row
    of.number[row] = #of.list
  end
  merge(row, stored)
  return true
end

function Memory:change(kind, id, stored)
  local row = self.tables[kind].by_id[id]
  if row then
    merge(row, stored)
  end
  return row ~= nil
end

-- Is `wanted` the id, or the beginning of the digest that it is?
local function same_id(id, wanted)
  return id == wanted or wanted:find("^%x+$") ~= nil
    and id:sub(1, 7 + #wanted) == "sha256:" .. wanted
    or wanted:find("^sha256:%x+$") ~= nil and id:sub(1, #wanted) == wanted
end

local function matches(row, conditions)
  for name, value in pairs(conditions.equal) do
    if row[name] ~= value then
      return false
    end
  end
  local id, since, before = conditions.id, conditions.since, conditions.before
  return (id == nil or same_id(row.id, id))
    and (since == nil or row.keepalive > since)
    and (before == nil or row.keepalive < before)
end

function Memory:select(kind, conditions)
  local of, found = self.tables[kind], {}
  for _, row in ipairs(of.list) do
    if matches(row, conditions) then
      found[#found + 1] = row
    end
  end
  table.sort(found, function(a, b)
    local x, y = a.end_time or a.keepalive, b.end_time or b.keepalive
    if x == y then
      return of.number[a] > of.number[b]
    end
    return x > y
  end)
  for i = #found, (conditions.limit or #found) + 1, -1 do
    found[i] = nil
  end
  return found
end

function Memory:each(kind, column, fn)
  for _, row in ipairs(self.tables[kind].list) do
    if row[column] ~= nil and not fn(row.id, row[column]) then
      break
    end
  end
  return true
end

return memory
