--- Clusters of a random world.
--
-- The first one of a world can hold every task that can be held and never says
-- that a shape is not supported, so that no task waits for ever by right.

local alloc = require "support.random_world.alloc"
local sched = require "neap.sched"

local cluster = {}

local Cluster = {}
Cluster.__index = Cluster

local errors, R = sched.errors, sched.resources

--- More than this nobody has.
cluster.LARGEST = R { cpu = 16, mem = "64GiB", gpu = 2, licence = 4 }

local MENU = {
  { name = "small", resources = { cpu = 4, mem = "8GiB" }, price = 1 },
  { name = "large", price = 5, startup = 10,
    resources = { cpu = 16, mem = "64GiB", gpu = 2, licence = 4 } },
}

-- The methods of a repository, with faults in those that move data.
local function faulty(world, repo)
  local wrapped = {}
  for _, name in ipairs { "stat", "put", "collect" } do
    wrapped[name] = function(_, ...) return repo[name](repo, ...) end
  end
  function wrapped.get(_, id)
    return world.faults:perform("fetch", function()
      return repo:get(id)
    end)
  end
  function wrapped.read_from()
    return nil, errors.new("NotSupported", "bytes pass through here")
  end
  wrapped.write_to = wrapped.read_from
  return wrapped
end

-- A menu that may leave shapes out and bound them; never for the first
-- cluster.
local function pick_menu(self)
  local dice, menu = self.world.dice, {}
  for i, row in ipairs(MENU) do
    local bounded = not self.first and dice:chance(0.3)
    if self.first or i == #MENU or dice:chance(0.7) then
      menu[#menu + 1] = {
        name = row.name, resources = row.resources, price = row.price,
        startup = row.startup, max = bounded and dice:int(0, 3) or nil,
      }
    end
  end
  return menu
end

local function largest(self)
  local most = R {}
  for _, row in ipairs(self.shapes or {}) do
    most = most:max(R(row.resources))
  end
  return self.shapes and most or cluster.LARGEST
end

-- Methods that only some clusters have.
local function give_methods(self, faults)
  if self.shapes then
    function self.menu()
      return faults:perform("menu", function() return self.shapes end)
    end
    function self.on_change(_, fn) self.changed = fn end
  end
  function self.can_allocate(_, r)
    return faults:perform("can_allocate", function()
      if largest(self):available(r) then
        return true
      end
      return false, errors.new("ResourcesExhausted", "%s has less than %s",
        self.name, tostring(r))
    end)
  end
end

--- The i-th cluster of a world.
function cluster.new(world, i)
  local dice = world.dice
  local self = setmetatable({
    world = world, name = dice:chance(0.9) and "c" .. i or "c",
    first = i == 1, runs = {}, delivered = 0,
  }, Cluster)
  if dice:chance(0.5) then
    self.shapes = pick_menu(self)
  end
  self.repository = faulty(world, world.machine_data)
  give_methods(self, world.faults)
  return self
end

--- Offer something else.
function Cluster:change_menu()
  if self.shapes then
    self.shapes = pick_menu(self)
    self.runs = {} -- who is asked for other things may be asked at once
    if self.changed then
      self.changed()
    end
  end
end

-- ---- how often it is asked ------------------------------------------------

-- Calls of a shape since it last granted: `runs[shape]` has the times of the
-- calls (one for all of an instant) and the earliest next one.
local function check_pace(self, shape)
  local now, run = self.world.clock:now(), self.runs[shape]
  if not run then
    run = { first = now, last = now, instants = 1, not_before = now,
      refused = now }
    self.runs[shape] = run
    return
  end
  if now > run.last then
    run.last, run.instants = now, run.instants + 1
  end
  local since = now - run.first
  if now < run.not_before and now > run.refused then
    self.world:complain("cluster %s is asked for %s %g s too early after a "
      .. "refusal", self.name, shape, run.not_before - now)
  elseif run.instants > 10 + since / 4 then
    self.world:complain("cluster %s refuses, and was asked for %s %d times "
      .. "in %g s", self.name, shape, run.instants, since)
  end
