--- People of a random world: they submit tasks, cancel them, change their
-- minds, and stop the scheduler, all at random moments.

local books = require "support.random_world.books"
local tasks = require "support.random_world.tasks"

local people = {}

local function submit(world)
  local list = {}
  for i = 1, world.dice:pick { 1, 1, 2, 5, 9 } do
    list[i] = tasks.new(world)
  end
  world:submit(list)
end

local function any_task(world)
  return #world.accepted > 0 and world.dice:pick(world.accepted).task
end

-- Policies other than the usual ones are rare: to check one when it is loaded
-- takes longer than to live in a small world.
local POLICIES = { packing = { "spread", "reflow" }, priority = { "fifo" } }

--- The name of a policy of a kind.
function people.pick_policy(world, kind)
  return world.dice:chance(0.07) and world.dice:pick(POLICIES[kind])
    or "default"
end

local acts = {}

function acts.cancel(world)
  local task = any_task(world)
  if task then
    local done = task:state() == "done"
    if world.s:cancel(task, "nobody wants it") == done then
      world:complain("cancel of a task that was %sdone",
        done and "" or "not ")
    end
  end
end

function acts.priority(world)
  local task = any_task(world)
  if task and task:state() == "init" then
    task.priority = world.dice:int(-5, 5)
    task.expected_duration = world.dice:int(0, 100)
  end
end

function acts.swap(world)
  local kind = world.dice:pick { "packing", "priority" }
  local name = people.pick_policy(world, kind)
  local swapped, err = world.s:swap(kind, name)
  if not swapped or type(swapped.from) ~= "string"
    or type(swapped.to) ~= "string" then
    world:complain("swap to %s gave %s", name, tostring(swapped or err))
  end
end

function acts.set(world)
  local d = world.dice
  world.s:set {
    max_pending_allocs = d:int(2, 8), max_attempts = d:int(1, 10),
    max_alloc_idle_time = d:pick { 0, 5, 300 },
    drain_timeout = d:pick { 0, 0.5 },
  }
end

function acts.menu(world)
  world.dice:pick(world.clusters):change_menu()
end

function acts.look(world)
  local task = any_task(world)
  if task and type(world.s:why(task).verdict) ~= "string" then
    world:complain("why has no verdict")
  end
  books.check_stats(world)
end

local ACTS = { "cancel", "cancel", "priority", "swap", "set", "menu", "look",
  "look" }

local function at(world, seconds, fn, ...)
  local a, b = ...
  world.clock:after(seconds, function() fn(world, a, b) end)
end

-- Some are stopped while everything is in flight, at a moment or at an event.
local function plan_stop(world)
  local d = world.dice
  world.stop_mode = d:pick { "abort", "abort", "drain" }
  local how = d:int(1, 4)
  if how == 1 then
    at(world, d:between(0, world.calm_at), function()
      if not world.stopping then
        world:stop(world.stop_mode)
      end
    end)
  elseif how == 2 then
    world.stop_at_event = d:int(1, 150)
  end
end

--- Decide what will happen, and when.
function people.plan(world)
  local d = world.dice
  for _ = 1, d:int(1, 8) do
    at(world, d:chance(0.3) and 0 or d:between(0, world.calm_at), submit)
  end
  for _ = 1, d:int(0, 12) do
    at(world, d:between(0, world.calm_at), acts[d:pick(ACTS)])
  end
  plan_stop(world)
end

return people
