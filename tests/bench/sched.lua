--- neap.sched measured: no-op tasks through all of it, memory of a queued task,
-- crafting, refusals, the first request. Figures beside what they should be.
--
--   luajit tests/bench/sched.lua [MOST]    at most so many tasks (1 000 000)
--
-- LUA_PATH and LUA_CPATH as for the specs; `tests/bench/run sched` sets them.

local sched = require "neap.sched"

local most = tonumber(arg[1]) or 1000000

local function row(what, unit, figure, target)
  print(("  %-40s %12s %-8s %s"):format(what, figure, unit, target or ""))
end

-- ---- no-op tasks ----------------------------------------------------------

-- The least that a cluster in Lua can be: everything succeeds at once.
local Exec = {}
Exec.__index = Exec

local RESULT = { fileset = sched.fileset {} }

function Exec.wait() return true end
function Exec.promote() return true end
function Exec.result() return RESULT end
function Exec.kill() return true end

local Alloc = {}
Alloc.__index = Alloc

function Alloc:resources() return self.total end
function Alloc.keepalive(_, interval) return interval end
function Alloc.load(_, _, fileset) return fileset end
function Alloc.unload() return true end
function Alloc.repository() return nil end
function Alloc.free() return true end

function Alloc.put(_, id)
  return setmetatable({ id = id }, Exec)
end

local Cluster = { name = "lua" }
Cluster.__index = Cluster

function Cluster:allocate()
  return setmetatable({ id = "a", total = self.total }, Alloc)
end

local function scheduler(cluster, fields)
  local clock = sched.clock.virtual {}
  local opts = {
    cluster = cluster, clock = clock, min_alloc = {},
    repository = sched.repository.memory(),
  }
  for name, value in pairs(fields or {}) do
    opts[name] = value
  end
  local s = sched.new(opts)
  s:start()
  return s, clock
end

local NEEDS = sched.resources { cpu = 1, mem = "1GiB" }

local function make_tasks(n)
  local list = {}
  for i = 1, n do
    list[i] = sched.task { ident = "noop", cmd = "true", resources = NEEDS }
  end
  return list
end

-- Seconds from the first submission to the last end, for `n` tasks that are
-- submitted a thousand at a time, as somebody would who has so many.
local function run_tasks(s, clock, n)
  local begun = os.clock()
  for _ = 1, n / 1000 do
    s:submit(make_tasks(1000))
    clock:advance(0.1)
  end
  return os.clock() - begun
end

-- The same for a new scheduler, and for one that has run before: its policy
-- is compiled then.
local function noop(n)
  local s, clock = scheduler(setmetatable({ total = NEEDS * 1000 }, Cluster))
  collectgarbage()
  local cold = run_tasks(s, clock, 1000)
  local took = run_tasks(s, clock, n)
  local stats = s.stats:get()
  assert(stats.done == n + 1000 and stats.failed == 0, "not all tasks ran")
  assert(s:stop())
  return took, cold
end

local function bench_noop()
  local small, cost
  local first = math.huge
  for _, n in ipairs { 1000, 10000, 100000, 1000000 } do
    if n <= most then
      local best = math.huge
      for _ = 1, n <= 10000 and 7 or 2 do
        local took, cold = noop(n)
        best, first = math.min(best, took), math.min(first, cold)
      end
      cost = best / n
      small = small or cost
      row(("no-op tasks: %d"):format(n), "tasks/s",
        ("%.0f"):format(1 / cost), ">= 100 000")
    end
  end
  row("the first 1000 of a scheduler", "tasks/s",
    ("%.0f"):format(1000 / first))
  row("cost of a task, of the most to of 1 000", "",
    ("%.2f"):format(cost / small), "<= 1.10")
end

-- ---- memory of a queue ----------------------------------------------------

local function bench_memory()
  local n = math.min(most, 100000)
  local s, clock
  s, clock = scheduler {
    name = "mute", allocate = function() clock:promise():wait() end,
  }
  s:submit(make_tasks(n))
  clock:advance(1)
  row("a queued task, in C", "bytes",
    ("%.0f"):format(s:core_stats().bytes_per_task), "<= 256")
end

-- ---- crafting -------------------------------------------------------------

local function mixed(n)
  local list = {}
  for i = 1, n do
    list[i] = sched.resources {
      cpu = 1 + i % 16, mem = (1 + i % 32) * 2 ^ 30,
    }
  end
  return list
end

local function bench_craft()
  local list, best = mixed(100000), math.huge
  for _ = 1, 5 do
    local begun = os.clock()
    sched.craft(list)
    best = math.min(best, os.clock() - begun)
  end
  row("crafting for 100 000 tasks", "ms", ("%.1f"):format(best * 1e3),
    "<= 20 (the original: 1 700)")
end

-- ---- what a cluster sees --------------------------------------------------

local function bench_refusals()
  local calls = 0
  local s, clock = scheduler {
    name = "full", allocate = function()
      calls = calls + 1
      return nil, sched.errors.new("Unavailable", "full")
    end,
  }
  s:submit(make_tasks(1))
  clock:advance(1.05)
  row("calls of a refusing cluster, first second", "calls",
    ("%d"):format(calls), "<= 10 (the original: 22 600)")
  local before = calls
  clock:advance(60)
  row("and each later second", "calls",
    ("%.2f"):format((calls - before) / 60), "<= 0.25")
end

local function bench_first_request()
  local first
  local s, clock
  s, clock = scheduler {
    name = "slow", allocate = function()
      first = first or clock:now()
      clock:promise():wait()
    end,
  }
  for i = 0, 99 do
    clock:after(i * 0.02, function() s:submit(make_tasks(1)) end)
  end
  clock:advance(5)
  row("first request, a task each 20 ms for 2 s", "s",
    first and ("%.3f"):format(first) or "never",
    "<= 0.05, the drain time (the original: 2.1)")
end

print(("  %-40s %12s %-8s %s"):format("neap.sched", "figure", "", "target"))
bench_noop()
bench_memory()
bench_craft()
bench_refusals()
bench_first_request()
