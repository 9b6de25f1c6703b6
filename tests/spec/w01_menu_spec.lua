-- W1: one bundle and a width cannot say "two big and five small", and the
-- element-wise maximum of unlike tasks asks for far more than they need.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources

-- What is asked for the tasks in all, when each request gets what it wants.
local function asked_for(packing, needs)
  local s, clock, fake = world.manual {
    packing = packing, max_pending_allocs = 1000,
  }
  local tasks = {}
  for i, need in ipairs(needs) do
    tasks[i] = world.task(need)
  end
  s:submit(tasks)
  local all = {}
  while world.count(tasks, "running") < #tasks do
    clock:advance(1)
    for _, req in ipairs(world.requests(fake)) do
      all[#all + 1] = req
      req:grant(fake:alloc("a" .. #all, req.min * (1 + req.width)))
    end
    clock:advance(1)
  end
  return world.asked(all)
end

local unlike = {
  R { cpu = 1, mem = "60GiB" }, R { cpu = 16, mem = "4GiB" },
  R { cpu = 2, mem = "8GiB" },
}

local function mix(clock)
  local needs, sum = {}, R {}
  for i = 1, 4 + clock:random_int(36) do
    needs[i] = R {
      cpu = clock:random_int(16), mem = clock:random_int(64) * 2 ^ 30,
    }
    sum = sum + needs[i]
  end
  return needs, sum
end

-- What is asked for, as a multiple of what is needed, over 20 mixes.
local function mean_ratio(packing)
  local clock = sched.clock.virtual { seed = 11 }
  local mean, n = { cpu = 0, mem = 0 }, 20
  for _ = 1, n do
    local needs, sum = mix(clock)
    local ratio = asked_for(packing, needs):div(sum)
    mean.cpu = mean.cpu + ratio.cpu / n
    mean.mem = mean.mem + ratio.mem / n
  end
  return setmetatable(mean, { __tostring = function(m)
    return ("%.2f x the cpu, %.2f x the memory"):format(m.cpu, m.mem)
  end })
end

describe("W1: unlike tasks", function()
  it("are asked room for, and no more", function()
    assert.equal(R { cpu = 19, mem = "72GiB" }, asked_for("default", unlike))
  end)

  it("were asked a bundle for that is larger than each of them", function()
    assert.equal(R { cpu = 48, mem = "180GiB" }, asked_for("reflow", unlike))
  end)

  -- Tasks start in another order than they were packed in, so a little is
  -- asked for on top.
  -- Tasks start in another order than they were packed in, so a little is
  -- asked for on top.
  it("are asked less for in random mixes than the original did", function()
    local new, old = mean_ratio "default", mean_ratio "reflow"
    assert.is_true(new.cpu <= 1.25 and new.mem <= 1.25, tostring(new))
    assert.is_true(new.cpu < old.cpu - 0.05 and new.mem < old.mem - 0.05,
      ("%s; the original %s"):format(tostring(new), tostring(old)))
  end)

  it("get allocs of different shapes where there is a menu", function()
    local s, _, cluster = world.sim({
      startup = 60,
      menu = {
        { name = "small", resources = { cpu = 4, mem = "16GiB" }, price = 1 },
        { name = "large", resources = { cpu = 16, mem = "64GiB" }, price = 4 },
      },
    }, { max_pending_allocs = 20 })
    local tasks = world.tasks(2, { cpu = 16, mem = "64GiB" },
      { expected_duration = "1h" })
    for _, t in ipairs(world.tasks(5, { cpu = 4, mem = "16GiB" },
      { expected_duration = "1h" })) do
      tasks[#tasks + 1] = t
    end
    s:submit(tasks)
    for _, t in ipairs(tasks) do
      assert.is_true(t:wait("running", "2m"))
    end
    local sum = R {}
    for _, row in ipairs(cluster:allocs()) do
      sum = sum + row.resources
    end
    assert.equal(R { cpu = 52, mem = "208GiB" }, sum)
  end)
end)
