--- Tasks as crafting sees them: how often each different demand occurs.
--
-- A demand is a row of numbers, one per label that somebody needs ("column").
-- Equal demands are one class with a count, found with a hash table over the
-- numbers, so that 100 000 tasks cost a few milliseconds whether they are all
-- the same or all different.

local bit = require "bit"
local ffi = require "ffi"

local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local text = require "neap.sched.errors_text"

local craft_items = {}

local bxor, rol, band, tobit = bit.bxor, bit.rol, bit.band, bit.tobit
local getmetatable, pairs = getmetatable, pairs

ffi.cdef [[
union neap_craft_bits { double number; int32_t half[2]; };
]]
local bits = ffi.new "union neap_craft_bits"

local function mix(hash, column, n)
  bits.number = n
  hash = tobit(hash + bxor(rol(bits.half[0], column), bits.half[1]))
  hash = bxor(hash, rol(hash, 7) + rol(hash, 19))
  return tobit(hash + rol(hash, 13))
end

-- The table: `slot` holds numbers of classes, 0 is free; it has at least twice
-- as many places as there can be classes.
local function new_set(n)
  local size = 16
  while size < 2 * n do
    size = size * 2
  end
  local set = {
    n = 0, room = n, mask = size - 1,
    slot = ffi.new("int32_t[?]", size),
    count = ffi.new("double[?]", n + 1),
    column = {}, name = { "cpu", "mem", "disk", "gpu" }, of = {},
    other = {}, -- row of the labels from the fifth on
  }
  for i = 1, 4 do
    set.column[i] = ffi.new("double[?]", n + 1)
  end
  return set
end

local function column_of(set, label)
  local i = set.of[label]
  if not i then
    i = #set.column + 1
    set.of[label], set.name[i] = i, label
    set.column[i] = ffi.new("double[?]", set.room + 1)
  end
  return i
end

local function same_others(set, class)
  local other = set.other
  for i = 5, #set.column do
    if set.column[i][class] ~= (other[i] or 0) then
      return false
    end
  end
  return true
end

local function find_place(set, hash, cpu, mem, disk, gpu)
  local c1, c2, c3, c4 = set.column[1], set.column[2], set.column[3],
    set.column[4]
  local slot, mask, more = set.slot, set.mask, #set.column > 4
  local at = band(hash, mask)
  while slot[at] ~= 0 do
    local class = slot[at]
    if c1[class] == cpu and c2[class] == mem and c3[class] == disk
      and c4[class] == gpu and (not more or same_others(set, class)) then
      return at
    end
    at = band(at + 1, mask)
  end
  return at
end

local function add_row(set, at, cpu, mem, disk, gpu)
  local class, column = set.n + 1, set.column
  set.n = class
  set.slot[at] = class
  column[1][class], column[2][class] = cpu, mem
  column[3][class], column[4][class] = disk, gpu
  for i = 5, #column do
    column[i][class] = set.other[i] or 0
  end
  return class
end

local function refuse(r)
  errors.raise("craft: a task cannot need %s: an amount is negative",
    tostring(r))
end

-- Reads the labels that are none of the four into the set's row.
local function read_others(set, r, hash)
  set.other = {}
  for label, n in pairs(r[5]) do
    if n < 0 then
      refuse(r)
    end
    local i = column_of(set, label)
    set.other[i] = n
  end
  for i = 5, #set.column do
    local n = set.other[i] or 0
    hash = n ~= 0 and mix(hash, i, n) or hash
  end
  return hash
end

local function add(set, r)
  local cpu, mem, disk, gpu = r[1], r[2], r[3], r[4]
  if cpu < 0 or mem < 0 or disk < 0 or gpu < 0 then
    refuse(r)
  elseif r == resources.NONE then
    return -- fits wherever something else does
  end
  local hash = mix(mix(mix(mix(0, 1, cpu), 2, mem), 3, disk), 4, gpu)
  if r[5] then
    hash = read_others(set, r, hash)
  elseif #set.column > 4 then
    set.other = {}
  end
  local at = find_place(set, hash, cpu, mem, disk, gpu)
  local class = set.slot[at]
  if class == 0 then
    class = add_row(set, at, cpu, mem, disk, gpu)
  end
  set.count[class] = set.count[class] + 1
end

local function check_list(list)
  if type(list) ~= "table" or resources.is(list)
    or (#list == 0 and next(list) ~= nil) then
    errors.raise("craft: a list of resources is needed, not %s",
      resources.is(list) and "resources" or text.show(list))
  end
end

--- The list with each element as resources. Raises for what is no such list.
function craft_items.check(list)
  check_list(list)
  local out = {}
  for i = 1, #list do
    out[i] = resources.from(list[i])
  end
  return out
end

-- Classes in the order of their numbers, 1 … n, with the columns that matter:
-- those with the highest load per bin first, as they decide most often.
local function finish(set, bin)
  local items = { n = set.n, count = set.count, bound = 1, columns = {} }
  for i, column in ipairs(set.column) do
    local total = 0
    for class = 1, set.n do
      total = total + column[class] * set.count[class]
    end
    if total > 0 then
      local size = i == 1 and bin[1] or bin:get(set.name[i])
      items.columns[#items.columns + 1] = {
        name = set.name[i], need = column, size = size, load = total / size,
      }
      items.bound = math.max(items.bound, math.ceil(total / size - 1e-6))
    end
  end
  table.sort(items.columns, function(a, b)
    if a.load ~= b.load then
      return a.load > b.load
    end
    return a.name < b.name
  end)
  return items
end

local function largest(set)
  local top = {}
  for i, column in ipairs(set.column) do
    local most = 0
    for class = 1, set.n do
      most = column[class] > most and column[class] or most
    end
    top[set.name[i]] = i == 1 and most / 1000 or most
  end
  return resources.from(top)
end

--- The classes of a list of resources.
-- @param list   resources, or tables of amounts
-- @param floor  a bundle that each bin holds at least
-- @return items, bin: `items.n` classes, `items.count[class]` tasks each,
--         `items.columns` (need per class and size of a bin), `items.bound` (no
--         packing has fewer bins); the smallest bin in which each task fits
function craft_items.collect(list, floor)
  check_list(list)
  local of_resources = getmetatable(resources.NONE)
  local set = new_set(#list)
  for i = 1, #list do
    local r = list[i]
    if getmetatable(r) ~= of_resources then
      r = resources.from(r)
    end
    add(set, r)
  end
  local bin = largest(set):max(floor)
  return finish(set, bin), bin
end

return craft_items
