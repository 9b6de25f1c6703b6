--- A cluster that is only calculated: for `neap sim`, specs and forecasts.
--
-- It has a clock, a menu and prices, and nothing else: no process is started
-- and no byte is moved. Allocs come up after a start-up time, are billed until
-- they end, and run execs that only last. See `sim_alloc` for these.

local clocks = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local sim_alloc = require "neap.sched.sim_alloc"
local sim_options = require "neap.sched.sim_options"

local cluster_sim = {}

local sim = {}
sim.__index = sim

-- Numbers in [0, 1), the same for the same seed on each machine: the "minimal
-- standard" generator of Park and Miller, exact in doubles.
local function random_from(seed)
  local state = seed % 2147483646 + 1
  return function()
    state = state * 48271 % 2147483647
    return (state - 1) / 2147483646
  end
end

--- A simulated cluster.
-- @param opts  table, all fields optional:
--   menu     list of { name=, resources=, price= per hour, startup=, max=,
--            walltime=, labels= }; nil: elastic, each request gets its size
--   cap      elastic: resources of the largest alloc; nil: no limit
--   startup  seconds from request to grant, or fn(shape, n, random) → seconds
--            for the n-th alloc; default: the shape's startup, else 0
--   price    per hour, of shapes without one, or fn(resources, shape) → price
--   runtime  fn(task, alloc, random) → seconds; nil or no answer: the task's
--            expected duration, else 0
--   fail     fn(what, at, random, subject) → kind or nil, seconds until then
--   lease    seconds that a keepalive grants at most, default 120
--   seed     whole number for `random`; default: from the clock
--   clock    default: the one made last; name: default "sim"
-- @return a cluster for `sched.new`; raises Invalid
function cluster_sim.new(opts)
  local self = setmetatable(sim_options.check(opts), sim)
  self.clock = self.clock or clocks.default()
  self.name = self.name or "sim"
  self.lease = self.lease or 120
  if self.lease <= 0 then
    errors.raise("lease of cluster.sim must be more than 0")
  end
  self.random = random_from(self.seed or self.clock:random_int(2 ^ 30))
  self.shapes = self.menu and sim_options.menu(self.menu)
  self.by_name, self.in_use = {}, {}
  for _, shape in ipairs(self.shapes or {}) do
    self.by_name[shape.name], self.in_use[shape.name] = shape, 0
  end
  self.all, self.spent, self.live, self.asked = {}, 0, {}, 0
  self.menu = self.shapes and sim.rows or nil
  return self
end

-- `menu` of a cluster that has one; an elastic cluster has no such method.
function sim:rows()
  return self.shapes
end

--- Whether an alloc could ever hold `r` → true, or false and why not.
function sim:can_allocate(r)
  if not self.shapes then
    if not self.cap or self.cap:available(r) then
      return true
    end
    return false, errors.new("ResourcesExhausted",
      "%s is more than the largest alloc of %s: %s", tostring(r), self.name,
      tostring(self.cap))
  end
  local largest
  for _, shape in ipairs(self.shapes) do
    if shape.resources:available(r) then
      return true
    end
    if not largest or shape.resources:scaled_distance()
      > largest.resources:scaled_distance() then
      largest = shape
    end
  end
  return false, errors.new("ResourcesExhausted",
    "%s fits in no shape of %s; the largest is %s %s", tostring(r), self.name,
    largest.name, tostring(largest.resources))
end

--- What the option `fail` says now → kind or nil, seconds until then.
function sim:ask_fail(what, subject)
  if self.fail then
    return self.fail(what, self.clock:now(), self.random, subject)
  end
end

-- What a user's function answered: a number of seconds that makes sense.
local function duration(value, who)
  if type(value) ~= "number" or value < 0 or value ~= value then
    errors.raise("%s of cluster.sim must give seconds of at least 0, not %s",
      who, tostring(value))
  end
  return value
end

local function views(self, id, config, on)
  local now = self.clock:now()
  return {
    id = id, name = config.ident, res = config.resources,
    expect = config.expected_duration, labels = config.labels,
  }, {
    id = on.id, pool = self.name, state = on.state, shape = on.shape.name,
    total = on.total, free = on.total - on.used, ntasks = on.nrunning,
    age = now - on.created, life_left = on.life_end - now, price = on.price,
    labels = on.shape.labels,
  }
end

