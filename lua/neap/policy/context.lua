--- `ctx`, `view` and `plan`: what the functions of a policy get.

local ffi = require "ffi"
local demand = require "neap.policy.demand"
local place = require "neap.policy.place"
local request = require "neap.policy.request"
local round = require "neap.policy.round"
local suggest = require "neap.suggest"
local view = require "neap.policy.view"

local context = { logged = {} }

local MAX_LINES, MAX_LINE = 20, 500 -- of the log, in a call

local function log(fmt, ...)
  local lines = context.logged
  if #lines < MAX_LINES then
    lines[#lines + 1] = tostring(fmt):format(...):sub(1, MAX_LINE)
    context.call.logged = 1
  end
end

-- Random numbers depend on the round's time only: a replay draws the same.
local seeded
local function rand()
  if seeded ~= round.n then
    seeded = round.n
    math.randomseed(round.v and round.v.now * 1000 or 0)
  end
  return math.random()
end

local function unknown(what, name, known)
  error(("'%s.%s' is no field of %s%s"):format(what, tostring(name), what,
    suggest.hint(name, known)), 3)
end

local function pools()
  local names, seen = {}, {}
  for i = 0, round.v.nshapes - 1 do
    local name = round.shape(i).pool
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  return names
end

local pack_fields = {
  now = true, wake_at = true, params = true, state = true, base = true,
  log = true, rand = true, queue_len = true, pending_allocs = true,
  pools = true,
}
local key_fields = {
  now = true, params = true, state = true, log = true, rand = true,
}

--- A `ctx` for a kind of policy.
function context.create(kind, params, state)
  local ctx = { now = 0, params = params, state = state, log = log,
    rand = rand }
  local known = key_fields
  if kind == "pack" then
    known = pack_fields
    ctx.wake_at, ctx.queue_len, ctx.pending_allocs = round.wake_at, 0, 0
    ctx.base = {
      cost = place.best_fit, acquire = demand.acquire,
      release = function(alloc)
        return demand.release(alloc, round.v.max_idle, context.left())
      end,
    }
  end
  return setmetatable(ctx, {
    __index = function(_, name)
      if kind == "pack" and name == "pools" then
        return pools()
      end
      unknown("ctx", name, known)
    end,
  })
end

local left, left_round

--- What is left over, whatever is pending; once a round.
function context.left()
  if left_round ~= round.n then
    left, left_round = demand.left(false), round.n
  end
  return left
end

function context.refresh(ctx)
  local v = round.v
  ctx.now, ctx.queue_len, ctx.pending_allocs = v.now, v.queue_len, v.npending
end

local function list(make, n)
  local items = {}
  for i = 1, n do
    items[i] = make(i - 1)
  end
  return items
end

local view_fields = {
  tasks = function() return list(round.task, round.v.nclasses) end,
  allocs = function() return list(round.alloc, round.v.nallocs) end,
  pending = function() return list(round.pending_alloc, round.v.npending) end,
  menu = function() return list(round.shape, round.v.nshapes) end,
  labels = function()
    local names = {}
    for i, name in ipairs(round.names) do
      names[i] = name
    end
    return names
  end,
  now = function() return round.v.now end,
  max_idle = function() return round.v.max_idle end,
  max_pending = function() return round.v.max_pending end,
}

local not_yet = { soon = true, freed_by = true, reserve = true,
  preempt = true }

--- The view of `place`: lists of handles, made when they are asked for.
function context.view()
  return setmetatable({}, {
    __index = function(self, name)
      if not_yet[name] then
        error(("view.%s is not carried out by this version of neap")
          :format(name), 2)
      end
      local make = view_fields[name] or unknown("view", name, view_fields)
      local value = make()
      rawset(self, name, value)
      return value
    end,
    __newindex = function(_, name)
      error(("view.%s cannot be set: the view is read-only")
        :format(tostring(name)), 2)
    end,
  })
end

-- A handle of this round, or an error at the policy's line.
local function check(ctype, what, value, phase)
  if not ffi.istype(ctype, value) then
    error(("expected %s, got a %s"):format(what, type(value)), 3)
  end
  if value._round ~= round.n then
    error(("stale view: this %s belongs to an earlier call"):format(what), 3)
  end
  if phase and value._p.phase ~= phase then
    error(("alloc %s is %s"):format(value.id, value.state), 3)
  end
  return value._p.index
end

local plan = {}

--- Plan `n` (default 1) tasks for an alloc.
-- @return how many there was room for
function plan.assign(_, task, alloc, n)
  local c = check(view.task, "task", task)
  local a = check(view.alloc, "alloc", alloc, 0)
  n = n == nil and 1 or n
  if type(n) ~= "number" or n ~= n then
    error("plan:assign: n is a number of tasks", 2)
  end
  return round.assign(c, a, math.floor(n))
end

function plan.release(_, alloc)
  round.release(check(view.alloc, "alloc", alloc, 0))
end

function plan.cancel(_, alloc)
  round.cancel(check(view.alloc, "alloc", alloc, 1))
end

function plan.request(_, wanted)
  local ok, n = pcall(request.add, wanted)
  if not ok then
    error("plan:request: " .. n, 2)
  end
  return n
end

--- The plan of `place`.
context.plan = setmetatable({}, {
  __index = function(_, name)
    if not_yet[name] then
      error(("plan:%s is not carried out by this version of neap")
        :format(name), 2)
    end
    return plan[name] or unknown("plan", name, plan)
  end,
  __newindex = function()
    error("the plan is changed by its methods", 2)
  end,
  __metatable = "locked",
})

return context
