--- Comparisons and the text of resources; see `resources` for what is inside
--- of a value. These look at values that are known to be resources.

local amounts = require "neap.sched.resources_amounts"

local resources_math = {}

local NONE = {}
local GiB = 2 ^ 30
local fixed = { "cpu", "mem", "disk", "gpu" }

local abs, huge = math.abs, math.huge

--- Does each of the other labels of `need` fit?
function resources_math.others_fit(have, need)
  for label, n in pairs(need) do
    if (have[label] or 0) < n then
      return false
    end
  end
  return true
end

-- fn(label, parts of a, parts of b) where neither is 0.
local function both(a, b, fn)
  for slot = 1, 4 do
    if a[slot] ~= 0 and b[slot] ~= 0 then
      fn(fixed[slot], a[slot], b[slot])
    end
  end
  local others = b[5] or NONE
  for label, n in pairs(a[5] or NONE) do
    if others[label] then
      fn(label, n, others[label])
    end
  end
end

function resources_math.div(a, b)
  local ratios = {}
  both(a, b, function(label, x, y)
    ratios[label] = x / y
  end)
  return ratios
end

function resources_math.max_ratio(a, b)
  local best = 0
  both(a, b, function(_, x, y)
    best = math.max(best, x / y)
  end)
  return best
end

function resources_math.scaled_distance(a, b)
  return abs(a[2] - b[2]) / (8 * GiB) + abs(a[1] - b[1]) / 1000
end

local function share(n, total)
  if n <= 0 then
    return 0
  end
  return total > 0 and n / total or huge
end

function resources_math.dominant_share(a, total)
  local best = 0
  for slot = 1, 4 do
    best = math.max(best, share(a[slot], total[slot]))
  end
  local others = total[5] or NONE
  for label, n in pairs(a[5] or NONE) do
    best = math.max(best, share(n, others[label] or 0))
  end
  return best
end

--- "{mem:8GiB cpu:4 disk:0B gpu:1}": mem, cpu and disk if one of them is not
-- 0, then the others that are not, by name.
function resources_math.text(r)
  local words, rest = {}, {}
  if r[1] ~= 0 or r[2] ~= 0 or r[3] ~= 0 then
    words = { "mem:" .. amounts.text("mem", r[2]),
      "cpu:" .. amounts.text("cpu", r[1]),
      "disk:" .. amounts.text("disk", r[3]) }
  end
  for label in pairs(r[5] or NONE) do
    rest[#rest + 1] = label
  end
  if r[4] ~= 0 then
    rest[#rest + 1] = "gpu"
  end
  table.sort(rest)
  for _, label in ipairs(rest) do
    local n = label == "gpu" and r[4] or r[5][label]
    words[#words + 1] = label .. ":" .. amounts.text(label, n)
  end
  return "{" .. table.concat(words, " ") .. "}"
end

return resources_math
