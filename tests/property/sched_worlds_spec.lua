-- The scheduler in random worlds: whatever clusters, allocs, execs and people
-- do, every task ends once, nothing leaks, nothing is overcommitted.
--
--   NEAP_SEEDS=5000   how many worlds, from seed 1 (default 1 000)
--   NEAP_SEED=17      only that one; its events are printed if it fails
--   NEAP_FIRST=1001   begin with another seed

local random_world = require "support.random_world"

local only = tonumber(os.getenv "NEAP_SEED")
local first = only or tonumber(os.getenv "NEAP_FIRST") or 1
local count = only and 1 or tonumber(os.getenv "NEAP_SEEDS") or 1000

local BLOCK = 100   -- seeds of one test
local ENOUGH = 5    -- failing seeds that are told of a block

local function complaints_of(seed)
  local world
  local ok, result = xpcall(function()
    world = random_world.new(seed)
    return world:run()
  end, debug.traceback)
  if ok and #result == 0 then
    return nil
  end
  local text = ("seed %d (repeat it: NEAP_SEED=%d ctest -L property"
    .. " --output-on-failure):\n  %s"):format(seed, seed,
    ok and table.concat(result, "\n  ") or tostring(result))
  if only and world then
    text = text .. "\n" .. world.trail:text()
  end
  return text
end

-- A scheduler holds memory that Lua's collector does not see.
local function tidy(seed)
  if seed % 20 == 0 then
    collectgarbage()
  end
end

-- No two worlds are alike: compiling them takes longer than to interpret
-- them. The first block is compiled all the same.
local function choose_mode(from)
  if from == first then
    jit.on()
  else
    jit.off()
  end
end

local function block(from, to)
  local failed = {}
  choose_mode(from)
  for seed = from, to do
    local text = complaints_of(seed)
    if text then
      failed[#failed + 1] = text
    end
    tidy(seed)
    if #failed == ENOUGH then
      failed[#failed + 1] = "and perhaps more"
      break
    end
  end
  assert(#failed == 0, table.concat(failed, "\n"))
end

describe("the scheduler in random worlds", function()
  for from = first, first + count - 1, BLOCK do
    local to = math.min(from + BLOCK, first + count) - 1
    it(("keeps its promises: seeds %d to %d"):format(from, to), function()
      block(from, to)
    end)
  end
end)
