--- Keys in order: what is made from a table must not depend on its hashes.

local sorted = {}

--- The keys of a map, sorted. A new list.
function sorted.keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

return sorted
