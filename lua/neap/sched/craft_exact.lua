--- Packing of few classes: each bin looks at every class.
--
-- One bin is open at a time and takes as many as fit of each class, in an
-- order that is given (or by what suits the room that is left). The same bin
-- is then repeated for as long as its classes last, so that the work depends
-- on the number of classes, not on that of the tasks.

local ffi = require "ffi"

local scratch = require "neap.sched.craft_scratch"
local sort = require "neap.sched.craft_sort"
local space = require "neap.sched.craft_room"

local craft_exact = {}

local ceil, floor, max, min = math.ceil, math.floor, math.max, math.min
local fits, take, times = space.fits, space.take, space.times

-- Adds n of class i to the open bin.
local function put(p, i, n)
  take(p.room, p.items, i, n)
  p.size = p.size + 1
  p.class[p.size], p.n[p.size] = i, n
  p.used[i] = p.used[i] + n
end

-- Fill a bin in the order of `alive`.
local function fill_in_order(p)
  local alive, room, items = p.alive, p.room, p.items
  for at = 0, p.nalive - 1 do
    local i = alive[at]
    if fits(room, items, i) then
      put(p, i, times(room, items, i, p.count[i]))
    end
  end
end

-- How well class i goes along with the room: large where much is left.
local function likeness(items, room, i)
  return items.a[i] * room.a / (items.size_a * items.size_a)
    + items.b[i] * room.b / (items.size_b * items.size_b)
    + items.c[i] * room.c / (items.size_c * items.size_c)
    + items.d[i] * room.d / (items.size_d * items.size_d)
end

-- The class that fits best, 0 if none does.
local function most_alike(p)
  local alive, room, items = p.alive, p.room, p.items
  local best, most = 0, -1
  for at = 0, p.nalive - 1 do
    local i = alive[at]
    if p.used[i] < p.count[i] and fits(room, items, i) then
      local like = likeness(items, room, i)
      if like > most then
        best, most = i, like
      end
    end
  end
  return best
end

-- Fill a bin with what is most alike to the room, a quarter of what fits at a
-- time.
local function fill_by_likeness(p)
  local i = most_alike(p)
  while i > 0 do
    local n = times(p.room, p.items, i, p.count[i] - p.used[i])
    put(p, i, ceil(n / 4))
    i = most_alike(p)
  end
end

-- How often the bin can be repeated; takes away what is then in them.
local function repeats(p)
  local n = math.huge
  for at = 1, p.size do
    local i = p.class[at]
    n = min(n, floor(p.count[i] / p.used[i]))
  end
  for at = 1, p.size do
    local i = p.class[at]
    p.count[i] = p.count[i] - n * p.n[at]
  end
  for at = 1, p.size do
    p.used[p.class[at]] = 0
  end
  p.size = 0
  return n
end

local function drop_finished(p)
  local alive, count, kept = p.alive, p.count, 0
  for at = 0, p.nalive - 1 do
    local i = alive[at]
    if count[i] > 0 then
      alive[kept] = i
      kept = kept + 1
    end
  end
  p.nalive = kept
end

-- A bin that is as large as the largest task that opened one so far, in each
-- label.
local function grow(p)
  local items, i = p.items, p.alive[0]
  local top, room, more = p.top, p.room, items.more
  top.a, top.b = max(top.a, items.a[i]), max(top.b, items.b[i])
  top.c, top.d = max(top.c, items.c[i]), max(top.d, items.d[i])
  room.a, room.b, room.c, room.d = top.a, top.b, top.c, top.d
  for k = 1, #more do
    p.more[k] = max(p.more[k] or 0, more[k].need[i])
    more[k].room = p.more[k]
  end
end

local function new_packing(items, order)
  local n = items.n
  local p = {
    items = items, room = space.new(), top = space.new(), more = {},
    nalive = n, size = 0, class = {}, n = {},
    used = scratch.zeroed("exact used", "double", n),
    count = scratch.get("exact count", "double", n),
    alive = scratch.get("exact alive", "int32_t", n),
  }
  ffi.copy(p.count, items.count, (n + 1) * ffi.sizeof "double")
  ffi.copy(p.alive, order, n * ffi.sizeof "int32_t")
  return p
end

--- Number of bins for all tasks of `items`.
-- @param items  of craft_items; each class needs something
-- @param order  classes, as craft_sort gives them
-- @param how    "in order", "growing" (bins grow with the tasks that open
--               them, as Reflow's do), "by likeness"
function craft_exact.pack(items, order, how)
  local fill = how == "by likeness" and fill_by_likeness or fill_in_order
  local p, bins = new_packing(items, order), 0
  while p.nalive > 0 do
    if how == "growing" then
      grow(p)
    else
      space.fill(p.room, items)
    end
    fill(p)
    bins = bins + repeats(p)
    drop_finished(p)
  end
  return bins
end

--- Classes by a weight per column, heaviest first.
-- @param weigh    fn(need, column) → number
-- @param largest  the weights of the columns are compared, not added up
function craft_exact.order(items, weigh, largest)
  local key = scratch.zeroed("exact key", "double", items.n)
  for _, c in ipairs(items.columns) do
    for i = 1, items.n do
      local weight = weigh(c.need[i], c)
      key[i] = largest and max(key[i], weight) or key[i] + weight
    end
  end
  return sort.descending(key, items.n)
end

return craft_exact
