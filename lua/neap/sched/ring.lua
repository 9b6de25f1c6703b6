--- The last so many entries: a full ring lets the oldest go.

local ring = {}

local Ring = {}
Ring.__index = Ring

--- An empty ring.
-- @param size  how many entries it keeps; 0: none
function ring.new(size)
  return setmetatable({ size = size, first = 1, n = 0, slots = {} }, Ring)
end

--- The entry that the next push lets go, or nil while there is room.
function Ring:oldest()
  if self.n == self.size then
    return self.slots[self.first]
  end
  return nil
end

--- Add an entry.
-- @return whether it is kept: false in a ring of size 0
function Ring:push(entry)
  local size = self.size
  if size == 0 then
    return false
  end
  if self.n < size then
    self.slots[(self.first + self.n - 1) % size + 1] = entry
    self.n = self.n + 1
  else
    local first = self.first
    self.slots[first] = entry
    self.first = first < size and first + 1 or 1
  end
  return true
end

--- Change the size; the oldest entries go.
-- @return list of those that went, the oldest first
function Ring:resize(size)
  local gone, kept = {}, {}
  for i = 0, self.n - 1 do
    local entry = self.slots[(self.first + i - 1) % self.size + 1]
    local list = i < self.n - size and gone or kept
    list[#list + 1] = entry
  end
  self.size, self.first, self.n, self.slots = size, 1, #kept, kept
  return gone
end

return ring
