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
