--- Requests that a policy writes as tables, checked and turned into lines of
-- the plan.

local ffi = require "ffi"
local round = require "neap.policy.round"
local suggest = require "neap.suggest"
local view = require "neap.policy.view"

local request = {}

local MAX_WIDTH = 2 ^ 31 - 1

local fields = {
  shape = true, min = true, count = true, walltime = true, pool = true,
  width = true,
}

local function check_number(value, what, low)
  if type(value) ~= "number" or value ~= value or value < low
    or value == math.huge then
    error(("%s is a number of at least %s, not %s")
      :format(what, low, tostring(value)), 0)
  end
  return value
end

local function check_fields(wanted)
  if type(wanted) ~= "table" then
    error("a request is a table, not a " .. type(wanted), 0)
  end
  for name in pairs(wanted) do
    if name == "labels" then
      error("a request for `labels` is not carried out by this version; "
        .. "use shape or pool", 0)
    elseif not fields[name] then
      error(("unknown field '%s' of a request%s")
        :format(tostring(name), suggest.hint(name, fields)), 0)
    end
  end
end

local function holds(shape, min)
  for name, amount in pairs(min) do
    check_number(amount, "min." .. tostring(name), 0)
    if shape.res[name] + 1e-4 < amount then
      return false
    end
  end
  return true
end

local function no_shape(wanted)
  local names = {}
  for i = 0, round.v.nshapes - 1 do
    names[i + 1] = round.shape(i).name
  end
  error(("no shape of the menu answers the request for %s%s; there are: %s")
    :format(wanted.shape and "'" .. tostring(wanted.shape) .. "'"
      or "that much",
      wanted.pool and " in pool " .. tostring(wanted.pool) or "",
      table.concat(names, ", ")), 0)
end

local function answers(shape, wanted)
  return (not wanted.pool or wanted.pool == shape.pool)
    and (not wanted.shape or wanted.shape == shape.name)
    and holds(shape, wanted.min or {})
end

-- The row of the shape that is meant: by name, or the cheapest that holds
-- `min`; one that may not be asked for now only if there is no other.
local function find(wanted)
  local best, best_price, closed
  for i = 0, round.v.nshapes - 1 do
    local shape = round.shape(i)
    if answers(shape, wanted) and shape.quota == 0 then
      closed = closed or i
    elseif answers(shape, wanted) then
      local price = shape.price > 0 and shape.price
        or shape.res.cpu + shape.res.mem / 2 ^ 33
      if not best or price < best_price then
        best, best_price = i, price
      end
    end
  end
  return best or closed or no_shape(wanted)
end

local function set_amounts(line, shape, min)
  for i, name in ipairs(round.names) do
    local amount = math.min(min[name] or 0, shape.res[name])
    if i <= 4 then
      line.res[name] = amount
    else
      line.res.other[i - 5] = amount
    end
  end
end

-- What an elastic shape is asked for; nothing means all of it, where there is
-- an end to it.
local function set_elastic(line, shape, wanted)
  set_amounts(line, shape, wanted.min or shape.unbounded and {} or shape.res)
  local width = math.floor(check_number(wanted.width or 0, "width", 0))
  line.width = math.min(width, MAX_WIDTH)
end

--- Plan one request: { shape = name or handle, min = amounts, count =, pool =,
-- walltime =, width = }. Never more than may be outstanding. `width` is for
-- elastic shapes, others do without it: so many more of min could be used.
-- @return how many were planned
function request.add(wanted)
  check_fields(wanted)
  if ffi.istype(view.shape, wanted.shape) then
    wanted.shape, wanted.pool = wanted.shape.name, wanted.shape.pool
  end
  if not wanted.shape and not wanted.min then
    error("a request needs a shape or min", 0)
  end
  local v = round.v
  local row = find(wanted)
  local shape = round.shape(row)
  local count = math.floor(check_number(wanted.count or 1, "count", 0))
  count = math.min(count, shape.quota,
    v.max_pending - v.npending - round.requested)
  if count < 1 then
    return 0
  end
  local line = round.add(2)
  line.a, line.n = row, count
  line.at = check_number(wanted.walltime or 0, "walltime", 0)
  if shape.elastic then
    set_elastic(line, shape, wanted)
  end
  round.requested = round.requested + count
  return count
end

--- All requests that an `acquire` returned.
function request.add_all(list)
  if type(list) ~= "table" then
    error("acquire() returned a " .. type(list) .. "; it returns a list of "
      .. "requests", 0)
  end
  for i, wanted in ipairs(list) do
    local ok, message = pcall(request.add, wanted)
    if not ok then
      error(("acquire() gave a bad request %d: %s"):format(i, message), 0)
    end
  end
end

return request
