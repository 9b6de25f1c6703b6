--- Arrays of numbers that are used again at the next crafting.
--
-- Getting a few megabytes from the system and back each time would take longer
-- than the crafting itself. Crafting never waits, so that nobody else can want
-- the same array; larger ones than KEEP are not kept.

local ffi = require "ffi"

local craft_scratch = {}

local KEEP = 2 ^ 18

local kept = {}

--- An array with places 0 … n. What is in it is from before.
-- @param name   whose it is: each name has one array
-- @param ctype  "double" or "int32_t"
function craft_scratch.get(name, ctype, n)
  local old = kept[name]
  if old and old.places > n then
    return old.array
  end
  local places = 64
  while places <= n do
    places = places * 2
  end
  local array = ffi.new(ctype .. "[?]", places)
  if places <= KEEP then
    kept[name] = { places = places, array = array }
  end
  return array
end

--- The same, with 0 in places 0 … n.
function craft_scratch.zeroed(name, ctype, n)
  local array = craft_scratch.get(name, ctype, n)
  ffi.fill(array, (n + 1) * ffi.sizeof(ctype))
  return array
end

return craft_scratch
