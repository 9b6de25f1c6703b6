--- Sorting of numbers by a key, without calls of Lua from C.

local scratch = require "neap.sched.craft_scratch"

local craft_sort = {}

-- Merges from[lo … mid-1] and from[mid … hi-1] to the same place of `to`.
local function merge(from, to, key, lo, mid, hi)
  local i, j = lo, mid
  for at = lo, hi - 1 do
    if i < mid and (j >= hi or key[from[i]] >= key[from[j]]) then
      to[at] = from[i]
      i = i + 1
    else
      to[at] = from[j]
      j = j + 1
    end
  end
end

--- The numbers 1 … n, those with the largest key first; equal keys keep their
-- order.
-- @param key  array of numbers, 1 … n
-- @return int32_t array, from 0; valid until the next sorting
function craft_sort.descending(key, n)
  local from = scratch.get("sort from", "int32_t", n)
  local to = scratch.get("sort to", "int32_t", n)
  for i = 1, n do
    from[i - 1] = i
  end
  local width = 1
  while width < n do
    for lo = 0, n - 1, 2 * width do
      merge(from, to, key, lo, math.min(lo + width, n),
        math.min(lo + 2 * width, n))
    end
    from, to, width = to, from, 2 * width
  end
  return from
end

return craft_sort
