--- Timers: a binary heap by (time, order of creation).
--
-- A timer is a table with `time` (whole nanoseconds); the heap adds `order`
-- and `index` (its place, nil when it is not in the heap), so that one that is
-- not needed any more leaves at once instead of filling the heap.

local timers = {}

local Timers = {}
Timers.__index = Timers

--- An empty heap.
function timers.new()
  return setmetatable({ n = 0, order = 0 }, Timers)
end

local function before(a, b)
  local ta, tb = a.time, b.time
  return ta < tb or ta == tb and a.order < b.order
end

local function rise(heap, timer, at)
  while at > 1 do
    local half = (at - at % 2) / 2
    local parent = heap[half]
    if not before(timer, parent) then
      break
    end
    heap[at], parent.index = parent, at
    at = half
  end
  heap[at], timer.index = timer, at
end

local function sink(heap, timer, at)
  local n = heap.n
  while true do
    local next_at = at * 2
    if next_at > n then
      break
    end
    local child = heap[next_at]
    if next_at < n and before(heap[next_at + 1], child) then
      next_at = next_at + 1
      child = heap[next_at]
    end
    if not before(child, timer) then
      break
    end
    heap[at], child.index = child, at
    at = next_at
  end
  heap[at], timer.index = timer, at
end

--- Put in a timer that is in no heap.
function Timers:add(timer)
  local n, order = self.n + 1, self.order + 1
  self.n, self.order, timer.order = n, order, order
  rise(self, timer, n)
end

--- Take out a timer.
-- @return whether it was in
function Timers:remove(timer)
  local at = timer.index
  if not at then
    return false
  end
  local n = self.n
  local last = self[n]
  self[n], self.n, timer.index = nil, n - 1, nil
  if last ~= timer then
    if before(last, timer) then
      rise(self, last, at)
    else
      sink(self, last, at)
    end
  end
  return true
end

--- The timer that is due first, or nil.
function Timers:first()
  return self[1]
end

return timers