end

local function refused(self, shape, ctx)
  local run = self.runs[shape]
  if run and not ctx:done() then
    run.refused = self.world.clock:now()
    run.not_before = run.refused + 0.08
  end
end

-- ---- answers --------------------------------------------------------------

local function size_of(self, req, factor)
  local total = req.min
  if not self.shapes then
    total = total * (1 + req.width * (factor or self.world.dice:unit()))
  end
  return total
end

local function grant(self, shape, total)
  local world = self.world
  self.runs[shape] = nil
  self.delivered = self.delivered + 1
  local id = world.same_ids and "a" or self.name .. "." .. self.delivered
  local a = alloc.new(world, self, id, total)
  world.allocs[#world.allocs + 1] = a
  return a
end

-- What it may do instead of a grant in time; each returns what `allocate` does.
local answers = {}

function answers.error(self)
  self.world.faults:pause(1)
  local kind = not self.first and self.world.dice:chance(0.1)
    and "NotSupported" or nil
  return nil, kind and errors.new(kind, "never here")
    or self.world.faults:error("allocate")
end

function answers.raise(self)
  self.world.faults:raise("allocate")
end

function answers.void()
end

function answers.hang(self)
  self.world.deaf = true -- its tasks may have to wait for ever
  self.world.faults:hang()
end

-- Until it is no longer wanted, or the world is calm.
answers["until"] = function(self, _, _, ctx)
  local world = self.world
  local p = world.clock:promise()
  ctx:on_cancel(function() p:resolve(true) end)
  p:wait(world.calm_at - world.clock:now())
  return nil, errors.new("Canceled", "given up")
end

-- It comes in any case, wanted or not.
function answers.late(self, req, shape)
  self.world.clock:sleep(self.world.dice:between(20, 150))
  return grant(self, shape, size_of(self, req))
end

function answers.smaller(self, req, shape)
  return grant(self, shape, req.min * self.world.dice:pick { 0, 0.3, 0.7 })
end

function answers.larger(self, req, shape)
  return grant(self, shape, req.min * (2 + req.width)
    + R { cpu = 1, mem = "1GiB" })
end

function answers.twice(self, req, shape)
  local p = self.world.clock:promise()
  p:resolve(grant(self, shape, size_of(self, req)))
  p:resolve(nil, self.world.faults:error("allocate"))
  return p:wait()
end

function answers.wrong(self)
  return self.world.dice:pick { {}, "an alloc", 7, {
    id = "wrong", resources = function() error("no", 0) end,
  } }
end

local function check_request(self, req, labels)
  local world = self.world
  if world.stopping then
    world:complain("cluster %s was asked after stop", self.name)
  elseif not R.is(req.min) or type(req.width) ~= "number"
    or req.width < 0 or type(labels) ~= "table" then
    world:complain("a request of %s × (1 + %s)", tostring(req.min),
      tostring(req.width))
  elseif self.shapes and (req.width ~= 0 or type(req.shape) ~= "string")
    or req.index < 1 or req.index > req.count then
    world:complain("shape %s, width %d, %d of %d", tostring(req.shape),
      req.width, req.index, req.count)
  end
end

-- The answer, and a refusal noted if it is one.
local function noted(self, shape, ctx, object, ...)
  if type(object) ~= "table" or not object.world then
    refused(self, shape, ctx)
  end
  return object, ...
end

local function failed(self, shape, ctx, ok, ...)
  if not ok then
    refused(self, shape, ctx)
    error((...), 0)
  end
  return noted(self, shape, ctx, ...)
end

function Cluster:allocate(req, labels, ctx)
  local shape = req.shape or "elastic"
  check_request(self, req, labels)
  check_pace(self, shape)
  local mode = self.world.faults:mode("allocate")
  if mode then
    return failed(self, shape, ctx,
      pcall(answers[mode], self, req, shape, ctx))
  end
  self.world.faults:pause(self.world.calm and 1 or 20)
  return grant(self, shape, size_of(self, req, self.world.calm and 1))
end

return cluster
