--- Placing by cost: classes in queue order, each task to the alloc where it
-- costs least. LuaJIT compiles the policy's `cost` into the loop of `scan`.

local round = require "neap.policy.round"
local view = require "neap.policy.view"

local place = { candidates = 0 }

local EPSILON = 1e-4
local GiB8 = 8 * 2 ^ 30

--- The built-in cost: cores + memory/8 GiB that are left.
function place.best_fit(task, alloc)
  local free, need = alloc.free, task.res
  return free.cpu - need.cpu + (free.mem - need.mem) / GiB8
end

local function bad_cost(v, task, alloc)
  local what = v ~= v and "nan" or "a " .. type(v)
  if type(v) == "table" or type(v) == "cdata" then
    what = "no number but a " .. type(v)
  elseif type(v) == "string" or type(v) == "boolean" then
    what = ("the %s %q"):format(type(v), tostring(v))
  end
  error(("cost() gave %s for task '%s' on alloc %s")
    :format(what, task.name, alloc.id), 0)
end

local function fits_others(other, need, nlabels)
  for k = 0, nlabels - 5 do
    if other[k] + EPSILON < need.other[k] then
      return false
    end
  end
  return true
end

local function needs_others(need, nlabels)
  for k = 0, nlabels - 5 do
    if need.other[k] > 0 then
      return true
    end
  end
  return false
end

-- luacheck: push no max cyclomatic complexity
-- (One loop without calls but `cost`, so that it becomes one trace.)

-- Fill found_row and found_cost with the allocs that take class `c`, if it has
-- more than one task.
-- Returns how many there are, and the cheapest one.
local function scan(c, task, cost, ctx)
  local v, work, open, n = round.v, round.allocs, round.open, round.n
  local rows, row, value = v._allocs, round.found_row, round.found_cost
  local need, may = v._classes[c].res, v._classes[c]._may_alloc
  local cpu, mem = need.cpu - EPSILON, need.mem - EPSILON
  local disk, gpu = need.disk - EPSILON, need.gpu - EPSILON
  local many = round.tasks[c].left > 1
  local others, nlabels = needs_others(need, v.nlabels), v.nlabels
  local found, best, low, tried = 0, 0, 0, 0
  for k = 0, round.nopen - 1 do
    local a = open[k]
    local free = work[a].free
    if free.cpu >= cpu and free.mem >= mem and free.disk >= disk
      and free.gpu >= gpu and (may == nil or may[a] ~= 0)
      and (not others or fits_others(work[a].other, need, nlabels)) then
      tried = tried + 1
      local alloc = view.alloc(rows + a, work + a, n)
      local x = cost(task, alloc, ctx)
      if x ~= nil then
        if type(x) ~= "number" or x ~= x then
          bad_cost(x, task, alloc)
        end
        if found == 0 or x < low or (x == low and a < best) then
          best, low = a, x
        end
        if many then
          row[found], value[found] = a, x
        end
        found = found + 1
      end
    end
  end
  place.candidates = place.candidates + tried
  return found, best
end

-- luacheck: pop

local function before(i, j)
  local row, value = round.found_row, round.found_cost
  return value[i] < value[j] or (value[i] == value[j] and row[i] < row[j])
end

local function swap(i, j)
  local row, value = round.found_row, round.found_cost
  row[i], row[j] = row[j], row[i]
  value[i], value[j] = value[j], value[i]
end

local function sift_down(i, n)
  while true do
    local child = 2 * i + 1
    if child >= n then
      return
    end
    if child + 1 < n and before(child + 1, child) then
      child = child + 1
    end
    if not before(child, i) then
      return
    end
    swap(i, child)
    i = child
  end
end

-- Cheapest first, one task at a time, because each changes the cost of its
-- alloc. A heap of the allocs: only the top one's cost has to be asked again.
local function spread_class(c, task, found, cost, ctx)
  local row, value = round.found_row, round.found_cost
  for i = math.floor(found / 2) - 1, 0, -1 do
    sift_down(i, found)
  end
  while found > 0 do
    local x
    local planned = round.assign(c, row[0], 1)
    if round.tasks[c].left == 0 then
      return
    end
    if planned > 0 and round.fits(c, row[0]) then
      local alloc = round.alloc(row[0])
      x = cost(task, alloc, ctx)
      place.candidates = place.candidates + 1
      if x ~= nil and (type(x) ~= "number" or x ~= x) then
        bad_cost(x, task, alloc)
      end
    end
    if x == nil then -- no room, or refused
      found = found - 1
      swap(0, found)
    else
      value[0] = x
    end
    sift_down(0, found)
  end
end

--- Assign what fits of every class; nobody waits behind a task that does not
-- fit.
function place.by_cost(cost, ctx)
  for c = 0, round.v.nclasses - 1 do
    local task = round.task(c)
    local found, best = scan(c, task, cost, ctx)
    if found > 0 and round.tasks[c].left == 1 then
      round.assign(c, best, 1)
    elseif found > 0 then
      spread_class(c, task, found, cost, ctx)
    end
  end
end

return place
