local clock = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local taskdb = require "neap.sched.taskdb"

local function id_of(hex)
  return "sha256:" .. hex .. ("0"):rep(64 - #hex)
end

local function ids(list)
  local out = {}
  for i, row in ipairs(list) do
    out[i] = row.ident or row.user or row.id
  end
  return table.concat(out, " ")
end

local function invalid(text, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  assert.equal("Invalid", err.kind)
  assert.truthy(err.message:find(text, 1, true), err.message)
  assert.truthy(err.where:find("sched_taskdb_spec", 1, true), err.where)
end

local made = {}

local function temporary()
  local path = os.tmpname()
  made[#made + 1] = path
  return path
end

local function remove_files()
  for _, path in ipairs(made) do
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      os.remove(path .. suffix)
    end
  end
  made = {}
end

local function behaves_as_a_database(open)
  local time, db

  before_each(function()
    time = clock.virtual { start = 1000 }
    db = open(time)
  end)

  after_each(function()
    if db.close then
      db:close()
    end
    remove_files()
  end)

  it("keeps every column of a task", function()
    local row = {
      id = id_of "aabbccdd11", run_id = id_of "1122334455",
      flow_id = id_of "f", alloc_id = id_of "a1", img_cmd_id = id_of "c",
      ident = 'al"ign\n', attempt = 2, uri = "local", labels = { k = "v" },
      resources = resources.from { cpu = 1.5, mem = "8GiB", gpu = 2 },
      start_time = 1700000000.25, keepalive = 1700000100,
      end_time = 1700000200, result_id = id_of "r", stdout = id_of "s1",
      stderr = id_of "s2", inspect = id_of "i",
      error = errors.new("Net", "cut"),
    }
    assert.is_true(db:create_task(row))
    local got = db:tasks {}[1]
    row.id4, row.run_id4, row.date = "aabbccdd", "11223344", "2023-11-14"
    assert.equal(row.resources, got.resources)
    assert.equal(row.error, got.error)
    assert.equal("Net", got.error.kind)
    got.resources, got.error, row.resources, row.error = nil, nil, nil, nil
    assert.same(row, got)
  end)

  it("follows a task from its beginning to its end", function()
    local id = id_of "ab"
    assert.is_true(db:create_task { id = id, ident = "x", attempt = 0 })
    assert.equal(1000, db:tasks {}[1].start_time)
    assert.equal(1000, db:tasks {}[1].keepalive)
    assert.is_true(db:keep_task_alive(id, 1120))
    assert.is_true(db:set_task_uri(id, "http://host/x"))
    assert.is_true(db:set_task_result(id, id_of "e"))
    assert.is_true(db:set_task_attrs(id, { stdout = id_of "d" }))
    assert.is_true(db:set_task_attrs(id, { inspect = id_of "c" }))
    assert.is_true(db:set_task_complete(id, errors.new("OOM", "big"), 1100))
    local row = db:tasks { id = id }[1]
    assert.equal("http://host/x", row.uri)
    assert.equal(id_of "e", row.result_id)
    assert.equal(id_of "d", row.stdout)
    assert.equal(id_of "c", row.inspect)
    assert.equal(1100, row.end_time)
    assert.equal(1120, row.keepalive)
    assert.equal(errors.new("OOM", "big"), row.error)
    assert.equal("1970-01-01", row.date)
  end)

  it("takes an error as text, and none", function()
    db:create_task { id = "a" }
    db:create_task { id = "b" }
    assert.is_true(db:set_task_complete("a", "it broke", 7))
    assert.is_true(db:set_task_complete("b", nil, 8))
    assert.equal("it broke", db:tasks { id = "a" }[1].error.message)
    assert.is_nil(db:tasks { id = "b" }[1].error)
    assert.equal(8, db:tasks { id = "b" }[1].end_time)
  end)

  it("keeps runs", function()
    local id = id_of "99"
    assert.is_true(db:create_run { id = id, user = "ada",
      labels = { project = "p" }, start_time = 5 })
    assert.is_true(db:set_run_attrs(id, id_of "b", { "--x", "a b" }))
    assert.is_true(db:keep_run_alive(id, 130))
    assert.is_true(db:set_run_complete(id, { run_log = id_of "1",
      eval_graph = id_of "2", trace = id_of "3", end_time = 60 }))
    local list = db:runs { user = "ada" }
    assert.same({ {
      id = id, id4 = "99000000", user = "ada", labels = { project = "p" },
      bundle = id_of "b", args = { "--x", "a b" }, run_log = id_of "1",
      eval_graph = id_of "2", trace = id_of "3", start_time = 5,
      keepalive = 130, end_time = 60, date = "1970-01-01",
    } }, list)
    assert.same({}, db:runs { user = "bob" })
  end)

  it("joins allocs and pools", function()
    db:start_pool { id = id_of "01", pool_id = "i-7", cluster_name = "ec2",
      pool_type = "m5", user = "ada", reflow_version = "1" }
    db:start_alloc { id = id_of "02", alloc_id = "i-7/a",
      pool_id = id_of "01" }
    db:create_task { id = id_of "03", alloc_id = id_of "02", ident = "t" }
    db:create_task { id = id_of "04", alloc_id = id_of "05", ident = "u" }
    db:create_task { id = id_of "06", ident = "v" }
    local r = resources.from { cpu = 8, mem = "32GiB" }
    assert.is_true(db:set_resources(id_of "01", r))
    assert.is_true(db:set_resources(id_of "02", { cpu = 4 }))
    assert.is_true(db:keep_id_alive(id_of "02", 2000))
    assert.is_true(db:set_end_time(id_of "02", 1500))
    assert.is_true(db:set_end_time(id_of "01", 1600))
    local alloc = db:allocs { id = id_of "02" }[1]
    assert.equal(1500, alloc.end_time)
    assert.equal(2000, alloc.keepalive)
    assert.equal(4, alloc.resources.cpu)
    assert.equal("i-7", alloc.pool.pool_id)
    assert.equal(r, alloc.pool.resources)
    assert.is_nil(db:tasks { id = id_of "03" }[1].alloc)
    local joined = db:tasks { with_alloc = true }
    for _, row in ipairs(joined) do
      if row.ident == "t" then
        assert.equal("i-7/a", row.alloc.alloc_id)
        assert.equal("m5", row.alloc.pool.pool_type)
      else
        assert.is_nil(row.alloc)
      end
    end
    assert.equal(3, #joined)
    assert.equal(1, #db:pools { cluster_name = "ec2", user = "ada",
      reflow_version = "1" })
    assert.equal(0, #db:pools { cluster_name = "slurm" })
    assert.equal(1, #db:allocs { pool_id = id_of "01" })
  end)

  it("finds tasks by what is asked for, the newest first", function()
    local hex = { "aa00", "aa01", "bb00", "bb01" }
    for i, name in ipairs { "one", "two", "three", "four" } do
      db:create_task {
        id = id_of(hex[i]), ident = name, run_id = "r" .. i % 2,
        img_cmd_id = i < 3 and "c" or "d", start_time = i, keepalive = 10 * i,
      }
    end
    db:set_task_complete(id_of "aa00", nil, 99)
    local cases = {
      { nil, "one four three two" }, { {}, "one four three two" },
      { { limit = 2 }, "one four" }, { { limit = 0 }, "" },
      { { ident = "two" }, "two" }, { { run_id = "r1" }, "one three" },
      { { img_cmd_id = "d" }, "four three" },
      { { img_cmd_id = "d", run_id = "r0" }, "four" },
      { { since = 20 }, "four three" }, { { before = 20 }, "one" },
      { { since = 10, before = 40 }, "three two" },
      { { id = "aa" }, "one two" }, { { id = "sha256:bb" }, "four three" },
      { { id = "aa01" }, "two" }, { { id = id_of "bb00" }, "three" },
      { { id = id_of("bb00"):sub(8) }, "three" },
      { { id = { "bb00", id_of "aa00", "bb" } }, "three one four" },
      { { id = "cc" }, "" }, { { id = "xyz" }, "" }, { { ident = "no" }, "" },
    }
    for i, case in ipairs(cases) do
      assert.equal(case[2], ids(db:tasks(case[1])), "case " .. i)
    end
  end)

  it("gives rows that nobody shares", function()
    local labels = { k = "v" }
    db:create_task { id = "x", labels = labels }
    labels.k = "changed"
    local row = db:tasks {}[1]
    assert.equal("v", row.labels.k)
    row.labels.k, row.ident = "changed", "y"
    assert.equal("v", db:tasks {}[1].labels.k)
    assert.is_nil(db:tasks {}[1].ident)
    assert.is_true(db:create_task(db:tasks {}[1]))
  end)

  it("takes the same creation twice", function()
    db:create_task { id = "x", ident = "a", start_time = 1 }
    db:set_task_uri("x", "u")
    assert.is_true(db:create_task { id = "x", ident = "a", start_time = 1 })
    assert.equal(1, #db:tasks {})
    assert.equal("u", db:tasks {}[1].uri)
  end)

  it("returns NotExist for a row that is not there", function()
    for _, call in ipairs {
      { "set_task_uri", "u" }, { "set_task_result", "r" },
      { "set_task_attrs", {} }, { "set_task_complete" },
      { "keep_task_alive", 1 }, { "set_run_attrs", "b", {} },
      { "set_run_complete", {} }, { "keep_run_alive", 1 },
      { "set_resources", { cpu = 1 } }, { "keep_id_alive", 1 },
      { "set_end_time", 1 },
    } do
      local ok, err = db[call[1]](db, "nobody", call[2], call[3])
      assert.is_nil(ok)
      assert.is_true(errors.is("NotExist", err))
      assert.truthy(err.message:find("nobody", 1, true))
    end
  end)

  it("scans a column", function()
    db:create_task { id = "a", stdout = "s1" }
    db:create_task { id = "b" }
    db:create_task { id = "c", stdout = "s2", resources = { cpu = 1 } }
    db:start_pool { id = "p", resources = { cpu = 2 } }
    local seen = {}
    assert.equal(2, db:scan("stdout", function(id, value, kind)
      seen[#seen + 1] = kind .. ":" .. id .. "=" .. value
    end))
    assert.same({ "task:a=s1", "task:c=s2" }, seen)
    local cpu = 0
    db:scan("resources", function(_, r)
      cpu = cpu + r.cpu
      db:scan("resources", function() end)
    end)
    assert.equal(3, cpu)
    assert.equal(1, db:scan("id", function()
      return false
    end))
    invalid("did you mean 'stdout'", db.scan, db, "stdou", print)
    invalid("function", db.scan, db, "stdout")
    assert.is_false(pcall(db.scan, db, "id", function()
      error "stop"
    end))
    assert.equal(3, #db:tasks {})
  end)

  it("refuses wrong rows and queries", function()
    invalid("did you mean 'ident'", db.create_task, db,
      { id = "x", idnet = "a" })
    invalid("id of a row", db.create_task, db, {})
    invalid("id of a row", db.create_task, db, { id = "" })
    invalid("attempt", db.create_task, db, { id = "x", attempt = "1" })
    invalid("start_time", db.create_task, db, { id = "x",
      start_time = 0 / 0 })
    invalid("labels", db.create_task, db, { id = "x", labels = { 1 } })
    invalid("args", db.create_run, db, { id = "x", args = { [3] = "a" } })
    invalid("error", db.set_task_complete, db, "x", 17)
    invalid("table", db.create_task, db, "x")
    invalid("did you mean 'since'", db.tasks, db, { sinse = 1 })
    invalid("limit", db.tasks, db, { limit = -1 })
    invalid("since", db.tasks, db, { since = "today" })
    invalid("ident", db.tasks, db, { ident = 7 })
    invalid("id of a query", db.runs, db, { id = 7 })
    invalid("table", db.runs, db, "all")
    invalid("ident", db.runs, db, { ident = "x" })
    assert.equal(0, #db:tasks {})
  end)

  it("does not keep values of any size", function()
    local ok, err = db:create_task { id = "x", ident = ("x"):rep(2 ^ 20 + 1) }
    assert.is_nil(ok)
    assert.is_true(errors.is("Invalid", err))
    db:create_task { id = "x" }
    ok, err = db:set_task_uri("x", ("u"):rep(2 ^ 20 + 1))
    assert.is_nil(ok)
    assert.is_true(errors.is("Invalid", err))
    assert.is_true(db:set_task_uri("x", ("u"):rep(2 ^ 20)))
    assert.equal(2 ^ 20, #db:tasks {}[1].uri)
  end)

  it("keeps bytes as they are", function()
    db:create_task { id = "x", uri = "a\0b'\"\255" }
    assert.equal("a\0b'\"\255", db:tasks {}[1].uri)
  end)
end

describe("taskdb.memory", function()
  behaves_as_a_database(function(time)
    return taskdb.memory { clock = time }
  end)
end)

describe("taskdb.sqlite", function()
  local function open(time)
    local path = temporary()
    local db = assert(taskdb.sqlite(path, { clock = time, busy_ms = 1 }))
    return db, path
  end

  behaves_as_a_database(open)

  after_each(remove_files)

  it("finds its rows again after it was closed", function()
    local db, path = open()
    db:create_task { id = "x", ident = "a" }
    db:close()
    db:close()
    local again = assert(taskdb.sqlite(path))
    assert.equal("a", again:tasks {}[1].ident)
    again:close()
  end)

  it("returns an error when it is closed", function()
    local db = open()
    db:close()
    for _, call in ipairs { "tasks", "runs" } do
      local list, err = db[call](db, {})
      assert.is_nil(list)
      assert.is_true(errors.is("Precondition", err))
    end
    local ok, err = db:create_task { id = "x" }
    assert.is_nil(ok)
    assert.is_true(errors.is("Precondition", err))
  end)

  it("returns an error for a file that is none of its own", function()
    local path = temporary()
    local file = io.open(path, "w")
    file:write(("no database "):rep(100))
    file:close()
    local db, err = taskdb.sqlite(path)
    assert.is_nil(db)
    assert.is_true(errors.is("Integrity", err))
    db, err = taskdb.sqlite("/nowhere/at/all.db")
    assert.is_nil(db)
    assert.is_true(errors.is("NotExist", err))
    assert.truthy(tostring(err):find("/nowhere/at/all.db", 1, true))
    invalid("name of a file", taskdb.sqlite)
    invalid("name of a file", taskdb.sqlite, "")
  end)

  it("refuses a version that it does not know", function()
    local db, path = open()
    db.db:run "PRAGMA user_version = 77"
    db:close()
    local again, err = taskdb.sqlite(path)
    assert.is_nil(again)
    assert.is_true(errors.is("NotSupported", err))
  end)

  it("says Unavailable while another holds the lock", function()
    local db, path = open()
    local other = assert(taskdb.sqlite(path, { busy_ms = 1 }))
    assert.is_true(other:begin())
    local ok, err = db:create_task { id = "x" }
    assert.is_nil(ok)
    assert.is_true(errors.is("Unavailable", err))
    assert.is_true(errors.transient(err))
    other:create_task { id = "y" }
    assert.equal(0, #db:tasks {})
    assert.is_true(other:commit())
    assert.is_true(db:create_task { id = "x" })
    assert.equal(2, #db:tasks {})
    assert.is_true(db:begin())
    db:create_task { id = "z" }
    assert.is_true(db:rollback())
    assert.equal(2, #db:tasks {})
    db:close()
    other:close()
  end)
end)
