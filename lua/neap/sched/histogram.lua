--- How often values fell into ranges: what a metrics system makes quantiles of.

local histogram = {}

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
  return setmetatable({ bounds = bounds, counts = counts, sum = 0, n = 0 },
    Histogram)
end

--- Bounds `first × factor ^ i`, `n` of them.
function histogram.exponential(first, factor, n)
  local bounds = {}
  for i = 1, n do
    bounds[i] = first * factor ^ (i - 1)
  end
  return bounds
end

--- Count one value; one that is no number counts nowhere.
function Histogram:observe(value)
  if value ~= value then
    return
  end
  local bounds = self.bounds
  local i, n = 1, #bounds
  while i <= n and value > bounds[i] do
    i = i + 1
  end
  self.counts[i] = self.counts[i] + 1
  self.sum, self.n = self.sum + value, self.n + 1
end

return histogram
