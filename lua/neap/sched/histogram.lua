--- How often values fell into ranges: what a metrics system makes quantiles of.

local histogram = {}

local ceil, log = math.ceil, math.log

local Histogram = {}
Histogram.__index = Histogram

--- An empty histogram.
-- @param bounds  upper bounds of the ranges, ascending; one more range takes
--                what is above the last
function histogram.new(bounds)
  local counts = {}
  for i = 1, #bounds + 1 do
    counts[i] = 0
  end
  return setmetatable({
    bounds = bounds, counts = counts, sum = 0, n = 0, first = bounds[1],
    step = #bounds > 1 and math.log(bounds[2] / bounds[1]) or 1,
  }, Histogram)
end

--- Bounds `first × factor ^ i`, `n` of them.
function histogram.exponential(first, factor, n)
  local bounds = {}
  for i = 1, n do
    bounds[i] = first * factor ^ (i - 1)
  end
  return bounds
end

-- The range of a value. The guess is right for exponential bounds, so that the
-- loops, which LuaJIT does not compile into a caller's trace, are rarely run.
local function place(self, value)
  local bounds, i = self.bounds, 1
  local n = #bounds
  if value > self.first then
    i = ceil(log(value / self.first) / self.step) + 1
    i = i > n + 1 and n + 1 or i
  end
  while i > 1 and value <= bounds[i - 1] do
    i = i - 1
  end
  while i <= n and value > bounds[i] do
    i = i + 1
  end
  return i
end

--- Count one value; one that is no number counts nowhere.
function Histogram:observe(value)
  if value ~= value then
    return
  end
  local i = place(self, value)
  self.counts[i] = self.counts[i] + 1
  self.sum, self.n = self.sum + value, self.n + 1
end

return histogram
