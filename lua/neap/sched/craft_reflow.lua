--- Crafting exactly as Reflow's scheduler does it, for comparison.
--
-- The tasks are sorted by magnitude, largest first. A bin is opened by the
-- biggest task that remains and filled with what a *binary search* finds: the
-- first task that fits, if "fits" went with the magnitude. It does not with
-- more than one label, so that tasks which would fit are missed (see `craft`).

local ffi = require "ffi"

local items_of = require "neap.sched.craft_items"
local requirements = require "neap.sched.requirements"
local resources = require "neap.sched.resources"
local scratch = require "neap.sched.craft_scratch"
local sort = require "neap.sched.craft_sort"

ffi.cdef "void *memmove(void *to, const void *from, size_t n);"

local NUMBER = ffi.sizeof "int32_t"

-- Tasks as numbers, in the order of their magnitude.
local function sorted(list)
  local n = #list
  local magnitude = scratch.get("magnitude", "double", n)
  for i = 1, n do
    magnitude[i] = list[i]:scaled_distance()
  end
  return sort.descending(magnitude, n)
end

-- The place in lo … hi-1 that the search ends at; hi when it finds none.
local function search(list, order, lo, hi, have)
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if have:available(list[order[mid]]) then
      hi = mid
    else
      lo = mid + 1
    end
  end
  return lo
end

-- Takes the place out of first … n-1; the first one costs nothing.
local function remove(order, at, first, n)
  if at == first then
    return first + 1, n
  end
  ffi.C.memmove(order + at, order + at + 1, (n - at - 1) * NUMBER)
  return first, n - 1
end

--- Requirements of a list of resources, as Reflow crafts them.
-- @param list  resources
-- @return requirements
return function(list)
  list = items_of.check(list)
  local order, req = sorted(list), requirements.new()
  local have, first, n = resources.NONE, 0, #list
  while first < n do
    local at = search(list, order, first, n, have)
    if at == n then
      at = first
      req:add_parallel(list[order[at]])
      have = req.min
    end
    have = have - list[order[at]]
    first, n = remove(order, at, first, n)
  end
  return req
end
