--- A scheduler on a virtual clock with a cluster, for specs of `neap.sched`.
--
-- Two kinds: `manual`, where the spec answers each request, and `sim`, where a
-- simulated cluster does. Whatever is given in `opts` goes to `sched.new`.

local sched = require "neap.sched"
local testing = require "neap.testing"

local world = {}

world.SEED = 1

-- An elastic request is as large as its tasks, unless the spec wants a floor.
local function scheduler(clock, cluster, opts)
  local fields = {
    cluster = cluster, clock = clock, min_alloc = {},
    repository = sched.repository.memory(),
  }
  for name, value in pairs(opts or {}) do
    fields[name] = value
  end
  local s = sched.new(fields)
  s:start()
  return s
end

--- With a cluster of the spec's own: a function of the clock that makes it.
-- @return scheduler, clock, cluster
function world.own(make, opts)
  local clock = sched.clock.virtual { seed = world.SEED }
  local cluster = make(clock)
  return scheduler(clock, cluster, opts), clock, cluster
end

--- With a cluster made by hand (`neap.testing`).
-- @return scheduler, clock, cluster
function world.manual(opts)
  return world.own(function(clock)
    return testing.manual_cluster { clock = clock }
  end, opts)
end

--- With a simulated cluster.
-- @param sim   options of `sched.cluster.sim`
-- @return scheduler, clock, cluster
function world.sim(sim, opts)
  return world.own(function(clock)
    local fields = { clock = clock, seed = world.SEED }
    for name, value in pairs(sim) do
      fields[name] = value
    end
    return sched.cluster.sim(fields)
  end, opts)
end

--- A task that needs these resources.
-- @param resources  as of `sched.task`
-- @param fields     more fields of it
function world.task(resources, fields)
  local spec = { ident = "t", cmd = "true", resources = resources }
  for name, value in pairs(fields or {}) do
    spec[name] = value
  end
  return sched.task(spec)
end

--- n such tasks.
function world.tasks(n, resources, fields)
  local list = {}
  for i = 1, n do
    list[i] = world.task(resources, fields)
  end
  return list
end

--- All requests of this instant that a manual cluster has not handed out yet.
function world.requests(fake)
  local list = {}
  repeat
    local req = fake:next_request(0)
    list[#list + 1] = req
  until not req
  return list
end

--- What requests ask for in total.
function world.asked(requests)
  local total = sched.resources {}
  for _, req in ipairs(requests) do
    total = total + req.min * (1 + req.width)
  end
  return total
end

--- How many of the tasks are in that state.
function world.count(tasks, state)
  local n = 0
  for _, t in ipairs(tasks) do
    n = n + (t:state() == state and 1 or 0)
  end
  return n
end

return world
