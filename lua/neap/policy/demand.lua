--- What is left over after placing, and what is asked of the clusters for it.
--
-- `demand` is a list of { task = handle, count = n }, in queue order, without
-- what pending requests will hold (each counts with its whole size).

local round = require "neap.policy.round"

local demand = {}

local GiB8 = 8 * 2 ^ 30
local USUAL_CPU, USUAL_MEM = 64, 512 * 2 ^ 30
-- Classes looked at in a round: what is behind them asks in a later round.
local MAX_CLASSES = 256
local SEEN = 1024 -- rows of classes that a view has at most

local methods = {}

local function field(task, name)
  if name == "cpu" or name == "mem" or name == "disk" or name == "gpu" then
    return task.res[name]
  end
  return task[name] or 0
end

--- The largest value of a field of tasks ("expect") or a resource ("mem").
function methods.max(self, name)
  local high = 0
  for _, part in ipairs(self) do
    high = math.max(high, field(part.task, name))
  end
  return high
end

--- The sum over all tasks.
function methods.sum(self, name)
  local total = 0
  for _, part in ipairs(self) do
    total = total + part.count * field(part.task, name)
  end
  return total
end

-- What pending requests will hold is given to the large first: the small fill
-- what these leave, and what is left over is small, too.
-- @return row of class → how many are not covered
local function uncovered(v)
  local left, rows, size = {}, {}, {}
  for c = 0, v.nclasses - 1 do
    left[c] = round.tasks[c].left
    if left[c] > 0 then
      local res = v._classes[c].res
      rows[#rows + 1], size[c] = c, res.cpu + res.mem / GiB8 + res.gpu
    end
  end
  table.sort(rows, function(a, b)
    if size[a] ~= size[b] then
      return size[a] > size[b]
    end
    return a < b
  end)
  for _, c in ipairs(rows) do
    for p = 0, v.npending - 1 do
      left[c] = left[c] > 0 and left[c] - round.cover(c, p, left[c]) or 0
    end
  end
  return left
end

--- Classes with tasks left.
-- @param covered  leave out what pending requests will hold
function demand.left(covered)
  local v, parts, count = round.v, {}, 0
  local open = covered and v.npending > 0 and uncovered(v)
  for c = 0, v.nclasses - 1 do
    local left = open and open[c] or round.tasks[c].left
    if left > 0 then
      count = count + left
      parts[#parts + 1] = { task = round.task(c), count = left, row = c }
      if #parts == MAX_CLASSES then
        parts.cut = true -- there may be more
        break
      end
    end
  end
  parts.count = count
  return setmetatable(parts, { __index = methods })
end

-- Amounts as a list, in the order of round.names.
local function vector(amounts)
  local list = {}
  for i, name in ipairs(round.names) do
    list[i] = amounts[name]
  end
  return list
end

-- What packed work is worth, in cores: about the slope of cloud prices.
local function worth(amounts)
  return amounts[1] + amounts[2] / GiB8 + amounts[4]
end

local function times(free, need, limit)
  local n = limit
  for k = 1, #need do
    if need[k] > 0 then
      n = math.min(n, (free[k] + 1e-4) / need[k])
    end
  end
  return math.floor(n)
end

local function dot(free, need, size)
  local sum = 0
  for k = 1, #need do
    if size[k] > 0 then
      sum = sum + free[k] * need[k] / (size[k] * size[k])
    end
  end
  return sum
end

local function allowed(part, shape)
  local may = round.v._classes[part.row]._may_shape
  return may == nil or may[shape] ~= 0
end

-- The class with the largest dot product with what is left of the bin, among
-- those of a priority up to `tier`.
local function next_class(bin, parts, tier)
  local best, best_dot, best_n
  for _, part in ipairs(parts) do
    local limit = part.count - (bin.took[part] or 0)
    local n = limit > 0 and part.priority <= tier and allowed(part, bin.row)
      and times(bin.free, part.need, limit) or 0
    if n > 0 then
      local value = dot(bin.free, part.need, bin.size)
      if not best or value > best_dot then
        best, best_dot, best_n = part, value, n
      end
    end
  end
  return best, best_n
end

-- The size of a bin. Of a shape without a limit it is what machines usually
-- have, or the largest task if that is more. After refusals it is less, and
-- large tasks, which may be the cause, are not in the way of the first one.
local function bin_size(row, shape, parts, tier)
  local size = vector(shape.res)
  if not shape.unbounded then
    return size
  end
  size[1], size[2] = USUAL_CPU / shape.shrink, USUAL_MEM / shape.shrink
  for _, part in ipairs(parts) do
    if part.count > 0 and part.priority <= tier and allowed(part, row) then
      size[1] = math.max(size[1], part.need[1])
      size[2] = math.max(size[2], part.need[2])
      if shape.shrink > 1 then
        break
      end
    end
  end
  return size
end

local function add(bin, part, n)
  bin.took[part] = (bin.took[part] or 0) + n
  for k = 1, #bin.free do
    bin.free[k] = bin.free[k] - n * part.need[k]
    bin.used[k] = bin.used[k] + n * part.need[k]
  end
end

-- Bin-centric filling of one alloc of a shape: a quarter of what fits at a
-- time, so that mixed needs mix (Panigrahy et al., dot product). The most
-- urgent tier first, then what goes beside it.
local function fill(row, shape, parts, priced, tier)
  local bin = { row = row, shape = shape, took = {} }
  bin.size, bin.free, bin.used = bin_size(row, shape, parts, tier), {}, {}
  for k = 1, #bin.size do
    bin.free[k], bin.used[k] = bin.size[k], 0
  end
  for _, priority in ipairs { tier, math.huge } do
    local part, n = next_class(bin, parts, priority)
    while part do
      add(bin, part, math.max(1, math.floor(n / 4)))
      part, n = next_class(bin, parts, priority)
    end
    if priority == tier and not next(bin.took) then
      return nil -- nothing urgent goes there
    end
  end
  if next(bin.took) then
    bin.worth = math.max(worth(bin.used), 1e-6)
    local size = shape.elastic and bin.used or bin.size
    local price = shape.price * worth(size) / math.max(worth(bin.size), 1e-6)
    -- without any prices: the size itself, so the least waste
    bin.rate = (priced and price or worth(size)) / bin.worth
    return bin
  end
end

-- The cheapest per packed work; of those within 10 % the one that packs most.
local function choose_of(shapes, parts, priced, tier)
  local bins, lowest = {}, math.huge
  for row = 0, shapes.count - 1 do
    local shape = shapes[row]
    local bin = shape.quota > 0
      and fill(row, shape.handle, parts, priced, tier)
    if bin then
      bins[#bins + 1] = bin
      lowest = math.min(lowest, bin.rate)
    end
  end
  local best
  for _, bin in ipairs(bins) do
    if bin.rate <= lowest * 1.1 + 1e-12 and (not best
      or bin.worth > best.worth
      or (bin.worth == best.worth and bin.row < best.row)) then
      best = bin
    end
  end
  return best
end

-- The priorities of what is left, most urgent first.
local function tiers(parts)
  local list, seen = {}, {}
  for _, part in ipairs(parts) do
    if part.count > 0 and not seen[part.priority] then
      seen[part.priority] = true
      list[#list + 1] = part.priority
    end
  end
  table.sort(list)
  return list
end

-- An alloc for the most urgent that can be had: requests are few, so they are
-- for the urgent first.
local function choose(shapes, parts, priced)
  for _, tier in ipairs(tiers(parts)) do
    local best = choose_of(shapes, parts, priced, tier)
    if best then
      return best
    end
  end
end

local function request(bin, shapes)
  shapes[bin.row].quota = shapes[bin.row].quota - 1
  for part, n in pairs(bin.took) do
    part.count = part.count - n
  end
  local wanted = { shape = bin.shape.name, pool = bin.shape.pool, count = 1 }
  if bin.shape.elastic then
    wanted.min = {}
    for k, name in ipairs(round.names) do
      wanted.min[name] = bin.used[k]
    end
  end
  return wanted
end

--- Cancel the requests that will hold nothing of what waits.
-- @param left  of demand.left(true), before anything else was covered
function demand.cancel_surplus(left)
  local v = round.v
  if left.cut or v.nclasses >= SEEN then
    return -- somebody unseen may need them
  end
  for p = 0, v.npending - 1 do
    if round.pending[p].ntasks == 0 then
      round.cancel(p)
    end
  end
end

--- The built-in `acquire`: fill the menu's shapes until all is covered.
function demand.acquire(left)
  local v, parts, requests = round.v, {}, {}
  local shapes = { count = v.nshapes }
  local priced = false
  for i, part in ipairs(left) do
    parts[i] = { row = part.row, count = part.count,
      need = vector(part.task.res), priority = part.task.priority }
  end
  for i = 0, v.nshapes - 1 do
    local shape = round.shape(i)
    shapes[i] = { handle = shape, quota = shape.quota }
    priced = priced or shape.price > 0
  end
  while #requests < v.max_pending - v.npending - round.requested do
    local bin = choose(shapes, parts, priced)
    if not bin then
      break
    end
    requests[#requests + 1] = request(bin, shapes)
  end
  return requests
end

--- The built-in `release`: idle for too long, or in the way of a task that
-- could get an alloc of its own size from the same pool.
function demand.release(alloc, max_idle, left)
  if alloc.idle >= max_idle then
    return true
  end
  local v = round.v
  for _, part in ipairs(left) do
    for s = 0, v.nshapes - 1 do
      local shape = round.shape(s)
      if shape.pool == alloc.pool and not shape.unbounded
        and (shape.elastic or shape.quota <= 0)
        and allowed(part, s)
        and round.times(v._shapes[s].res, v._shapes[s].res.other,
          v._classes[part.row].res, 1) > 0 then
        return true
      end
    end
  end
  return false
end

return demand
