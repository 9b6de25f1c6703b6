--- Requests for allocs: from the core's wish to an alloc or a refusal.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"
local lease = require "neap.sched.lease"
local release = require "neap.sched.release"

local acquire = {}

-- A cluster that was told that a request is no longer wanted has so long to
-- answer; then the request counts as refused, and what comes is given back.
local PATIENCE = 60

-- ---- the context that a cluster gets --------------------------------------

local Context = {}
Context.__index = Context

--- Is the request no longer wanted?
function Context:done()
  return self.cancelled
end

--- Call `fn()` once when the request is no longer wanted; at once if that is
-- so already.
function Context:on_cancel(fn)
  if self.cancelled then
    self.s:go(fn)
  else
    self[#self + 1] = fn
  end
end

-- ---- answers --------------------------------------------------------------

local function refuse(s, alloc, err)
  alloc.answered = true
  alloc.err = err
  s.clusters[alloc.cluster].refusal = err
  if not alloc.context.cancelled then
    s:log("info", "cluster %s gives no alloc: %s", alloc.cluster,
      tostring(err))
  end
  s.core:refused(alloc.number, err, s.clock:now_ns())
  s:kick()
end

local function has_methods(object)
  for _, name in ipairs { "resources", "keepalive", "load", "unload", "put",
    "repository", "free" } do
    local ok, method = pcall(function() return object[name] end)
    if not ok or method == nil then
      return false, name
    end
  end
  return true
end

-- What came, checked: its amounts, or nil and what is wrong.
local function amounts_of(object)
  local ok, name = has_methods(object)
  if not ok then
    return nil, errors.new("Fatal", "allocate returned a %s without "
      .. "method '%s', which is no alloc", type(object), name)
  end
  local fine, amounts = pcall(object.resources, object)
  if not fine then
    return nil, call.raised(amounts, "resources")
  elseif type(amounts) ~= "table" and type(amounts) ~= "cdata"
    and type(amounts) ~= "userdata" then
    return nil, errors.new("Fatal", "resources() of an alloc returned a %s",
      type(amounts))
  end
  return amounts
end

-- True, or nil and why the core cannot take it.
local function grant(s, alloc, object, amounts)
  local now = s.clock:now()
  local life_end = alloc.walltime and s.clock:now_ns() + alloc.walltime * 1e9
  local ok, err = s.core:granted(alloc.number, amounts, life_end,
    s.clock:now_ns())
  if not ok then
    release.stray(s, object)
    return nil, err or errors.new("Canceled", "no longer wanted")
  end
  alloc.answered = true
  if not amounts:available(alloc.total) then
    s.clusters[alloc.cluster].refusal = errors.new("ResourcesExhausted",
      "it gave %s where %s was asked for", tostring(amounts),
      tostring(alloc.total))
  end
  alloc.object, alloc.total = object, amounts
  alloc.key = tostring(object.id or ("a%d"):format(alloc.number))
  alloc.created, alloc.idle_since = now, now
  s.requests = s.requests - 1
  s.stats.pending = s.requests
  lease.start(s, alloc)
  s:kick()
  return true
end

-- Something came that is no alloc, or that nobody wants any more.
local function give_back(s, object)
  local ok, free = pcall(function() return object.free end)
  if ok and free ~= nil then
    release.stray(s, object)
  end
end

local function answered(s, alloc, ok, object, err)
  if alloc.patience then
    alloc.patience()
  end
  if not ok then
    object, err = nil, call.raised(object, "allocate")
  end
  local amounts
  if object then
    amounts, err = amounts_of(object)
    if alloc.answered or not amounts then
      give_back(s, object)
    end
  end
  if alloc.answered then -- too late: nobody counts on it any more
    return
  end
  if amounts then
    amounts, err = grant(s, alloc, object, amounts)
  end
  if not amounts then
    refuse(s, alloc, call.failure(err, "allocate"))
  end
end

local function ask(s, alloc, request)
  if alloc.context.cancelled then
    return answered(s, alloc, true, nil, errors.new("Canceled",
      "no longer wanted"))
  end
  local cluster = s.clusters[alloc.cluster].object
  answered(s, alloc, pcall(cluster.allocate, cluster, request, s.labels,
    alloc.context))
end

-- ---- what the core wants --------------------------------------------------

--- Ask a cluster for alloc `number`. Returns at once.
function acquire.request(s, number)
  local wanted = s.core:request(number)
  if not wanted then
    return -- it was given up in the same breath
  end
  local alloc = {
    number = number, state = "requested", cluster = wanted.pool,
    shape = wanted.shape, tasks = {}, ntasks = 0, total = wanted.min,
    requested = s.clock:now(), price = wanted.price,
    walltime = wanted.walltime,
    context = setmetatable({ cancelled = false, s = s }, Context),
  }
  s.allocs[number] = alloc
  s.requests = s.requests + 1
  s.stats.pending = s.requests
  s:emit("alloc.request", nil, alloc)
  local request = {
    min = wanted.min, width = wanted.width, count = wanted.count,
    index = wanted.index, walltime = wanted.walltime,
    shape = s.clusters[wanted.pool].menu and wanted.shape or nil,
  }
  s:go(ask, s, alloc, request)
end

local function give_up(s, alloc)
  if not alloc.answered then
    refuse(s, alloc, errors.new("Canceled", "no longer wanted"))
  end
end

--- The request is no longer wanted. Returns at once.
function acquire.cancel(s, alloc)
  local context = alloc.context
  if not alloc or alloc.answered or context.cancelled then
    return
  end
  context.cancelled = true
  for i = 1, #context do
    s:go(context[i])
  end
  if s.stopping then
    give_up(s, alloc)
  else
    alloc.patience = s.clock:after(PATIENCE, function()
      give_up(s, alloc)
    end)
  end
end

return acquire
