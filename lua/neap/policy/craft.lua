--- Crafting as Reflow does it: how large an alloc the tasks that are left ask
-- for, and how many of them. A bin is opened by the largest task and filled
-- with what a binary search finds.
--
-- Tasks are kept as runs of equal ones, so that a hundred thousand of ten
-- kinds cost what ten cost; the result is that of one task after the other.

local craft = {}

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
      limit = math.min(limit, (have[k] + EPSILON) / need[k])
    end
  end
  return math.max(0, math.floor(limit))
end

--- have - n * need, in place.
function craft.take(have, need, n)
  for k = 1, #need do
    have[k] = have[k] - n * need[k]
  end
end

--- Tasks that are left, largest first, as runs of equal ones. `most` of a run:
-- what the most demanding of it and of those behind it need, label by label.
function craft.runs(tasks, left, labels)
  local runs = {}
  for i, task in ipairs(tasks) do
    if left[i] > 0 then
      runs[#runs + 1] = { need = craft.vector(task.res, labels),
        count = left[i], size = craft.size(task.res), at = i }
    end
  end
  table.sort(runs, function(a, b)
    if a.size ~= b.size then
      return a.size > b.size
    end
    return a.at < b.at
  end)
  local most = {}
  for i = #runs, 1, -1 do
    local run = runs[i]
    run.most = {}
    for k = 1, #labels do
      run.most[k] = math.max(run.need[k], most[k] or 0)
    end
    most = run.most
  end
  return runs
end

-- ends[i]: how many tasks the runs 1 … i have.
local function count_ends(runs, ends)
  local n = 0
  for i = 1, #runs do
    n = n + runs[i].count
    ends[i] = n
  end
  return n
end

-- The run of the task at `position`, from 0.
local function run_at(ends, position)
  local lo, hi = 1, #ends
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if ends[mid] > position then
      hi = mid
    else
      lo = mid + 1
    end
  end
  return lo
end

-- The run of the first task that fits, as a binary search sees it; nil.
local function search(runs, ends, n, have)
  local lo, hi = 0, n
  while lo < hi do
    local mid = math.floor((lo + hi) / 2)
    if craft.times(have, runs[run_at(ends, mid)].need, 1) == 1 then
      hi = mid
    else
      lo = mid + 1
    end
  end
  return lo < n and run_at(ends, lo) or nil
end

-- Does one of the runs lo … hi fit?
local function some_fit(runs, lo, hi, have)
  for i = lo, hi do
    if runs[i].count > 0 and craft.times(have, runs[i].need, 1) == 1 then
      return true
    end
  end
  return false
end

-- How many tasks of run `i`, which the search has found, it finds one after
-- the other: as long as nothing before them fits and all from them on does,
-- wherever it looks.
local function repeats(runs, i, have)
  local run = runs[i]
  local n = craft.times(have, run.need, run.count)
  if n > 1 and some_fit(runs, 1, i - 1, have) then
    return 1
  end
  while n > 1 do
    local rest = { unpack(have) }
    craft.take(rest, run.need, n - 1)
    if craft.times(rest, run.most, 1) == 1 then
      return n
    end
    n = math.floor(n / 2)
  end
  return 1
end

-- Open a bin with a task of run `i`; more of them at once, if they hold
-- nothing else.
-- Returns how many bins.
local function open_bins(runs, i, min, have)
  local run = runs[i]
  for k = 1, #min do
    min[k] = math.max(min[k], run.need[k])
    have[k] = min[k] - run.need[k]
  end
  run.count = run.count - 1
  local more = some_fit(runs, 1, #runs, have) and 0 or run.count
  run.count = run.count - more
  return 1 + more
end

--- The size of a bin, and how many more there are. Uses the runs up.
-- @return list of amounts, number
function craft.requirements(runs, nlabels)
  local ends, min, have, bins = {}, {}, {}, 0
  for k = 1, nlabels do
    min[k], have[k] = 0, 0
  end
  local n = count_ends(runs, ends)
  while n > 0 do
    local i = search(runs, ends, n, have)
    if i then
      local count = repeats(runs, i, have)
      craft.take(have, runs[i].need, count)
      runs[i].count = runs[i].count - count
    else
      bins = bins + open_bins(runs, run_at(ends, 0), min, have)
    end
    n = count_ends(runs, ends)
  end
  return min, math.max(0, bins - 1)
end

return craft
