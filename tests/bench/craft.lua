--- Crafting: milliseconds for many tasks, and how many bundles are asked for.
--
--   luajit tests/bench/craft.lua [TASKS …]       default 1000 10000 100000
--
-- "bundles" is 1 + width; "bound" is what no packing can go below; "reflow" is
-- the same list crafted as Reflow does. Times are the best of seven.

local craft = require "neap.sched.craft"
local items_of = require "neap.sched.craft_items"
local resources = require "neap.sched.resources"

local GiB = 2 ^ 30
local SEED = 1

local kinds = {
  { "same", function()
    return { cpu = 2, mem = 4 * GiB }
  end },
  { "16 kinds", function()
    return { cpu = math.random(4), mem = math.random(4) * GiB }
  end },
  { "all different", function()
    return { cpu = math.random(16000) / 1000, mem = GiB
      + math.floor(63 * GiB * math.random()) }
  end },
  { "different, 4 labels", function()
    return { cpu = math.random(16000) / 1000, mem = GiB
      + math.floor(63 * GiB * math.random()), disk = math.random(1000) * GiB,
      licence = math.random(0, 3) }
  end },
}

local function measure(fn, list)
  local best, result = math.huge, nil
  for _ = 1, 7 do
    local start = os.clock()
    result = fn(list)
    best = math.min(best, os.clock() - start)
  end
  return best * 1e3, result
end

local counts = {}
for i, word in ipairs(arg) do
  counts[i] = assert(tonumber(word), "a number of tasks is needed")
end
if #counts == 0 then
  counts = { 1000, 10000, 100000 }
end

print(("seed %d\n%-8s %-20s %8s %10s %8s %8s %10s %8s"):format(SEED, "tasks",
  "kind", "ms", "reflow ms", "ratio", "bundles", "reflow", "bound"))
for _, n in ipairs(counts) do
  for _, kind in ipairs(kinds) do
    math.randomseed(SEED)
    local list = {}
    for i = 1, n do
      list[i] = resources(kind[2]())
    end
    local ms, ours = measure(craft.craft, list)
    local reflow_ms, theirs = measure(craft.craft_reflow, list)
    local items = items_of.collect(list, resources.NONE)
    print(("%-8d %-20s %8.2f %10.2f %8.2f %8d %10d %8d"):format(n, kind[1], ms,
      reflow_ms, reflow_ms / ms, ours.width + 1, theirs.width + 1,
      items.bound))
  end
end
