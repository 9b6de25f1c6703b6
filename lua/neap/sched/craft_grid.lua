--- Packing of many classes: a grid says where tasks that fit may be.
--
-- The two labels that decide most span a grid of 32 × 32 cells, each with the
-- tasks whose needs are that part of a bin. For the open bin the cell is taken
-- whose tasks are most alike to the room that is left (large where much is
-- left), which leaves little over in any direction. A row of cells is a word of
-- bits, so that a step looks at 32 words at most, however many tasks there are.
--
-- Cells on the edge of the room hold tasks that fit and others that do not, and
-- other labels may not fit anywhere: the first tasks of a cell are tried.
--
-- The state of the search is a struct and the search one flat loop (`pack`),
-- which LuaJIT makes one piece of machine code of; nested loops with few turns
-- each would take four times as long.

local bit = require "bit"
local ffi = require "ffi"

local items_of = require "neap.sched.craft_items"
local scratch = require "neap.sched.craft_scratch"
local space = require "neap.sched.craft_room"

local craft_grid = {}

local SIDE = 32
local CELLS = SIDE * SIDE
local FAILS_MAX = 8 -- cells that are tried in vain before a bin is full
-- classes of a cell that are tried, with two labels and with more
local TRIES_TWO, TRIES_MANY = 2, 16

local band, bor, bnot = bit.band, bit.bor, bit.bnot
local lshift, rshift = bit.lshift, bit.rshift
local ceil, floor, min = math.ceil, math.floor, math.min
local fits, refill = space.fits, space.fill
local take, times = space.take, space.times

ffi.cdef [[
union neap_grid_bits { double number; int32_t half[2]; };
struct neap_grid {
  double size_a, size_b;   /* of a bin */
  double weight_a, weight_b; /* what is left in the open one, as part of it */
  double most;             /* likeness of the best cell */
  int32_t x, y;            /* row to look at, highest column that may fit */
  int32_t top;             /* rows above it are empty */
  int32_t best;            /* cell, -1: none yet */
  int32_t class, before;   /* class of it to try, the one before; 0: none */
  int32_t tries, tries_max; /* classes of it that did not fit; at most */
  int32_t allowed;         /* bits 0 … y */
  int32_t left, bins;      /* classes that are not packed; bins so far */
  int32_t fails;           /* cells of which nothing fit in the open bin */
  int32_t row[32];         /* bit y of row x: the cell has tasks */
  int32_t tried[32];       /* … nothing in it fits in the open bin */
};
]]

local bits = ffi.new "union neap_grid_bits"
local HIGH = ffi.abi "le" and 1 or 0

-- Place of the highest bit of a word that is not 0: the exponent of a double.
local function highest(word)
  if word < 0 then
    return 31
  end
  bits.number = word
  return rshift(bits.half[HIGH], 20) - 1023
end

local function place(need, size)
  return min(SIDE - 1, floor(need * SIDE / size))
end

-- The cell of each class, and how many classes there are up to each cell.
local function count_cells(items, cells, upto)
  local a, b, size_a, size_b = items.a, items.b, items.size_a, items.size_b
  for i = 1, items.n do
    local cell = place(a[i], size_a) * SIDE + place(b[i], size_b)
    cells[i] = cell
    upto[cell] = upto[cell] + 1
  end
  for cell = 1, CELLS - 1 do
    upto[cell] = upto[cell] + upto[cell - 1]
  end
  upto[CELLS] = items.n
end

local function reorder(from, to, order, n)
  for i = 1, n do
    to[i] = from[order[i]]
  end
end

-- The items with the classes of a cell next to each other, so that they are
-- together in the processor's cache as well.
-- @return items, and an array: the place before the first class of each cell
local function by_cell(items)
  local n = items.n
  local cells = scratch.get("grid cells", "int32_t", n)
  local upto = scratch.zeroed("grid upto", "int32_t", CELLS)
  local order = scratch.get("grid order", "int32_t", n)
  count_cells(items, cells, upto)
  for i = n, 1, -1 do
    local cell = cells[i]
    local at = upto[cell]
    order[at], upto[cell] = i, at - 1
  end
  local columns = {}
  for k, column in ipairs(items.columns) do
    local need = scratch.get("grid column " .. k, "double", n)
    reorder(column.need, need, order, n)
    columns[k] = { name = column.name, size = column.size, need = need }
  end
  local count = scratch.get("grid count", "double", n)
  reorder(items.count, count, order, n)
  return items_of.name_columns { n = n, columns = columns, count = count }, upto
