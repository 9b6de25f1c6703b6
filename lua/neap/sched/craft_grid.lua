--- Packing of many classes: a grid says where tasks that fit may be.
--
-- The two labels that decide most span a grid of 32 × 32 cells, each with the
-- tasks whose needs are that part of a bin. For the open bin the cell is taken
-- whose tasks are most alike to the room that is left (large where much is
-- left), which leaves little over in any direction. A row of cells is a word of
-- bits, so that a step looks at 32 words at most, however many tasks there are.
--
-- Cells on the edge of the room hold tasks that fit and others that do not; the
-- first two of them are tried.
--
-- The state of the search is a struct and the search one flat loop (`pack`),
-- which LuaJIT makes one piece of machine code of; nested loops with few turns
-- each would take four times as long.

local bit = require "bit"
local ffi = require "ffi"

local scratch = require "neap.sched.craft_scratch"
local space = require "neap.sched.craft_room"

local craft_grid = {}

local SIDE = 32
local FAILS_MAX = 24 -- cells that are tried in vain before a bin is full

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
  int32_t best;            /* cell, -1: none yet */
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

local function add_all(g, items, head, link)
  local a, b = items.a, items.b
  for i = 1, items.n do
    local x, y = place(a[i], g.size_a), place(b[i], g.size_b)
    local cell = x * SIDE + y
    link[i], head[cell] = head[cell], i
    g.row[x] = bor(g.row[x], lshift(1, y))
  end
end

-- Look from the top row again: the room has changed.
local function aim(g, room)
  g.weight_a, g.weight_b = room.a / g.size_a, room.b / g.size_b
  g.x, g.y = place(room.a, g.size_a), place(room.b, g.size_b)
  g.allowed = g.y == SIDE - 1 and -1 or lshift(1, g.y + 1) - 1
  g.best, g.most = -1, -1
end

-- Likeness grows with x and y: in a row only the last cell can be the best.
local function look_at_row(g)
  local x = g.x
  local word = band(g.row[x], g.allowed, bnot(g.tried[x]))
  g.x = x - 1
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
end

-- Takes class i, whose predecessor in the cell is `before` (0: none).
local function use(g, items, p, i, before)
  local n = p.count[i]
  if n > 1 then -- a quarter of those that fit
    n = ceil(times(p.room, items, i, n) / 4)
  end
  take(p.room, items, i, n)
  p.count[i] = p.count[i] - n
  if p.count[i] == 0 then
    local cell = g.best
    if before == 0 then
      p.head[cell] = p.link[i]
    else
      p.link[before] = p.link[i]
    end
    if p.head[cell] == 0 then
      local x = rshift(cell, 5)
      g.row[x] = band(g.row[x], bnot(lshift(1, band(cell, SIDE - 1))))
    end
    g.left = g.left - 1
  end
end

-- Take a task of the best cell, or note that none fits: nor will one when there
-- is less room.
local function use_best(g, items, p)
  local first = p.head[g.best]
  local second = p.link[first]
  if fits(p.room, items, first) then
    use(g, items, p, first, 0)
  elseif second ~= 0 and fits(p.room, items, second) then
    use(g, items, p, second, first)
  else
    g.fails = g.fails + 1
    local x = rshift(g.best, 5)
    g.tried[x] = bor(g.tried[x], lshift(1, band(g.best, SIDE - 1)))
  end
  aim(g, p.room)
end

local function new_grid(items)
  local g = ffi.new "struct neap_grid"
  g.size_a, g.size_b, g.left = items.size_a, items.size_b, items.n
  return g
end

--- Number of bins for all tasks of `items`.
-- @param items  of craft_items; each class needs something
function craft_grid.pack(items)
  local g, n = new_grid(items), items.n
  local p = {
    head = scratch.zeroed("grid head", "int32_t", SIDE * SIDE),
    link = scratch.zeroed("grid link", "int32_t", n),
    count = scratch.get("grid count", "double", n), room = space.new(),
  }
  ffi.copy(p.count, items.count, (n + 1) * ffi.sizeof "double")
  add_all(g, items, p.head, p.link)
  open_bin(g, items, p.room)
  while g.left > 0 do
    if g.x >= 0 and g.x * g.weight_a + g.y * g.weight_b > g.most then
      look_at_row(g)
    elseif g.best >= 0 and g.fails < FAILS_MAX then
      use_best(g, items, p)
    else
      open_bin(g, items, p.room)
    end
  end
  return g.bins
end

return craft_grid
