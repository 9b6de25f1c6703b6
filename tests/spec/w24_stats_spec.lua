-- W24: stats were keyed by flow id, so that two tasks of one node overwrote
-- each other; they grew without bound, and one update was not protected.

local json = require "neap.json"
local exposition = require "support.exposition"
local sched = require "neap.sched"
local world = require "support.sched_world"

local function count(map)
  local n = 0
  for _ in pairs(map) do
    n = n + 1
  end
  return n
end

local function check_sum(snap)
  assert.equal(snap.total_tasks, snap.queued + snap.staging + snap.running
    + snap.lost + snap.done)
  assert.is_true(snap.failed <= snap.done)
end

-- What the tasks of the snapshot say must be what its counters say.
local function check_states(snap)
  local by_state = { [0] = 0, 0, 0, 0, 0 }
  for _, task in pairs(snap.tasks) do
    by_state[task.state] = by_state[task.state] + 1
  end
  assert.same({ [0] = snap.queued, snap.staging, snap.running, snap.lost,
    snap.done }, by_state)
end

local function check_allocs(snap)
  local held = 0
  for _, alloc in pairs(snap.allocs) do
    local free = alloc.total
    for key in pairs(alloc.task_ids) do
      assert.is_table(snap.tasks[key])
      free = free - sched.resources { cpu = 1 }
      held = held + 1
    end
    assert.is_true(alloc.dead == false or next(alloc.task_ids) == nil)
    if not alloc.dead then
      assert.equal(free, alloc.resources)
      assert.is_true(free:available(sched.resources {}))
    end
  end
  assert.is_true(held >= snap.staging + snap.running)
end

describe("W24: stats", function()
  it("tell two tasks of one node apart", function()
    local s, clock = world.sim({})
    local flow = sched.digest.of "one node"
    local a = world.task({ cpu = 1 }, { ident = "a", flow_id = flow,
      expected_duration = 5 })
    local b = world.task({ cpu = 1 }, { ident = "b", flow_id = flow,
      expected_duration = 50 })
    s:submit(a, b)
    assert.is_true(a:wait("done", "1m"))
    clock:advance(0)
    local snap = s.stats:get()
    assert.equal(2, count(snap.tasks))
    assert.equal(4, snap.tasks[a:id()].state)
    assert.equal(2, snap.tasks[b:id()].state)
    assert.equal(flow, snap.tasks[a:id()].flow_id)
    assert.equal(flow, snap.tasks[b:id()].flow_id)
  end)

  it("keep one entry and one key for a task that was lost", function()
    local s, clock, fake = world.manual()
    local t = world.task({ cpu = 1 })
    s:submit(t)
    local req = fake:next_request("1s")
    local first = t:id()
    local a = fake:alloc("a", { cpu = 1 })
    req:grant(a)
    assert.is_true(t:wait("running", "1s"))
    assert.same({ [first] = 1 }, s.stats:get().allocs.a.task_ids)
    a:fail_keepalive "Fatal"
    req = fake:next_request("5m")
    local snap = s.stats:get()
    assert.is_true(snap.allocs.a.dead)
    assert.same({}, snap.allocs.a.task_ids)
    assert.equal(1, snap.queued)
    assert.equal(1, count(snap.tasks))
    assert.equal(1, snap.tasks[first].attempt)
    req:grant(fake:alloc("b", { cpu = 1 }))
    assert.is_true(t:wait("running", "1s"))
    assert.are_not.equal(first, t:id())
    snap = s.stats:get()
    assert.equal("b", snap.tasks[first].alloc)
    assert.same({ [first] = 1 }, snap.allocs.b.task_ids)
    assert.equal(1, snap.total_tasks)
    clock:advance(0)
    assert.equal(1, select(2, exposition.read(s.stats:prometheus()))
      "neap_task_retries_total")
  end)

  it("add up at every event of a life with losses", function()
    local broken
    local s, clock = world.sim({
      startup = 3, seed = 9,
      menu = { { name = "small", resources = { cpu = 4 } } },
      fail = function(what, _, random)
        if what == "exec" then
          local draw = random()
          return draw < 0.1 and "Exec" or draw < 0.8 and "Net" or nil, 1
        elseif what == "alloc" and random() < 0.2 then
          return "Fatal"
        end
      end,
    }, { log = function(level, text)
      broken = broken or level == "error" and text or nil
    end })
    local seen, lost = 0, 0
    s:on("*", function(ev)
      seen = seen + 1
      lost = lost + (ev.kind == "task.lost" and 1 or 0)
      local snap = s.stats:get()
      check_sum(snap)
      check_states(snap)
      check_allocs(snap)
    end)
    local tasks = world.tasks(60, { cpu = 1 }, { expected_duration = 7 })
    s:submit(tasks)
    assert.is_true(sched.taskset(unpack(tasks)):wait("1h"))
    clock:advance(1)
    local failed = 0
    for _, t in ipairs(tasks) do
      failed = failed + ((t.err or t.result.err) and 1 or 0)
    end
    local snap = s.stats:get()
    assert.equal(60, snap.total_tasks)
    assert.equal(60, snap.done)
    assert.equal(failed, snap.failed)
    assert.is_true(failed > 0, "none failed: a poor example")
    assert.is_true(lost > 0, "none was lost: a poor example")
    assert.is_true(seen > 300)
    assert.is_nil(broken)
    local _, value = exposition.read(s.stats:prometheus())
    assert.equal(60, value "neap_tasks_submitted_total")
    assert.equal(60 - failed,
      value("neap_tasks_completed_total", { result = "done" }))
    assert.equal(60 + lost, value "neap_task_wait_seconds_count")
  end)

  it("keep stats_keep finished tasks and count for ever", function()
    local s, clock = world.sim({}, { stats_keep = 10 })
    for _ = 1, 5 do
      local tasks = world.tasks(20, { cpu = 1 }, { expected_duration = 1 })
      s:submit(tasks)
      assert.is_true(sched.taskset(unpack(tasks)):wait("1m"))
    end
    clock:advance(0)
    local snap = s.stats:get()
    assert.equal(100, snap.total_tasks)
    assert.equal(100, snap.done)
    assert.equal(10, count(snap.tasks))
    s:set { stats_keep = 3 }
    assert.equal(3, count(s.stats:get().tasks))
    assert.equal(100, s.stats:get().done)
    local rows, more = s:tasks { state = "done" }
    assert.equal(3, #rows)
    assert.is_false(more)
  end)

  it("are published until the scheduler stops", function()
    local s = world.sim({})
    s.stats:publish "w24"
    local t = world.task({ cpu = 1 }, { ident = "shown" })
    s:submit(t)
    local state = json.decode(sched.published().w24)
    assert.equal(1, state.total_tasks)
    assert.equal("shown", state.tasks[t:id()].ident)
    s:stop { timeout = "1m" }
    assert.is_nil(sched.published().w24)
  end)

  it("give two allocs of one id a key each", function()
    local s, clock, fake = world.manual()
    s:submit(world.tasks(2, { cpu = 1 }))
    for _ = 1, 2 do
      fake:next_request("1s"):grant(fake:alloc("same", { cpu = 1 }))
      clock:advance(1)
    end
    local keys = {}
    for _, row in ipairs(s:allocs()) do
      keys[#keys + 1] = row.id
    end
    assert.equal("same", keys[1])
    assert.truthy(keys[2]:find("/same", 1, true))
    assert.equal(2, s.stats:get().total_allocs)
  end)
end)
