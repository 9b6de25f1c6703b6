--- Packing of many classes: a grid says where tasks that fit may be.
--
-- The two labels that decide most span a grid of 32 × 32 cells, each with the
-- tasks whose needs are that part of a bin. For the open bin the cell is taken
-- whose tasks are most alike to the room that is left (large where much is
-- left), which leaves little over in any direction. A row of cells is a word of
-- bits, so that a step looks at 32 words at most, however many tasks there are.
--
-- Cells on the edge of the room hold tasks that fit and others that do not;
-- the first few of them are tried.

local bit = require "bit"
local ffi = require "ffi"

local craft_grid = {}

local SIDE = 32
local TRIES = 4 -- tasks of a cell, before it is given up for this bin

local band, bor, bnot = bit.band, bit.bor, bit.bnot
local lshift, rshift = bit.lshift, bit.rshift
local floor, min, ceil = math.floor, math.min, math.ceil

ffi.cdef [[
union neap_grid_bits { double number; int32_t half[2]; };
]]
local bits = ffi.new "union neap_grid_bits"

-- Place of the highest bit of a word that is not 0: the exponent of a double.
local function highest(word)
  if word < 0 then
    return 31
  end
  bits.number = word
  return rshift(bits.half[ffi.abi "le" and 1 or 0], 20) - 1023
end

local function place(need, size)
  return min(SIDE - 1, floor(need * SIDE / size))
end

-- The grid with all classes in it. A bin in which only one label matters has a
-- second one of which nobody needs anything.
local function new_grid(items)
  local n, columns = items.n, items.columns
  local g = {
    a = columns[1].need, b = columns[1].need,
    size_a = columns[1].size, size_b = columns[1].size,
    row = ffi.new("int32_t[?]", SIDE),
    head = ffi.new("int32_t[?]", SIDE * SIDE),
    next = ffi.new("int32_t[?]", n + 1),
    count = ffi.new("double[?]", n + 1),
    left = n, more = {},
  }
  if columns[2] then
    g.b, g.size_b = columns[2].need, columns[2].size
  end
  for k = 3, #columns do
    g.more[k - 2] = columns[k]
  end
  ffi.copy(g.count, items.count, (n + 1) * ffi.sizeof "double")
  for i = 1, n do
    local x, y = place(g.a[i], g.size_a), place(g.b[i], g.size_b)
    local cell = x * SIDE + y
    g.next[i], g.head[cell] = g.head[cell], i
    g.row[x] = bor(g.row[x], lshift(1, y))
  end
  return g
end

-- What the open bin has left: of a, b, and the columns in `more`.
local function new_room(g)
  local room = { a = g.size_a, b = g.size_b, more = {} }
  for k, column in ipairs(g.more) do
    room.more[k] = column.size
  end
  return room
end

local function more_fit(g, room, i)
  for k = 1, #g.more do
    if g.more[k].need[i] > room.more[k] then
      return false
    end
  end
  return true
end

-- A task of the cell that fits, and the one before it in the list (0: none).
local function find_in_cell(g, room, cell)
  local before, i = 0, g.head[cell]
  for _ = 1, TRIES do
    if i == 0 then
      return 0, 0
    elseif g.a[i] <= room.a and g.b[i] <= room.b and more_fit(g, room, i) then
      return i, before
    end
    before, i = i, g.next[i]
  end
  return 0, 0
end

-- The best cell whose tasks may fit and that was not tried for this room, or
-- -1. Likeness grows with x and y, so that in a row only the last cell counts,
-- and rows are left out once they can be no better.
local function best_cell(g, room, tried)
  local wa, wb = room.a / g.size_a, room.b / g.size_b
  local xs, ys = place(room.a, g.size_a), place(room.b, g.size_b)
  local allowed = ys == SIDE - 1 and -1 or lshift(1, ys + 1) - 1
  local best, most = -1, -1
  for x = xs, 0, -1 do
    if x * wa + ys * wb <= most then
      break
    end
    local word = band(g.row[x], allowed, bnot(tried[x]))
    if word ~= 0 then
      local y = highest(word)
      local like = x * wa + y * wb
      if like > most then
        best, most = x * SIDE + y, like
      end
    end
  end
  return best
end

local function unlink(g, cell, i, before)
  if before == 0 then
    g.head[cell] = g.next[i]
  else
    g.next[before] = g.next[i]
  end
  if g.head[cell] == 0 then
    local x, y = rshift(cell, 5), band(cell, SIDE - 1)
    g.row[x] = band(g.row[x], bnot(lshift(1, y)))
  end
  g.left = g.left - 1
end

local function fitting(need, room, n)
  if need * n <= room then
    return n
  end
  return floor(room / need)
end

-- Take a quarter of what fits of class i, at least one.
local function take(g, room, i)
  local count = g.count[i]
  local n = count
  if count > 1 then
    n = fitting(g.a[i], room.a, fitting(g.b[i], room.b, count))
    for k = 1, #g.more do
      n = fitting(g.more[k].need[i], room.more[k], n)
    end
    n = math.max(1, ceil((n - 1) / 4))
  end
  room.a, room.b = room.a - n * g.a[i], room.b - n * g.b[i]
  for k = 1, #g.more do
    room.more[k] = room.more[k] - n * g.more[k].need[i]
  end
  g.count[i] = count - n
end

local function fill(g, tried)
  local room = new_room(g)
  ffi.fill(tried, SIDE * ffi.sizeof "int32_t")
  while true do
    local cell = best_cell(g, room, tried)
    if cell < 0 then
      return
    end
    local i, before = find_in_cell(g, room, cell)
    if i == 0 then -- nothing there fits, nor will it when there is less room
      local x, y = rshift(cell, 5), band(cell, SIDE - 1)
      tried[x] = bor(tried[x], lshift(1, y))
    else
      take(g, room, i)
      if g.count[i] == 0 then
        unlink(g, cell, i, before)
      end
    end
  end
end

--- Number of bins for all tasks of `items`.
-- @param items  of craft_items; each class needs something
function craft_grid.pack(items)
  local g = new_grid(items)
  local tried, bins = ffi.new("int32_t[?]", SIDE), 0
  while g.left > 0 do
    fill(g, tried)
    bins = bins + 1
  end
  return bins
end

return craft_grid
