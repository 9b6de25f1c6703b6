--- How many allocs does a day of work take, and what does it cost?
--
-- The real scheduler on a clock whose time jumps: 2 000 tasks arrive over a
-- working day, a simulated cluster offers three shapes, and two policies are
-- compared. Nothing is executed.
--
--   neap run -q examples/simulate.lua
--   luajit examples/simulate.lua          (LUA_PATH and LUA_CPATH: README.md)

local sched = require "neap.sched"

local menu = {
  { name = "small", resources = { cpu = 4, mem = "16GiB" }, price = 0.20,
    startup = 60 },
  { name = "large", resources = { cpu = 32, mem = "128GiB" }, price = 1.50,
    startup = 120 },
  { name = "memory", resources = { cpu = 8, mem = "256GiB" }, price = 1.10,
    startup = 180 },
}

-- What a task needs: kinds that a genomics group might have.
local kinds = {
  { ident = "qc", cpu = 1, mem = "2GiB", minutes = 4 },
  { ident = "align", cpu = 8, mem = "24GiB", minutes = 45 },
  { ident = "sort", cpu = 2, mem = "12GiB", minutes = 15 },
  { ident = "assemble", cpu = 6, mem = "180GiB", minutes = 90 },
}
local mix = { 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4 } -- of kinds

local function day(policy)
  local clock = sched.clock.virtual { seed = 7 }
  local cluster = sched.cluster.sim { menu = menu, clock = clock, seed = 7 }
  local s = sched.new {
    cluster = cluster, clock = clock, packing = policy,
    repository = sched.repository.memory(), max_pending_allocs = 20,
  }
  s:start()
  local set = sched.taskset()
  for i = 1, 2000 do
    local kind = kinds[mix[clock:random_int(#mix)]]
    local t = sched.task {
      ident = kind.ident, resources = { cpu = kind.cpu, mem = kind.mem },
      expected_duration = kind.minutes * 60 * (0.5 + clock:random()),
    }
    set:add(t)
    s:submit(t)
    if i % 250 == 0 then
      clock:advance(3600)
    end
  end
  set:wait()
  local makespan = clock:now()
  s:stop { mode = "drain" }
  return makespan, s.stats:get().total_allocs, cluster:cost()
end

print(("%-10s %10s %8s %10s"):format("policy", "hours", "allocs", "cost"))
for _, policy in ipairs { "default", "reflow" } do
  local makespan, allocs, cost = day(policy)
  print(("%-10s %10.1f %8d %10.2f"):format(policy, makespan / 3600, allocs,
    cost))
end
