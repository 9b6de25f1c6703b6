-- W8: size was cpu + mem/8 GiB; disk, gpu and licences did not count, so what
-- is large in one of these was packed as if it were small.

local sched = require "neap.sched"
local world = require "support.sched_world"

local R = sched.resources
local GiB = 2 ^ 30

-- Six tasks fill a disk nearly alone, six need little of it: a pair a node.
local function nodes_used(packing)
  local s, _, cluster = world.sim({
    startup = 60,
    menu = {
      { name = "node", resources = { cpu = 4, disk = 1000 * GiB }, price = 1 },
    },
  }, { packing = packing, max_pending_allocs = 50 })
  local tasks = {}
  for i = 1, 6 do
    tasks[i] = world.task({ cpu = 1, disk = 900 * GiB },
      { expected_duration = "1h" })
    tasks[6 + i] = world.task({ cpu = 2, disk = 100 * GiB },
      { expected_duration = "1h" })
  end
  s:submit(tasks)
  sched.taskset(unpack(tasks)):wait()
  return #cluster:allocs()
end

describe("W8: size", function()
  it("counts the disk: six pairs need six nodes", function()
    assert.equal(6, nodes_used "default")
    assert.is_true(nodes_used "reflow" > 6)
  end)

  it("is the largest share of all labels", function()
    local total = R { cpu = 16, mem = 64 * GiB, disk = 1000 * GiB, gpu = 4 }
    assert.equal(0.9, R { cpu = 1, disk = 900 * GiB }:dominant_share(total))
    assert.equal(0.5, R { cpu = 1, gpu = 2 }:dominant_share(total))
    assert.equal(math.huge, R { licence = 1 }:dominant_share(total))
  end)

  it("of a task beyond what is free leaves nothing negative", function()
    local s, clock, fake = world.manual()
    local tasks = world.tasks(3, { cpu = 1, licence = 1 })
    s:submit(tasks)
    clock:advance(1)
    fake:next_request(0):grant(fake:alloc("a", { cpu = 8, licence = 2 }))
    clock:advance(1)
    assert.equal(2, world.count(tasks, "running"))
    local row = s:allocs()[1]
    assert.equal(0, row.free.licence)
    assert.equal(6, row.free.cpu)
  end)

  it("is compared in every label before a task starts", function()
    local s, _, cluster = world.sim {
      menu = { { name = "m", max = 1,
        resources = { cpu = 64, mem = 64 * GiB, disk = 10, gpu = 2, x = 3 } },
      },
    }
    local tasks, most = {}, 0
    for i = 1, 40 do
      tasks[i] = world.task({ cpu = 1, gpu = i % 3, x = i % 2,
        disk = i % 5 }, { expected_duration = i })
    end
    s:on("task.start", function()
      local sum = R {}
      for _, row in ipairs(s:tasks { state = "running" }) do
        sum = sum + row.resources
      end
      most = math.max(most, sum.gpu / 2, sum.x / 3, sum.disk / 10)
    end)
    s:submit(tasks)
    sched.taskset(unpack(tasks)):wait()
    assert.equal(1, #cluster:allocs())
    assert.equal(1, most)
    for _, t in ipairs(tasks) do
      assert.is_nil(t.err)
    end
  end)
end)
