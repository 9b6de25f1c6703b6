--- Crafting as Reflow does it: how large an alloc the tasks that are left ask
-- for, and how many of them. A bin is opened by the largest task and filled
-- with what a binary search finds.
--
-- Tasks are kept as runs of equal ones, so that a hundred thousand of ten
-- kinds cost what ten cost; the result is that of one task after the other.

local bit = require "bit"

local craft = {}

local band = bit.band
local floor, max, min_of = math.floor, math.max, math.min

local GiB8 = 8 * 2 ^ 30
local EPSILON = 1e-4 -- amounts are whole thousandths or bytes

--- What tasks and allocs are compared by, in cores.
function craft.size(amounts)
  return amounts.cpu + amounts.mem / GiB8
end

--- Amounts as a list.
-- @param labels  names in the order of the list
function craft.vector(amounts, labels)
  local list = {}
  for k, name in ipairs(labels) do
    list[k] = amounts[name]
  end
  return list
end

--- How often `need` fits in `have`, at most `limit`.
function craft.times(have, need, limit)
  for k = 1, #need do
    if need[k] > 0 then
      limit = min_of(limit, (have[k] + EPSILON) / need[k])
    end
  end
  return max(0, floor(limit))
end

--- have - n * need, in place.
function craft.take(have, need, n)
  for k = 1, #need do
    have[k] = have[k] - n * need[k]
  end
end

-- The smaller (larger) of each label; of nothing it is b.
local function least(a, b)
  local list = {}
  for k = 1, #b do
    list[k] = min_of(a and a[k] or b[k], b[k])
  end
  return list
end

local function most(a, b)
  local list = {}
  for k = 1, #b do
    list[k] = max(a and a[k] or b[k], b[k])
  end
  return list
end

local function by_size(a, b)
  if a.size ~= b.size then
    return a.size > b.size
  end
  return a.at < b.at
end

--- Tasks that are left, largest first, as runs of equal ones: { need, count,
-- before = no run before it needs less of any label, behind = neither it nor
-- a run behind it needs more }.
function craft.runs(tasks, left, labels)
  local runs = {}
  for i, task in ipairs(tasks) do
    if left[i] > 0 then
      runs[#runs + 1] = { need = craft.vector(task.res, labels),
        count = left[i], size = craft.size(task.res), at = i }
    end
  end
  table.sort(runs, by_size)
  for i = 2, #runs do
    runs[i].before = least(runs[i - 1].before, runs[i - 1].need)
  end
  for i = #runs, 1, -1 do
    runs[i].behind = most(runs[i + 1] and runs[i + 1].behind, runs[i].need)
  end
  return runs
end

local function fits(have, need)
  for k = 1, #need do
    if need[k] > have[k] + EPSILON then
      return false
    end
  end
  return true
end

-- A Fenwick tree of the runs' counts: which run has the task at a position,
-- and taking tasks away, both in the logarithm of their number.
local function new_tree(runs)
  local tree, total = { top = 1 }, 0
  for i = 1, #runs do
    tree[i] = 0
  end
  for i = 1, #runs do
    total = total + runs[i].count
    tree[i] = tree[i] + runs[i].count
    local next_one = i + band(i, -i)
    if next_one <= #runs then
      tree[next_one] = tree[next_one] + tree[i]
    end
  end
  while 2 * tree.top <= #runs do
    tree.top = 2 * tree.top
  end
  return tree, total
end

local function take_away(tree, i, n)
  while i <= #tree do
    tree[i] = tree[i] - n
    i = i + band(i, -i)
  end
end

-- The run of the task at `position`, from 0.
local function run_at(tree, position)
  local at, step, n = 0, tree.top, #tree
  while step >= 1 do
    if at + step <= n and tree[at + step] <= position then
      at = at + step
      position = position - tree[at]
    end
    step = floor(step / 2)
  end
  return at + 1
end

-- The end of a search among tasks of two runs; nil: it goes on behind them.
local function between(runs, tree, have, first, last, middle)
  local early = fits(have, runs[first].need)
  if fits(have, runs[last].need) then
    return early and first or last
  elseif early and run_at(tree, floor(middle)) == first then
    return first
  end
end

-- The run of the first of n tasks that fits, as a binary search over the tasks
-- sees it; nil. Tasks of one run answer alike, so when what is left to search
-- lies in two runs, `first` and `last`, at most one more look is needed.
local function search(runs, tree, n, have)
  local lo, hi = 0, n
  local first, last = run_at(tree, 0), run_at(tree, n - 1)
  while last - first > 1 and lo < hi do
    local mid = floor((lo + hi) / 2)
    local at = run_at(tree, mid)
    if fits(have, runs[at].need) then
      hi, last = mid, at
    else
      lo, first = mid + 1, at
    end
  end
  return lo < hi and between(runs, tree, have, first, last, (lo + hi) / 2)
    or hi < n and run_at(tree, hi) or nil
end

-- Would everything from a run on still fit when n of its tasks were taken?
local function rest_fits(run, n, have)
  local need, behind = run.need, run.behind
  for k = 1, #need do
    if behind[k] > have[k] - n * need[k] + EPSILON then
      return false
    end
  end
  return true
end

-- How many tasks of a run, which the search has found, it finds one after the
-- other: as long as nothing before them fits and all from them on does,
-- wherever it looks. Where that is not certain it is one.
local function repeats(run, have)
  if run.count == 1 or not rest_fits(run, 1, have)
    or (run.before and fits(have, run.before)) then
    return 1
  end
  local n = craft.times(have, run.need, run.count)
  while not rest_fits(run, n - 1, have) do
    n = floor(n / 2)
  end
  return n
end

-- A bin for a task of a run: what it must hold, and what is then free. If it
-- certainly holds nothing else, as many as the run has tasks.
-- Returns how many.
local function open_bins(run, smallest, min, have)
  for k = 1, #min do
    local need = run.need[k]
    min[k] = max(min[k], need)
    have[k] = min[k] - need
  end
  return fits(have, smallest) and 1 or run.count
end

--- The size of a bin, and how many more there are. Uses the runs up.
-- @param runs  at least one
-- @return list of amounts, number
function craft.requirements(runs, nlabels)
  local min, have, bins = {}, {}, 0
  local tree, n = new_tree(runs)
  local smallest = least(runs[#runs].before, runs[#runs].need)
  for k = 1, nlabels do
    min[k], have[k] = 0, 0
  end
  while n > 0 do
    local count
    local i = search(runs, tree, n, have)
    if i then
      count = repeats(runs[i], have)
      craft.take(have, runs[i].need, count)
    else
      i = run_at(tree, 0)
      count = open_bins(runs[i], smallest, min, have)
      bins = bins + count
    end
    runs[i].count = runs[i].count - count
    take_away(tree, i, count)
    n = n - count
  end
  return min, max(0, bins - 1)
end

return craft