--- Seconds that an exec will last.
function sim:run_time(id, config, on)
  local lasts
  if self.runtime then
    local task, alloc = views(self, id, config, on)
    lasts = self.runtime(task, alloc, self.random)
  end
  return duration(lasts or config.expected_duration or 0, "runtime")
end

-- The shape and size of a request, or nil and why it cannot be had.
local function chosen(self, req)
  if self.shapes then
    local shape = self.by_name[req.shape]
    if not shape then
      return nil, errors.new("NotSupported", "%s has no shape '%s'",
        self.name, tostring(req.shape))
    elseif shape.max and self.in_use[shape.name] >= shape.max then
      return nil, errors.new("Unavailable",
        "all %d allocs of shape %s are in use", shape.max, shape.name)
    end
    return shape, shape.resources
  end
  local total = req.min * (1 + (req.width or 0))
  if self.cap then
    if not self.cap:available(req.min) then
      return nil, select(2, self:can_allocate(req.min))
    end
    total = total:min(self.cap)
  end
  return { name = "elastic", resources = total }, total
end

local function price_of(self, shape, total)
  if shape.price then
    return shape.price
  end
  local price = self.price or 0
  return type(price) == "function" and price(total, shape) or price
end

local function startup_of(self, shape)
  local startup = self.startup
  if type(startup) == "function" then
    return duration(startup(shape, self.asked, self.random), "startup")
  end
  return startup or shape.startup or 0
end

-- Wait `seconds`, or until the request is no longer wanted → still wanted.
local function wanted_after(self, seconds, ctx)
  local p = self.clock:promise()
  if ctx then
    ctx:on_cancel(function() p:resolve(true) end)
  end
  return not p:wait(seconds < math.huge and seconds or nil)
end

local function granted(self, req, labels, shape, total)
  local walltime = shape.walltime
  if req.walltime then
    walltime = math.min(req.walltime, walltime or math.huge)
  end
  local price = price_of(self, shape, total)
  local a = sim_alloc.new(self, "a" .. #self.all + 1, total, shape, walltime)
  a.price, a.labels = price, labels
  self.all[#self.all + 1], self.live[a] = a, true
  return a
end

local function refused(self, kind, shape)
  self.in_use[shape.name] = self.in_use[shape.name] - 1
  if kind == "Canceled" then
    return nil, errors.new(kind, "the request is no longer wanted")
  end
  return nil, errors.new(kind, "simulated refusal of %s", shape.name)
end

--- Ask for one alloc ⏸: it takes the start-up time.
-- @return alloc, or nil and: NotSupported (no such shape), Unavailable (all
--   `max` are in use), ResourcesExhausted, Canceled, or what `fail` says
function sim:allocate(req, labels, ctx)
  local shape, total = chosen(self, req)
  if not shape then
    return nil, total
  end
  self.asked = self.asked + 1
  local kind, after = self:ask_fail("allocate", req)
  local wait = kind and (after or 0) or startup_of(self, shape)
  self.in_use[shape.name] = (self.in_use[shape.name] or 0) + 1
  if wait > 0 and not wanted_after(self, wait, ctx) then
    return refused(self, "Canceled", shape)
  elseif kind then
    return refused(self, kind, shape)
  end
  return granted(self, req, labels, shape, total)
end

local function bill(a, upto)
  return a.price * (upto - a.created) / 3600
end

--- An alloc of this cluster has ended: it makes room and is billed.
function sim:alloc_ended(a)
  self.live[a] = nil
  self.in_use[a.shape.name] = self.in_use[a.shape.name] - 1
  self.spent = self.spent + bill(a, a.ended)
end

--- What all allocs have cost so far: price × hours from grant to end.
function sim:cost()
  local now, total = self.clock:now(), self.spent
  for i = 1, #self.all do
    local a = self.all[i]
    if self.live[a] then
      total = total + bill(a, now)
    end
  end
  return total
end

--- All allocs there ever were, in order of their grants.
-- @return list of { id, shape, state, why, resources, price, cost, created,
--   ended, execs }: state "live" "released" "dead"; execs = started on it
function sim:allocs()
  local rows, now = {}, self.clock:now()
  for i, a in ipairs(self.all) do
    rows[i] = {
      id = a.id, shape = a.shape.name, state = a.state, why = a.why,
      resources = a.total, price = a.price, cost = bill(a, a.ended or now),
      created = a.created, ended = a.ended, execs = a.started,
    }
  end
  return rows
end

return cluster_sim
