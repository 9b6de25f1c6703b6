--- Tasks as crafting sees them: how often each different demand occurs.
--
-- Demands are read into columns of numbers, one per label that somebody needs,
-- and equal rows are joined to classes with a hash table over these numbers.
-- Each pass is one flat loop, so that 100 000 tasks cost a few milliseconds
-- whether they are all the same or all different.

local bit = require "bit"
local ffi = require "ffi"

local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local scratch = require "neap.sched.craft_scratch"
local text = require "neap.sched.errors_text"

local craft_items = {}

local bxor, rol, band, tobit = bit.bxor, bit.rol, bit.band, bit.tobit
local getmetatable, pairs = getmetatable, pairs
local R = getmetatable(resources.NONE)

ffi.cdef [[
union neap_craft_bits { double number; int32_t half[2]; };
]]

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

local function refuse(r)
  errors.raise("craft: a task cannot need %s: an amount is negative",
    tostring(r))
end

local function new_column(rows, name)
  local k = #rows.columns + 1
  local need = scratch.zeroed("column " .. k, "double", rows.room)
  rows.columns[k] = { name = name, need = need }
  return need
end

-- The labels that are none of the four, of row `at`.
local function read_others(rows, r, at)
  for label, n in pairs(r[5]) do
    if n < 0 then
      refuse(r)
    end
    local need = rows.other[label] or new_column(rows, label)
    rows.other[label], need[at] = need, n
  end
end

-- The rows of a list, without those that need nothing: they fit anywhere.
local function read(list)
  local rows = { n = 0, room = #list, columns = {}, other = {} }
  local cpus, mems = new_column(rows, "cpu"), new_column(rows, "mem")
  local disks, gpus = new_column(rows, "disk"), new_column(rows, "gpu")
  local at = 0
  for i = 1, #list do
    local r = list[i]
    if getmetatable(r) ~= R then
      r = resources.from(r)
    end
    local cpu, mem, disk, gpu = r[1], r[2], r[3], r[4]
    if cpu < 0 or mem < 0 or disk < 0 or gpu < 0 then
      refuse(r)
    end
    if cpu > 0 or mem > 0 or disk > 0 or gpu > 0 or r[5] then
      at = at + 1
      cpus[at], mems[at], disks[at], gpus[at] = cpu, mem, disk, gpu
      if r[5] then
        read_others(rows, r, at)
      end
    end
  end
  rows.n = at
  return rows
end

-- Mix a column into the hashes of the rows.
local function mix(hash, need, n)
  local bits = ffi.new "union neap_craft_bits"
  for i = 1, n do
    bits.number = need[i]
    local h = tobit(bxor(rol(hash[i], 5), bits.half[0]) + bits.half[1])
    h = tobit(bxor(h, rol(h, 14)) - rol(h, 7))
    hash[i] = bxor(h, rol(h, 25))
  end
end

-- Do the columns from the fifth on say the same in both rows?
local function same_others(columns, a, b)
  for k = 5, #columns do
    if columns[k].need[a] ~= columns[k].need[b] then
      return false
    end
  end
  return true
end

local function move_others(columns, from, to)
  for k = 5, #columns do
    columns[k].need[to] = columns[k].need[from]
  end
end

-- Joins equal rows: the first of them moves up to the row of its class. The
-- hash table has its own loop variable (`at`), in one loop with the rows.
local function join(rows, hash, count)
  local columns, size = rows.columns, 16
  while size < 2 * rows.n do
    size = size * 2
  end
  local slots, mask = scratch.zeroed("slots", "int32_t", size - 1), size - 1
  local c1, c2, c3, c4 = columns[1].need, columns[2].need, columns[3].need,
    columns[4].need
  local more, classes = #columns > 4, 0
  local i, at = 1, band(hash[1], mask)
  while i <= rows.n do
    local class = slots[at]
    if class == 0 then
      classes = classes + 1
      slots[at], class = classes, classes
      c1[class], c2[class], c3[class], c4[class] = c1[i], c2[i], c3[i], c4[i]
      if more then
        move_others(columns, i, class)
      end
    elseif c1[class] ~= c1[i] or c2[class] ~= c2[i] or c3[class] ~= c3[i]
      or c4[class] ~= c4[i]
      or (more and not same_others(columns, class, i)) then
      class, at = 0, band(at + 1, mask)
    end
    if class > 0 then
      count[class] = count[class] + 1
      i = i + 1
      at = band(hash[i], mask)
    end
  end
  return classes
end

-- The sum and the largest of a column.
local function measure(need, count, n)
  local total, most = 0, 0
  for i = 1, n do
    local x = need[i]
    total = total + x * count[i]
    most = x > most and x or most
  end
  return total, most
end

local function by_load(a, b)
  if a.load ~= b.load then
    return a.load > b.load
  end
  return a.name < b.name
end

--- Names the four columns that decide most: those with the highest load per
-- bin, which come first. For those that are missing the first stands in, which
-- changes nothing. The others are in `more`.
function craft_items.name_columns(items)
  local columns, first = items.columns, items.columns[1]
  for k, name in ipairs { "a", "b", "c", "d" } do
    local column = columns[k] or first
    items[name] = first and column.need
    items["size_" .. name] = first and column.size
  end
  items.more = {}
  for k = 5, #columns do
    items.more[k - 4] = columns[k]
  end
  return items
end

local function bin_of(columns, floor)
  local top = {}
  for _, c in ipairs(columns) do
    top[c.name] = c.name == "cpu" and c.most / 1000 or c.most
  end
  return resources.from(top):max(floor)
end

--- The classes of a list of resources.
-- @param list   resources, or tables of amounts
-- @param floor  resources that a bin holds at least
-- @return items, bin
--
-- bin: the smallest resources in which each task fits. items: `n` classes,
-- `count[i]` tasks of class i, `columns` { need (per class), size (of a bin),
-- load (bins that this label alone needs) }, `a b c d` and `size_a` … of the
-- first four of them, `more` for the others, `bound` (no packing has fewer
-- bins). n is 0 when nobody needs anything.
function craft_items.collect(list, floor)
  check_list(list)
  local rows = read(list)
  local hash = scratch.zeroed("hash", "int32_t", rows.n + 1)
  local count = scratch.zeroed("count", "double", rows.n + 1)
  for _, c in ipairs(rows.columns) do
    mix(hash, c.need, rows.n)
  end
  local items = { n = join(rows, hash, count), count = count, columns = {} }
  for _, c in ipairs(rows.columns) do
    c.total, c.most = measure(c.need, count, items.n)
  end
  local bin = bin_of(rows.columns, floor)
  for _, c in ipairs(rows.columns) do
    if c.most > 0 then
      c.size = c.name == "cpu" and bin[1] or bin:get(c.name)
      c.load = c.total / c.size
      items.columns[#items.columns + 1] = c
    end
  end
  table.sort(items.columns, by_load)
  local first = items.columns[1]
  items.bound = first and math.ceil(first.load - 1e-6) or 0
  return craft_items.name_columns(items), bin
end

return craft_items
