--- Packing of few classes: each bin looks at every class.
--
-- One bin is open at a time and takes as many as fit of each class, in an
-- order that is given (or by what suits the room that is left). The same bin
-- is then repeated for as long as its classes last, so that the work depends
-- on the number of classes, not on that of the tasks.

local ffi = require "ffi"

local sort = require "neap.sched.craft_sort"

local craft_exact = {}

local floor, min = math.floor, math.min

-- How often class `i` fits in what is left, at most `limit`.
local function times(columns, left, i, limit)
  local n = limit
  for k = 1, #columns do
    local need = columns[k].need[i]
    if need > left[k] then
      return 0
    elseif need > 0 and need * n > left[k] then
      n = floor(left[k] / need)
      if n * need > left[k] then -- the quotient was rounded up
        n = n - 1
      end
    end
  end
  return n
end

local function take(columns, left, i, n)
  for k = 1, #columns do
    left[k] = left[k] - n * columns[k].need[i]
  end
end

-- Adds n of class i to the open bin.
local function put(bin, i, n)
  local size = bin.size + 1
  bin.size, bin.class[size], bin.n[size] = size, i, n
end

-- Fill a bin in the order of `alive`.
local function fill_in_order(p, left, bin)
  local first, columns = p.columns[1], p.columns
  local need, count, alive = first.need, p.count, p.alive
  for at = 0, p.nalive - 1 do
    local i = alive[at]
    if need[i] <= left[1] then
      local n = times(columns, left, i, count[i])
      if n > 0 then
        take(columns, left, i, n)
        put(bin, i, n)
      end
    end
  end
end

-- How well class `i` goes along with what is left: large where much is left.
local function likeness(columns, left, i)
  local sum = 0
  for k = 1, #columns do
    local c = columns[k]
    sum = sum + c.need[i] / c.size * (left[k] / c.size)
  end
  return sum
end

-- Fill a bin with what is most alike to the room that is left, a quarter of
-- what fits at a time.
local function fill_by_likeness(p, left, bin)
  local used = {}
  while true do
    local best, most, fits = nil, -1, 0
    for at = 0, p.nalive - 1 do
      local i = p.alive[at]
      local rest = p.count[i] - (used[i] or 0)
      local n = rest > 0 and times(p.columns, left, i, rest) or 0
      local like = n > 0 and likeness(p.columns, left, i) or -1
      if like > most then
        best, most, fits = i, like, n
      end
    end
    if not best then
      return
    end
    local n = math.ceil(fits / 4)
    take(p.columns, left, best, n)
    put(bin, best, n)
    used[best] = (used[best] or 0) + n
  end
end

-- A class may be in the bin more than once: join, and count its bins.
local function repeats(p, bin)
  local total, n = {}, math.huge
  for at = 1, bin.size do
    local i = bin.class[at]
    total[i] = (total[i] or 0) + bin.n[at]
  end
  for at = 1, bin.size do
    local i = bin.class[at]
    n = min(n, floor(p.count[i] / total[i]))
  end
  for at = 1, bin.size do
    p.count[bin.class[at]] = p.count[bin.class[at]] - n * bin.n[at]
  end
  return n
end

local function drop_finished(p)
  local kept = 0
  for at = 0, p.nalive - 1 do
    local i = p.alive[at]
    if p.count[i] > 0 then
      p.alive[kept] = i
      kept = kept + 1
    end
  end
  p.nalive = kept
end

-- Sizes of the next bin: whole bins, or as large as the largest task that
-- opened one so far.
local function open(p, room, grows)
  for k, c in ipairs(p.columns) do
    local need = c.need[p.alive[0]]
    room[k] = grows and math.max(room[k] or 0, need) or c.size
  end
  local left = {}
  for k = 1, #room do
    left[k] = room[k]
  end
  return left
end

local function copy_of(items, order)
  local p = { columns = items.columns, nalive = items.n }
  p.count = ffi.new("double[?]", items.n + 1)
  ffi.copy(p.count, items.count, (items.n + 1) * ffi.sizeof "double")
  p.alive = ffi.new("int32_t[?]", items.n + 1)
  ffi.copy(p.alive, order, items.n * ffi.sizeof "int32_t")
  return p
end

--- Number of bins for all tasks of `items`.
-- @param items  of craft_items; each class needs something
-- @param order  classes, as craft_sort gives them
-- @param how    "in order", "growing" (bins grow with the tasks that open
--               them, as Reflow's do), "by likeness"
function craft_exact.pack(items, order, how)
  local fill = how == "by likeness" and fill_by_likeness or fill_in_order
  local p, room, bins = copy_of(items, order), {}, 0
  local bin = { size = 0, class = {}, n = {} }
  while p.nalive > 0 do
    local left = open(p, room, how == "growing")
    bin.size = 0
    fill(p, left, bin)
    bins = bins + repeats(p, bin)
    drop_finished(p)
  end
  return bins
end

--- Classes by a weight per column, heaviest first.
-- @param weigh  fn(need, column) → number; added up over the columns, or
--               compared if `largest`
function craft_exact.order(items, weigh, largest)
  local key = ffi.new("double[?]", items.n + 1)
  for _, c in ipairs(items.columns) do
    for i = 1, items.n do
      local weight = weigh(c.need[i], c)
      key[i] = largest and math.max(key[i], weight) or key[i] + weight
    end
  end
  return sort.descending(key, items.n)
end

return craft_exact
