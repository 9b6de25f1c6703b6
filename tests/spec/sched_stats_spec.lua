local clock = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local histogram = require "neap.sched.histogram"
local exposition = require "support.exposition"
local json = require "neap.json"
local published = require "neap.sched.published"
local records = require "support.records"
local resources = require "neap.sched.resources"
local stats = require "neap.sched.stats"

local function sum(snap)
  return snap.queued + snap.staging + snap.running + snap.lost + snap.done
end

local function count(map)
  local n = 0
  for _ in pairs(map) do
    n = n + 1
  end
  return n
end

describe("stats", function()
  local time, s

  before_each(function()
    time = clock.virtual { start = 100 }
    s = stats.new { clock = time }
  end)

  local function accept(id, fields)
    local task = records.task(fields or {})
    task.id, task.submitted = id, time:now()
    s:accepted(task)
    return task
  end

  it("follow a task through all of its states", function()
    local alloc = records.alloc { key = "a" }
    s:alloc_live(alloc)
    local task = accept("t1", { ident = "align", run_id = "r", flow_id = "f" })
    assert.equal("t1", task.key)
    assert.same({ ident = "align", type = "exec", state = 0, run_id = "r",
      flow_id = "f", attempt = 0, submitted = 100 }, s:get().tasks.t1)
    records.assign(s, task, alloc)
    local snap = s:get()
    assert.equal(1, snap.staging)
    assert.same({ t1 = 1 }, snap.allocs.a.task_ids)
    assert.equal(resources.from { cpu = 3, mem = 3 }, snap.allocs.a.resources)
    assert.equal("a", snap.tasks.t1.alloc)
    task.started = time:now()
    records.move(s, task, 2)
    assert.equal(1, s:get().running)
    task.ended = time:now()
    records.finish(s, task, nil, { fileset = {} })
    snap = s:get()
    assert.equal(1, snap.done)
    assert.equal(0, snap.failed)
    assert.equal(4, snap.tasks.t1.state)
    assert.equal("a", snap.tasks.t1.alloc)
    assert.is_nil(snap.tasks.t1.error)
    assert.same({}, snap.allocs.a.task_ids)
    assert.equal(alloc.total, snap.allocs.a.resources)
  end)

  it("tell failures of the scheduler and of the program", function()
    local one, two, three = accept "1", accept "2", accept "3"
    records.finish(s, one, errors.new("Fatal", "no luck"))
    records.finish(s, two, nil, { err = errors.new("Exec", "exit 3") })
    records.finish(s, three, nil, {})
    local snap = s:get()
    assert.equal(2, snap.failed)
    assert.equal(3, snap.done)
    assert.truthy(snap.tasks["1"].error:find("no luck", 1, true))
    assert.truthy(snap.tasks["2"].error:find("exit 3", 1, true))
  end)

  it("are a copy that later changes do not touch", function()
    local task = accept "t"
    local before = s:get()
    before.tasks.t.state, before.queued = 77, 88
    assert.equal(0, s:get().tasks.t.state)
    local again = s:get()
    records.finish(s, task, nil, {})
    accept "u"
    assert.equal(0, again.tasks.t.state)
    assert.equal(1, again.queued)
    assert.is_nil(again.tasks.u)
  end)

  it("keep the last finished tasks and count all", function()
    s:set_keep(3)
    for i = 1, 10 do
      records.finish(s, accept("t" .. i), nil, {})
    end
    local waiting = accept "w"
    local snap = s:get()
    assert.equal(11, snap.total_tasks)
    assert.equal(10, snap.done)
    assert.equal(4, count(snap.tasks))
    for _, key in ipairs { "t8", "t9", "t10", "w" } do
      assert.is_table(snap.tasks[key])
    end
    s:set_keep(1)
    assert.equal(2, count(s:get().tasks))
    assert.is_table(s:get().tasks.t10)
    s:set_keep(2)
    records.finish(s, waiting, nil, {})
    records.finish(s, accept "x", nil, {})
    local last = s:get()
    assert.equal(2, count(last.tasks))
    assert.is_table(last.tasks.w)
    assert.is_table(last.tasks.x)
    assert.equal(12, last.done)
  end)

  it("keep none if told so", function()
    s:set_keep(0)
    records.finish(s, accept "t", nil, {})
    assert.equal(0, count(s:get().tasks))
    assert.equal(1, s:get().done)
  end)

  it("let go of the results of finished tasks", function()
    local weak = setmetatable({}, { __mode = "v" })
    do
      local task = accept("t", { config = {} })
      weak.result = { fileset = {} }
      weak.config = task.config
      records.finish(s, task, nil, weak.result)
    end
    collectgarbage()
    assert.is_nil(weak.result)
    assert.is_nil(weak.config)
    assert.is_table(s:get().tasks.t)
  end)

  it("refuse a stats_keep that is no count", function()
    for _, bad in ipairs { -1, 1.5, "many", 0 / 0, math.huge } do
      local ok, err = pcall(s.set_keep, s, bad)
      assert.is_false(ok)
      assert.equal("Invalid", err.kind)
      assert.truthy(err.message:find("stats_keep", 1, true))
    end
  end)

  it("give allocs with one id keys of their own", function()
    local keys = {}
    for i = 1, 3 do
      local alloc = records.alloc { key = "a", number = i }
      keys[i] = s:alloc_live(alloc)
      assert.equal(keys[i], alloc.key)
    end
    assert.same({ "a", "c/a", "c/a#2" }, keys)
    assert.equal(3, s:get().total_allocs)
    assert.equal(3, count(s:get().allocs))
  end)

  it("show allocs that are gone as dead, without tasks", function()
    local freed = records.alloc { key = "f" }
    local died = records.alloc { key = "d" }
    local never = records.alloc { key = "n", state = "requested" }
    s:alloc_live(freed)
    s:alloc_live(died)
    freed.state, died.state = "released", "dead"
    died.err = errors.new("NotExist", "gone")
    died.tasks[records.task { key = "t" }] = true
    s:alloc_gone(freed)
    s:alloc_gone(died)
    s:alloc_gone(never)
    local allocs = s:get().allocs
    assert.equal(2, count(allocs))
    for _, alloc in pairs(allocs) do
      assert.is_true(alloc.dead)
      assert.same({}, alloc.task_ids)
      assert.equal(resources.from {}, alloc.resources)
    end
    assert.equal("released", allocs.f.state)
    assert.truthy(allocs.d.error:find("gone", 1, true))
  end)

  it("add up at every moment of a random life", function()
    local seed = os.time()
    print("# seed " .. seed)
    math.randomseed(seed)
    s:set_keep(20)
    local allocs, open = {}, {}
    for i = 1, 5 do
      allocs[i] = records.alloc {
        key = "a" .. i % 2, number = i,
        total = resources.from { cpu = 1000, mem = 1000 },
      }
      s:alloc_live(allocs[i])
    end
    local total, done = 0, 0
    for _ = 1, 2000 do
      local pick = #open > 0 and math.random(#open)
      local task = pick and open[pick]
      if not task or math.random() < 0.3 then
        total = total + 1
        open[#open + 1] = accept("t" .. math.random(30))
      elseif task.state == 0 then
        records.assign(s, task, allocs[math.random(5)])
      elseif task.state == 1 then
        task.started = time:now()
        records.move(s, task, 2)
      elseif task.state == 3 then
        records.move(s, task, 0)
        task.err = nil
      elseif math.random() < 0.3 then
        task.err = errors.new("Net", "cut")
        records.leave(task)
        records.move(s, task, 3)
      else
        table.remove(open, pick)
        done = done + 1
        records.finish(s, task, nil, {})
      end
      local snap = s:get()
      assert.equal(total, snap.total_tasks)
      assert.equal(total, sum(snap))
      assert.equal(done, snap.done)
      assert.equal(total - done + math.min(done, 20), count(snap.tasks))
      local held = 0
      for _, alloc in pairs(snap.allocs) do
        held = held + count(alloc.task_ids)
        assert.equal(1000, alloc.resources.cpu + count(alloc.task_ids))
      end
      assert.equal(snap.staging + snap.running, held)
    end
  end)
end)

describe("histogram", function()
  it("counts each value in the first range that holds it", function()
    for _, bounds in ipairs { histogram.exponential(0.01, 4, 14), { 1 },
      { 1, 5, 6, 100 } } do
      local values = { 0, -1, 1e300, math.huge, 0.005 }
      for _, bound in ipairs(bounds) do
        for _, factor in ipairs { 1, 1 - 1e-15, 1 + 1e-15, 0.7, 1.3 } do
          values[#values + 1] = bound * factor
        end
      end
      local h = histogram.new(bounds)
      h:observe(0 / 0)
      assert.equal(0, h.n)
      for n, value in ipairs(values) do
        local i = 1
        while i <= #bounds and value > bounds[i] do
          i = i + 1
        end
        local before = h.counts[i]
        h:observe(value)
        assert.equal(before + 1, h.counts[i], tostring(value))
        assert.equal(n, h.n)
      end
    end
  end)
end)

describe("publish", function()
  local time

  before_each(function()
    time = clock.virtual {}
  end)

  it("shows the snapshot as JSON until it is withdrawn", function()
    local s = stats.new { clock = time }
    local alloc = records.alloc { key = "a", expires = math.huge }
    s:alloc_live(alloc)
    local task = records.task { id = "t", ident = 'a "b"\n' }
    s:accepted(task)
    s:publish()
    s:publish()
    s:publish "mine"
    local shown = published.all()
    assert.equal(shown.scheduler, shown.mine)
    local state = json.decode(shown.scheduler)
    assert.equal(1, state.queued)
    assert.equal('a "b"\n', state.tasks.t.ident)
    assert.equal(4, state.allocs.a.resources.cpu)
    assert.equal(0, json.decode(published.all().mine).done)
    records.finish(s, task, nil, {})
    assert.equal(1, json.decode(published.all().mine).done)
    s:withdraw()
    assert.same({}, published.all())
  end)

  it("gives a prefix to the later one; its owner alone takes it back",
    function()
      local one, two = stats.new { clock = time }, stats.new { clock = time }
      two:accepted(records.task { id = "t" })
      one:publish "p"
      two:publish "p"
      assert.equal(1, json.decode(published.all().p).total_tasks)
      one:withdraw()
      assert.is_string(published.all().p)
      two:withdraw()
      assert.is_nil(published.all().p)
    end)

  it("does not keep a scheduler alive", function()
    stats.new({ clock = time }):publish "gone"
    collectgarbage()
    assert.is_nil(published.all().gone)
  end)

  it("refuses an empty prefix and one that is no text", function()
    local s = stats.new { clock = time }
    for _, bad in ipairs { "", 7, false } do
      local ok, err = pcall(s.publish, s, bad)
      assert.is_false(ok)
      assert.equal("Invalid", err.kind)
    end
    assert.same({}, published.all())
  end)
end)

describe("prometheus", function()
  it("is a page that a strict reader takes", function()
    local time = clock.virtual {}
    local s = stats.new { clock = time }
    local families, value = exposition.read(s:prometheus())
    assert.equal("counter", families.neap_tasks_submitted_total.type)
    assert.equal(0, value "neap_task_wait_seconds_count")

    local alloc = records.alloc { key = "a", cluster = 'we"ird\\\n' }
    s:alloc_live(alloc)
    local ok = records.task { id = "1", submitted = 0 }
    local bad, gone = records.task { id = "2" }, records.task { id = "3" }
    for _, task in ipairs { ok, bad, gone } do
      s:accepted(task)
    end
    records.assign(s, ok, alloc)
    ok.started = 30
    records.move(s, ok, 2)
    local _, running = exposition.read(s:prometheus())
    assert.equal(1, running("neap_tasks", { state = "running" }))
    assert.equal(1, running("neap_resource_used", { resource = "cpu" }))
    assert.equal(4, running("neap_resource_capacity", { resource = "cpu" }))
    ok.ended = 90
    records.finish(s, ok, nil, {})
    records.assign(s, bad, alloc)
    bad.err = errors.new("Net", "cut")
    records.leave(bad)
    records.move(s, bad, 3)
    records.move(s, bad, 0)
    bad.alloc = nil
    records.finish(s, bad, errors.new("TooManyTries", "enough"))
    records.finish(s, gone, errors.new("Canceled", "no"))
    s.pending = 2
    s:round_took(0.001)
    local _, now = exposition.read(s:prometheus())
    assert.equal(3, now "neap_tasks_submitted_total")
    for result, n in pairs { done = 1, failed = 1, cancelled = 1 } do
      assert.equal(n, now("neap_tasks_completed_total", { result = result }))
    end
    assert.equal(1, now("neap_task_attempts_lost_total", { reason = "Net" }))
    assert.equal(1, now "neap_task_retries_total")
    assert.equal(30, now "neap_task_wait_seconds_sum")
    assert.equal(60, now "neap_task_run_seconds_sum")
    assert.equal(1, now "neap_tick_seconds_count")
    assert.equal(2, now "neap_alloc_requests_pending")
    assert.equal(0, now("neap_resource_used", { resource = "mem" }))
    assert.equal(1, now("neap_allocs_started_total",
      { pool = 'we"ird\\\n' }))
  end)

  it("does not grow without bound with names", function()
    local s = stats.new { clock = clock.virtual {} }
    for i = 1, 500 do
      local amounts = { cpu = 1 }
      amounts["licence_" .. i] = 2
      s:alloc_live(records.alloc {
        key = "a" .. i, cluster = "c" .. i,
        total = resources.from(amounts),
      })
      s:accepted(records.task { id = "t" .. i, ident = "n" .. i })
    end
    local families, value = exposition.read(s:prometheus())
    assert.is_true(#families.neap_allocs_started_total.samples <= 65)
    assert.is_true(#families.neap_resource_capacity.samples <= 65)
    assert.equal(500 - 64,
      value("neap_allocs_started_total", { pool = "other" }))
    assert.is_nil(s:prometheus():find("t17", 1, true))
  end)

  it("has a reader that refuses what is wrong", function()
    for _, text in ipairs {
      "x 1", "x 1\n", "# HELP x y\nx 1\n",
      "# HELP x y\n# TYPE x gauge\nx one\n",
      "# HELP x y\n# TYPE x counter\nx 1\n",
      '# HELP x y\n# TYPE x gauge\nx{a="1} 1\n',
      '# HELP x y\n# TYPE x gauge\nx{a="1",a="2"} 1\n',
      "# HELP x y\n# TYPE x gauge\nx 1\nx 2\n",
      '# HELP x y\n# TYPE x histogram\nx_bucket{le="1"} 1\nx_sum 1\n'
        .. "x_count 1\n",
    } do
      assert.is_false(pcall(exposition.read, text), text)
    end
  end)
end)
