local clock = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local records = require "support.records"
local resources = require "neap.sched.resources"
local rows = require "neap.sched.rows"
local stats = require "neap.sched.stats"

local function ids(list)
  local out = {}
  for i, row in ipairs(list) do
    out[i] = row.id
  end
  return table.concat(out, " ")
end

describe("rows", function()
  local s, alloc

  local function accept(id, fields)
    local task = records.task(fields or {})
    task.id = id
    s:accepted(task)
    return task
  end

  before_each(function()
    s = stats.new { clock = clock.virtual { start = 50 } }
    alloc = records.alloc { key = "a", shape = "big", price = 3.6,
      created = 10, idle_since = 40, expires = 170 }
    s:alloc_live(alloc)
    accept("sha256:aa01", { ident = "align", run_id = "r1", submitted = 1,
      priority = 3, labels = { user = "ada", sample = "x" } })
    local running = accept("sha256:ab02", { ident = "align", run_id = "r2",
      submitted = 2, priority = 1 })
    records.assign(s, running, alloc)
    running.started = 20
    records.move(s, running, 2)
    records.finish(s, accept("sha256:ac03", { ident = "sort",
      submitted = 3 }), nil, {})
    records.finish(s, accept("sha256:ad04", { ident = "sort", submitted = 4,
      run_id = "r1" }), nil, { err = errors.new("Exec", "exit 1") })
    records.finish(s, accept("sha256:ae05", { ident = "merge",
      submitted = 5 }), errors.new("Canceled", "no"))
  end)

  it("show a task with all that is known of it", function()
    local list, more = rows.tasks(s, { state = "running" })
    assert.is_false(more)
    assert.same({
      id = "sha256:ab02", n = 2, attempt_id = "sha256:ab02", run = "r2",
      name = "align", ident = "align", type = "exec", state = "running",
      attempt = 0, alloc = "a", pool = "c", priority = 1,
      resources = resources.from { cpu = 1, mem = 1 }, labels = {},
      submitted = 2, started = 20,
    }, list[1])
    local failed = rows.tasks(s, { state = "failed" })[1]
    assert.truthy(failed.error:find("exit 1", 1, true))
  end)

  it("are in the order of submission", function()
    assert.equal("sha256:aa01 sha256:ab02 sha256:ac03 sha256:ad04 "
      .. "sha256:ae05", ids(rows.tasks(s)))
  end)

  it("are chosen by each field", function()
    local cases = {
      { { state = "queued" }, "aa01" }, { { state = "init" }, "aa01" },
      { { state = "done" }, "ac03" }, { { state = "cancelled" }, "ae05" },
      { { state = { "done", "failed" } }, "ac03 ad04" },
      { { name = "align" }, "aa01 ab02" }, { { ident = "s*" }, "ac03 ad04" },
      { { run = "r1" }, "aa01 ad04" },
      { { run = "r1", name = "sort" }, "ad04" },
      { { alloc = "a" }, "ab02" }, { { pool = "c*" }, "ab02" },
      { { id = "ad" }, "ad04" }, { { id = "sha256:ad04" }, "ad04" },
      { { user = "ada" }, "aa01" }, { { label = "sample" }, "aa01" },
      { { label = "sample=y" }, "" }, { { label = { sample = "x" } }, "aa01" },
      { { since = 4 }, "ad04 ae05" }, { { type = "intern" }, "" },
      { { limit = 0 }, "" }, { { name = "nobody" }, "" },
    }
    for i, case in ipairs(cases) do
      local got = ids(rows.tasks(s, case[1])):gsub("sha256:", "")
      assert.equal(case[2], got, "case " .. i)
    end
  end)

  it("are ordered, with missing values last", function()
    assert.equal("sha256:ae05 sha256:ad04",
      ids(rows.tasks(s, { order = "-submitted", limit = 2 })))
    local list = rows.tasks(s, { order = "-priority", limit = 2 })
    assert.equal("sha256:aa01 sha256:ab02", ids(list))
    assert.equal("sha256:ab02 sha256:aa01",
      ids(rows.tasks(s, { order = "started", limit = 2 })))
  end)

  it("stop at the limit and say so", function()
    for i = 1, 1000 do
      accept("n" .. i)
    end
    local list, more = rows.tasks(s)
    assert.equal(100, #list)
    assert.is_true(more)
    for i = 1, 100 do
      assert.equal(i, list[i].n)
    end
    list, more = rows.tasks(s, { limit = math.huge })
    assert.equal(1005, #list)
    assert.is_false(more)
    list = rows.tasks(s, { limit = 3, order = "-n" })
    assert.equal("n1000 n999 n998", ids(list))
  end)

  it("refuse unknown fields and values, with a hint", function()
    for _, case in ipairs {
      { { stat = "done" }, "did you mean 'state'" },
      { { state = "runing" }, "did you mean 'running'" },
      { { limit = -1 }, "limit" }, { { limit = 0 / 0 }, "limit" },
      { { limit = "9" }, "limit" }, { { order = "age" }, "order" },
      { { order = 7 }, "order" }, { { since = "today" }, "since" },
      { { name = 7 }, "name" }, { { label = 7 }, "label" },
      { "done", "table" },
    } do
      local ok, err = pcall(rows.tasks, s, case[1])
      assert.is_false(ok)
      assert.equal("Invalid", err.kind)
      assert.truthy(err.message:find(case[2], 1, true), err.message)
      assert.truthy(err.where:find("sched_rows_spec", 1, true))
    end
  end)

  it("show allocs with what is left of them", function()
    local list = rows.allocs(s, nil, 50)
    assert.same({
      id = "a", n = 1, pool = "c", shape = "big", state = "live",
      total = alloc.total, free = resources.from { cpu = 3, mem = 3 },
      ntasks = 1, age = 40, life_left = 120, cost = 0.04, labels = {},
      created = 10,
    }, list[1])
  end)

  it("show idle allocs and those that are gone", function()
    s:alloc_live(records.alloc { key = "b", number = 2, idle_since = 45 })
    local dead = records.alloc { key = "d", number = 3, cluster = "other" }
    s:alloc_live(dead)
    dead.state, dead.err = "dead", errors.new("Fatal", "burnt")
    s:alloc_gone(dead)
    assert.equal("a b d", ids(rows.allocs(s, {}, 60)))
    assert.equal(15, rows.allocs(s, { id = "b" }, 60)[1].idle)
    local row = rows.allocs(s, { state = "dead" }, 60)[1]
    assert.equal("d", row.id)
    assert.equal(0, row.ntasks)
    assert.equal(50, row.age)
    assert.is_nil(row.idle)
    assert.equal(resources.from {}, row.free)
    assert.truthy(row.error:find("burnt", 1, true))
    assert.equal("d", ids(rows.allocs(s, { pool = "oth*" }, 60)))
    assert.equal("b d",
      ids(rows.allocs(s, { order = "ntasks", limit = 2 }, 60)))
    assert.is_false(pcall(rows.allocs, s, { states = "dead" }, 60))
  end)
end)
