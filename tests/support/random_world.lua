--- A random world: a scheduler on a virtual clock, clusters, allocs and execs
-- that do what such things do, tasks, and people who interfere.
--
--   local world = random_world.new(seed)
--   local complaints = world:run()     -- texts; none if all was well
--
-- First some minutes in which much goes wrong, then calm, in which everything
-- must come to its end; then the scheduler is stopped, if it was not before.
-- Everything depends on the seed only.

local books = require "support.random_world.books"
local clusters = require "support.random_world.cluster"
local dice = require "support.random_world.dice"
local faults = require "support.random_world.faults"
local people = require "support.random_world.people"
local sched = require "neap.sched"
local tasks = require "support.random_world.tasks"
local trail = require "support.random_world.trail"

local random_world = {}

local World = {}
World.__index = World

local ENOUGH = 20 -- complaints; more say nothing new

-- ---- making one -----------------------------------------------------------

-- Bytes that execs leave on their machines, as filesets.
local function make_outputs(self)
  self.machine_data = sched.repository.memory()
  self.outputs = { sched.fileset {} }
  for i = 1, 3 do
    local map = {}
    for k = 1, i do
      local data = ("output %d/%d of %d"):format(k, i, self.seed)
      map["f" .. k] = { id = self.machine_data:put(data), size = #data }
    end
    self.outputs[i + 1] = sched.fileset(map)
  end
end

local function make_clusters(self)
  self.clusters = {}
  for i = 1, self.dice:pick { 1, 1, 1, 2, 3 } do
    self.clusters[i] = clusters.new(self, i)
  end
end

local function make_scheduler(self)
  local d = self.dice
  self.s = sched.new {
    cluster = #self.clusters == 1 and self.clusters[1] or self.clusters,
    clock = self.clock, repository = self.repository, mux = tasks.mux(),
    max_pending_allocs = d:int(2, 6), log = function() end,
    max_alloc_idle_time = d:pick { 0, 1, 30, 300 },
    drain_timeout = d:pick { 0, 0.05, 1 }, max_attempts = d:pick { 1, 3, 10 },
    min_alloc = d:pick { {}, { cpu = 1, mem = "1GiB" } },
    packing = people.pick_policy(self, "packing"),
    priority = people.pick_policy(self, "priority"),
    stats_keep = 10000,
  }
  self.s:on("*", function(event)
    if self.trail:add(event) then
      local entry = self.by_key[event.task]
      entry.ends = entry.ends + 1
      books.check_done(self, entry)
    end
    self:seen_event(event)
  end)
end

--- The world of a seed.
function random_world.new(seed)
  local clock = sched.clock.virtual { seed = seed }
  local self = setmetatable({
    seed = seed, clock = clock, dice = dice.new(seed), complaints = {},
    repository = sched.repository.memory(),
    allocs = {}, accepted = {}, entries = {}, by_key = {}, -- tasks
    inputs = {}, resolved = {}, calm = false, nevents = 0,
  }, World)
  self.faults = faults.new(self)
  self.calm_at = self.dice:pick { 30, 120, 600 }
  self.mortality = self.dice:pick { 0, 0.1, 0.5 }
  self.same_ids = self.dice:chance(0.1)
  self.trail = trail.new(self)
  make_outputs(self)
  make_clusters(self)
  make_scheduler(self)
  return self
end

-- ---- for its parts --------------------------------------------------------

--- Something is as it must never be.
function World:complain(fmt, ...)
  local list = self.complaints
  if #list < ENOUGH then
    list[#list + 1] = ("%.3f s: "):format(self.clock:now())
      .. fmt:format(...)
  end
end

--- A fileset that an exec leaves behind.
function World:pick_output()
  return self.dice:pick(self.outputs)
end

World.check_attempts = books.check_attempts

--- Tasks were made; submit them together.
function World:submit(list)
  local given = {}
  for i, entry in ipairs(list) do
    given[i] = entry.task
  end
  local n, err = self.s:submit(given)
  for _, entry in ipairs(list) do
    self.by_key[entry.task:id()] = entry
    self.accepted[#self.accepted + 1] = entry
  end
  if self.stopping and (n ~= nil or err.kind ~= "Canceled") then
    self:complain("submit after stop gave %s", tostring(n))
  elseif not self.stopping and n ~= #list then
    self:complain("submit of %d gave %s", #list, tostring(n))
  end
end

--- Stop the scheduler, for the first time. Suspends.
function World:stop(mode, timeout)
  self.stopping = mode
  local ok, err = self.s:stop { mode = mode, timeout = timeout }
  if not ok and err.kind ~= "Timeout" then
    self:complain("stop gave %s", tostring(err))
  end
end

--- An event came; people may wait for the n-th.
function World:seen_event()
  self.nevents = self.nevents + 1
  if self.nevents == self.stop_at_event and not self.stopping then
    self:stop(self.stop_mode)
  end
end

-- ---- its life -------------------------------------------------------------

-- Tasks that should be done by now: not those in a call that never returns.
local function late(self)
  local list = {}
  for _, entry in ipairs(self.accepted) do
    if entry.task:state() ~= "done" and not entry.hung then
      list[#list + 1] = entry
    end
  end
  return list
end

-- Calm has come: all that can end must end, and idle allocs go back.
local function settle(self)
  local clock = self.clock
  local limit = clock:now() + 7200
  while clock:now() < limit and late(self)[1] do
    clock:advance(60)
  end
  books.check_stats(self)
  if self.stopping or self.deaf then
    return
  end
  for _, entry in ipairs(late(self)) do
    self:complain("task %s starves (%s): %s", entry.ident,
      entry.task:state(), tostring(self.s:why(entry.task)))
  end
  clock:advance(900)
  for _, a in ipairs(self.allocs) do
    if not a.frees[1] and not tasks.any_hung(self) then
      self:complain("alloc %s is still held, %g s after the last task", a.id,
        900)
    end
  end
end

-- Until nothing is left, whatever hung.
local function finish(self)
  local clock = self.clock
  if not self.stopping then
    clock:spawn(self.stop, self, self.dice:pick { "abort", "drain" }, 600)
    clock:advance(600)
  end
  self.stopping = "abort"
  local ok, err = self.s:stop { mode = "abort", timeout = 600 }
  if not ok then
    self:complain("stop does not come to its end: %s", tostring(err))
  end
  clock:advance(600)
  self:submit { tasks.new(self) }
  clock:advance(0)
  books.check_over(self)
  local ends = clock:now() + 1e5
  clock:run(function() return clock:now() > ends end)
  if clock:now() > ends then
    self:complain("something goes on for ever after stop")
  end
end

--- Live it.
-- @return list of complaints
function World:run()
  local clock = self.clock
  people.plan(self)
  self.s:start()
  clock:advance(self.calm_at)
  self.calm = true
  settle(self)
  finish(self)
  return self.complaints
end

return random_world
