--- The room that is left in the open bin.
--
-- The four labels that decide most have fields of their own, so that nothing
-- here loops in the usual case: `items.a … d` are their needs per class. Where
-- there are fewer labels, the first stands in for the missing ones, which
-- changes nothing. The others are in `items.more`, with their room.

local ffi = require "ffi"

local craft_room = {}

local floor = math.floor

ffi.cdef "struct neap_craft_room { double a, b, c, d; };"

--- A room; `fill` gives it its size.
function craft_room.new()
  return ffi.new "struct neap_craft_room"
end

--- All of a bin is free.
function craft_room.fill(room, items)
  room.a, room.b, room.c, room.d = items.size_a, items.size_b, items.size_c,
    items.size_d
  local more = items.more
  for k = 1, #more do
    more[k].room = more[k].size
  end
end

local function more_fit(more, i)
  for k = 1, #more do
    if more[k].need[i] > more[k].room then
      return false
    end
  end
  return true
end

--- Does one of class i fit?
function craft_room.fits(room, items, i)
  return items.a[i] <= room.a and items.b[i] <= room.b
    and items.c[i] <= room.c and items.d[i] <= room.d
    and (not items.more[1] or more_fit(items.more, i))
end

-- How often a need fits in a room, at most n. Whole numbers up to 2^53 have
-- quotients that are not rounded up to the next whole number.
local function often(need, free, n)
  return need * n <= free and n or floor(free / need)
end

--- How many of class i fit, at most n.
function craft_room.times(room, items, i, n)
  n = often(items.a[i], room.a, n)
  n = often(items.b[i], room.b, n)
  n = often(items.c[i], room.c, n)
  n = often(items.d[i], room.d, n)
  local more = items.more
  for k = 1, #more do
    n = often(more[k].need[i], more[k].room, n)
  end
  return n
end

--- Put n of class i into the bin.
function craft_room.take(room, items, i, n)
  room.a = room.a - n * items.a[i]
  room.b = room.b - n * items.b[i]
  room.c = room.c - n * items.c[i]
  room.d = room.d - n * items.d[i]
  local more = items.more
  for k = 1, #more do
    more[k].room = more[k].room - n * more[k].need[i]
  end
end

return craft_room