end

-- The lists of the cells: each class is followed by the next one.
local function link_cells(g, p, n, before)
  for i = 1, n do
    p.link[i] = i + 1
  end
  for cell = 0, CELLS - 1 do
    local first, last = before[cell] + 1, before[cell + 1]
    if first <= last then
      p.head[cell], p.link[last] = first, 0
      local x = rshift(cell, 5)
      g.row[x] = bor(g.row[x], lshift(1, band(cell, SIDE - 1)))
    end
  end
end

-- Look from the top row again: the room has changed.
local function aim(g, room)
  g.weight_a, g.weight_b = room.a / g.size_a, room.b / g.size_b
  g.x, g.y = min(g.top, place(room.a, g.size_a)), place(room.b, g.size_b)
  g.allowed = g.y == SIDE - 1 and -1 or lshift(1, g.y + 1) - 1
  g.best, g.most, g.class = -1, -1, 0
end

-- Likeness grows with x and y: in a row only the last cell can be the best.
local function look_at_row(g)
  local x = g.x
  local word = band(g.row[x], g.allowed, bnot(g.tried[x]))
  g.x = x - 1
  if x == g.top and g.row[x] == 0 then
    g.top = x - 1
  end
  if word ~= 0 then
    local y = highest(word)
    local like = x * g.weight_a + y * g.weight_b
    if like > g.most then
      g.best, g.most = x * SIDE + y, like
    end
  end
end

local function open_bin(g, items, room)
  g.bins, g.fails = g.bins + 1, 0
  ffi.fill(g.tried, SIDE * 4)
  refill(room, items)
  aim(g, room)
  g.weight_b = 0 -- the largest in a opens the bin: it is found at once
end

-- Takes the class that is looked at out of its cell.
local function unlink(g, p, i)
  local cell = g.best
  if g.before == 0 then
    p.head[cell] = p.link[i]
  else
    p.link[g.before] = p.link[i]
  end
  if p.head[cell] == 0 then
    local x = rshift(cell, 5)
    g.row[x] = band(g.row[x], bnot(lshift(1, band(cell, SIDE - 1))))
  end
  g.left = g.left - 1
end

-- Puts tasks of class i into the bin: a quarter of those that fit.
local function use(g, items, p, i)
  local n = p.count[i]
  if n > 1 then
    n = ceil(times(p.room, items, i, n) / 4)
  end
  take(p.room, items, i, n)
  p.count[i] = p.count[i] - n
  if p.count[i] == 0 then
    unlink(g, p, i)
  end
  aim(g, p.room)
end

-- Nothing that was tried in the best cell fits; nor will it when there is less
-- room.
local function give_up(g, room)
  local x = rshift(g.best, 5)
  g.tried[x] = bor(g.tried[x], lshift(1, band(g.best, SIDE - 1)))
  g.fails = g.fails + 1
  aim(g, room)
end

-- Try the next class of the best cell.
local function try(g, items, p)
  local i = g.class
  if fits(p.room, items, i) then
    use(g, items, p, i)
  else
    g.before, g.class, g.tries = i, p.link[i], g.tries + 1
    if g.class == 0 or g.tries == g.tries_max then
      give_up(g, p.room)
    end
  end
end

local function new_grid(items)
  local g = ffi.new "struct neap_grid"
  g.size_a, g.size_b, g.left = items.size_a, items.size_b, items.n
  g.top = SIDE - 1
  g.tries_max = items.columns[3] and TRIES_MANY or TRIES_TWO
  return g
end

--- Number of bins for all tasks of `items`.
-- @param items  of craft_items; each class needs something
function craft_grid.pack(items)
  local g = new_grid(items)
  local before
  items, before = by_cell(items)
  local p = {
    head = scratch.zeroed("grid head", "int32_t", CELLS),
    link = scratch.get("grid link", "int32_t", items.n),
    count = items.count, room = space.new(),
  }
  link_cells(g, p, items.n, before)
  open_bin(g, items, p.room)
  while g.left > 0 do
    if g.class > 0 then
      try(g, items, p)
    elseif g.x >= 0 and g.x * g.weight_a + g.y * g.weight_b > g.most then
      look_at_row(g)
    elseif g.best >= 0 and g.fails < FAILS_MAX then
      g.class, g.before, g.tries = p.head[g.best], 0, 0
    else
      open_bin(g, items, p.room)
    end
  end
  return g.bins
end

return craft_grid
