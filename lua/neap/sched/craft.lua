--- Crafting: what to ask a cluster for, given a list of tasks.
--
-- The answer is one bundle and a width (`requirements`). The bundle is as small
-- as it can be, so that each task fits; the width is what packing needs beyond
-- the first bundle. Packing well is hard, so several ways are tried and the
-- best is taken; a packing that meets the lower bound ends the search.

local errors = require "neap.sched.errors"
local exact = require "neap.sched.craft_exact"
local grid = require "neap.sched.craft_grid"
local items_of = require "neap.sched.craft_items"
local requirements = require "neap.sched.requirements"
local resources = require "neap.sched.resources"
local text = require "neap.sched.errors_text"

local craft = {}

-- Looking at all classes for each bin takes time that grows with the square of
-- their number: up to FEW classes each way is tried, up to SOME the best of
-- those ways, and beyond that only the grid, whose time grows with the number.
local LIKENESS_MAX, FEW, SOME = 128, 512, 1536

local function part(need, column)
  return need / column.size
end

-- mem / 8 GiB + cpu: Reflow's order.
local function magnitude(need, column)
  if column.name == "cpu" then
    return need / 1000
  end
  return column.name == "mem" and need / 2 ^ 33 or 0
end

local function by_sum(items)
  return exact.pack(items, exact.order(items, part), "in order")
end

-- Ways to pack, from what is best most often. Each is fn(items) → bins.
local ways = {
  by_sum,
  function(items)
    return exact.pack(items, exact.order(items, part, true), "in order")
  end,
  function(items)
    return exact.pack(items, exact.order(items, magnitude), "growing")
  end,
  function(items)
    return exact.pack(items, exact.order(items, magnitude), "in order")
  end,
  function(items)
    return items.n <= LIKENESS_MAX and exact.pack(items,
      exact.order(items, part), "by likeness") or math.huge
  end,
  function(items)
    return items.n > LIKENESS_MAX and grid.pack(items) or math.huge
  end,
}
local some_ways, grid_only = { by_sum, grid.pack }, { grid.pack }

local function bins_of(items)
  local fewest = math.huge
  for _, way in ipairs(items.n <= FEW and ways or items.n <= SOME and some_ways
    or grid_only) do
    fewest = math.min(fewest, way(items))
    if fewest <= items.bound then
      break
    end
  end
  return fewest
end

--- Requirements of a list of resources.
-- @param list   resources, or tables of amounts, one per task
-- @param floor  what a bundle has at least, default nothing: the tasks are
--               packed into bundles of that size
-- @return requirements: `min` holds each of the tasks, and all of them can be
--         packed into 1 + width bundles
function craft.craft(list, floor)
  if floor ~= nil and type(floor) ~= "table" then
    errors.raise("craft: the smallest bundle must be resources, not %s",
      text.show(floor))
  end
  local items, bin = items_of.collect(list, resources.from(floor or {}))
  local bins = items.n > 0 and bins_of(items) or 1
  return requirements.new { min = bin, width = bins - 1 }
end

--- Requirements exactly as Reflow crafts them, with its binary search.
-- @param list  resources
craft.craft_reflow = require "neap.sched.craft_reflow"

return setmetatable(craft, {
  __call = function(_, list, floor)
    return craft.craft(list, floor)
  end,
})
