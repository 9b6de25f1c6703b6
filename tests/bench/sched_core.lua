--- What one task costs in the core of neap.sched: created, submitted, placed,
-- started, ended and forgotten. Nothing else runs.
--
--   luajit tests/bench/sched_core.lua [policy]
--
-- A cluster of 64-core allocs that are granted at once, as many as are asked
-- for; tasks of four kinds. Each round is followed by the end of all that it
-- started.

local core = require "neap.sched.core"
local resources = require "neap.sched.resources"
local ffi = require "ffi"

ffi.cdef [[
struct bench_time { long s, ns; };
int clock_gettime(int clock, struct bench_time *time);
]]
local time = ffi.new "struct bench_time"

-- Seconds of this process on a processor.
local function seconds()
  ffi.C.clock_gettime(2, time)
  return tonumber(time.s) + tonumber(time.ns) / 1e9
end

local kinds = {
  resources { cpu = 1, mem = "1GiB" }, resources { cpu = 2, mem = "4GiB" },
  resources { cpu = 1, mem = "8GiB" }, resources { cpu = 4, mem = "2GiB" },
}
local machine = resources { cpu = 64, mem = "512GiB" }

local function new_world(policy)
  local c = core.new { drain_ns = 0, max_pending = 5 }
  assert(c:load_policy("packing", policy))
  assert(c:set_menu("bench", { { name = "large", res = machine, max = 100 } },
    0))
  return { core = c, now = 1, ran = {}, nran = 0, handles = {} }
end

-- Carry out what the core wants. Returns how many tasks ended.
local function serve(world)
  local c, ran, n, ended = world.core, world.ran, 0, 0
  local ops, count = c:take()
  for i = 0, count - 1 do
    local op = ops[i]
    if op.kind == core.START then
      n = n + 1
      ran[n] = op.slot
    elseif op.kind == core.REQUEST then
      c:granted(op.alloc, machine, nil, world.now)
    elseif op.kind == core.TASK and op.state == core.DONE then
      ended = ended + 1
      c:unref(world.handles[op.slot])
    end
  end
  for i = 1, n do
    local handle = world.handles[ran[i]]
    c:running(handle, world.now)
    c:ended(handle, nil, world.now)
  end
  return ended
end

local function run(world, n)
  local c, handles, list = world.core, world.handles, {}
  local spec = { name = "noop", user = "ada", run = "r1" }
  for i = 1, n do
    spec.res, spec.slot = kinds[i % 4 + 1], i
    handles[i] = c:task(spec)
    list[i] = handles[i]
  end
  c:submit(list, n, world.now)
  local ended = 0
  while ended < n do
    world.now = world.now + 1e6
    c:round(world.now, world.now / 1e9)
    ended = ended + serve(world)
  end
end

local policy = arg[1] or "default"
print(("policy %s"):format(policy))
print("    tasks   us/task   rounds")
for _, n in ipairs { 1000, 10000, 100000, 1000000 } do
  local world = new_world(policy)
  run(world, 1000) -- warm
  collectgarbage()
  local rounds = world.core:stats().rounds
  local times = math.max(1, 100000 / n)
  local start = seconds()
  for _ = 1, times do
    run(world, n)
  end
  local each = (seconds() - start) / n / times * 1e6
  print(("%9d %9.2f %8d"):format(n, each,
    (world.core:stats().rounds - rounds) / times))
  for _, text in ipairs(world.core:complaints()) do
    print("    " .. text)
  end
  world.core:close()
end
