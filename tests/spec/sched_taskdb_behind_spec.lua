local clock = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local taskdb = require "neap.sched.taskdb"

-- A database of the spec's own that notes what it is told; `answer(name, n)`
-- says how call n goes.
local function noting(time, answer)
  local calls = {}
  local db = setmetatable({}, { __index = function(_, name)
    if name == "begin" or name == "commit" or name == "rollback" then
      return nil
    end
    return function(_, a, b)
      calls[#calls + 1] = { name = name, a = a, b = b, at = time:now() }
      return answer(name, #calls, a)
    end
  end })
  return db, calls
end

local function fine()
  return true
end

describe("taskdb.behind", function()
  local time, logged

  before_each(function()
    time = clock.virtual {}
    logged = {}
  end)

  local function log(level, message)
    logged[#logged + 1] = level .. ": " .. message
  end

  it("writes later, in order", function()
    local db, calls = noting(time, fine)
    local b = taskdb.behind(db, time, log)
    for i = 1, 1000 do
      assert.is_true(b:set_task_uri("t" .. i, i))
    end
    assert.equal(0, #calls)
    assert.equal(1000, b.waiting)
    assert.is_true(b:flush())
    assert.equal(0, b.waiting)
    for i = 1, 1000 do
      assert.equal("set_task_uri", calls[i].name)
      assert.equal("t" .. i, calls[i].a)
      assert.equal(i, calls[i].b)
    end
    assert.equal(0, time:now())
    assert.is_true(b:flush())
    assert.same({}, logged)
  end)

  it("has every method of a database", function()
    local db = taskdb.memory { clock = time }
    local b = taskdb.behind(db, time, log)
    b:create_run { id = "r" }
    b:set_run_attrs("r", "b", { "a" })
    b:keep_run_alive("r", 9)
    b:set_run_complete("r", { trace = "t" })
    b:create_task { id = "t", run_id = "r" }
    b:set_task_uri("t", "u")
    b:set_task_result("t", "d")
    b:set_task_attrs("t", { stdout = "s" })
    b:keep_task_alive("t", 9)
    b:set_task_complete("t", errors.new("Net", "cut"), 5)
    b:start_pool { id = "p" }
    b:start_alloc { id = "a", pool_id = "p" }
    b:set_resources("a", { cpu = 1 })
    b:keep_id_alive("a", 9)
    b:set_end_time("a", 8)
    assert.is_true(b:flush())
    assert.same({}, logged)
    assert.equal(0, b.lost)
    local run, row, alloc = b:runs()[1], b:tasks { run_id = "r" }[1],
      b:allocs()[1]
    assert.same({ "a" }, run.args)
    assert.equal("t", run.trace)
    assert.equal("Net", row.error.kind)
    assert.equal("s", row.stdout)
    assert.equal(8, alloc.end_time)
    assert.equal("p", b:pools()[1].id)
    assert.equal(1, b:scan("stdout", function() end))
  end)

  it("tries again with growing pauses and loses nothing", function()
    local db, calls = noting(time, function(_, n)
      if n > 1 and n <= 6 then
        return nil, errors.new("Unavailable", "locked")
      end
      return true
    end)
    local b = taskdb.behind(db, time, log)
    b:set_task_uri("a", 1)
    b:set_task_uri("b", 2)
    b:set_task_uri("c", 3)
    time:run()
    local order, pauses = {}, {}
    for i, call in ipairs(calls) do
      order[i] = call.a
      pauses[i] = calls[i + 1]
        and math.floor((calls[i + 1].at - call.at) * 1000 + 0.5)
    end
    assert.equal("a b b b b b b c", table.concat(order, " "))
    assert.same({ 0, 100, 200, 400, 800, 1600, 0 }, pauses)
    assert.equal(0, b.lost)
    assert.equal(2, #logged)
    assert.truthy(logged[1]:find("^warn: .*set_task_uri.*locked"))
    assert.truthy(logged[2]:find("^info: .*works again"))
  end)

  it("ends also when the database never works again", function()
    local db, calls = noting(time, function()
      return nil, errors.new("Net", "no route")
    end)
    local b = taskdb.behind(db, time, log, { tries = 5 })
    for i = 1, 100 do
      b:set_task_uri("t" .. i, "u")
    end
    time:run()
    assert.equal(105, #calls)
    assert.equal(100, b.lost)
    assert.equal(0, b.waiting)
    assert.equal(2, #logged)
    assert.truthy(logged[2]:find("^error: .*is lost"))
    local before = #calls
    b:set_task_uri("later", "u")
    time:run()
    assert.equal(before + 1, #calls)
  end)

  it("gives up at once what can never succeed, and goes on", function()
    local db, calls = noting(time, function(_, _, id)
      if id == "bad" then
        return nil, errors.new("Invalid", "no such column")
      end
      return true
    end)
    local b = taskdb.behind(db, time, log)
    for _, id in ipairs { "a", "bad", "bad", "b" } do
      b:set_task_uri(id, "u")
    end
    time:run()
    assert.equal(0, time:now())
    assert.equal(4, #calls)
    assert.equal(2, b.lost)
    assert.equal(1, #logged)
  end)

  it("takes whatever a database does", function()
    local hostile = {
      raises = function() error "boom" end,
      raises_nil = function() error(nil) end,
      returns_nothing = function() end,
      returns_text = function() return nil, "it broke" end,
      returns_false = function() return false, "no" end,
      raises_table = function() error({}) end,
    }
    for name, fn in pairs(hostile) do
      local db = noting(time, fn)
      local b = taskdb.behind(db, time, function()
        error "log is broken"
      end, { tries = 2 })
      b:create_task { id = "x" }
      b:set_task_complete("x")
      time:run()
      assert.equal(0, b.waiting, name)
      assert.equal(name == "returns_nothing" and 0 or 2, b.lost, name)
    end
    local strict = setmetatable({}, { __index = function(_, name)
      error("no field " .. name)
    end })
    for _, db in ipairs { {}, strict } do
      local b = taskdb.behind(db, time, log)
      b:create_task { id = "x" }
      time:run()
      assert.equal(1, b.lost)
    end
  end)

  it("waits for a slow database and not for ever for a hanging one",
    function()
      local slow, calls = noting(time, function()
        time:sleep(3)
        return true
      end)
      local b = taskdb.behind(slow, time, log)
      b:set_task_uri("a", 1)
      b:set_task_uri("b", 2)
      assert.is_true(b:flush())
      assert.equal(6, time:now())
      assert.equal(2, #calls)
      local hanging = noting(time, function()
        time:promise():wait()
      end)
      b = taskdb.behind(hanging, time, log)
      b:set_task_uri("a", 1)
      local ok, err = b:flush(5)
      assert.is_nil(ok)
      assert.is_true(errors.is("Timeout", err))
      assert.equal(11, time:now())
    end)

  it("keeps so many writes and says what it lost", function()
    local db, calls = noting(time, fine)
    local b = taskdb.behind(db, time, log, { capacity = 10 })
    for i = 1, 25 do
      b:set_task_uri("t" .. i, i)
    end
    assert.equal(10, b.waiting)
    assert.equal(15, b.lost)
    assert.equal(1, #logged)
    for i = 26, 29 do
      b:flush()
      b:set_task_uri("t" .. i, i)
    end
    b:flush()
    assert.equal(14, #calls)
    assert.equal("t10", calls[10].a)
    assert.equal("t29", calls[14].a)
  end)

  it("ends a pause to flush, and takes nothing after close", function()
    local broken = true
    local db, calls = noting(time, function()
      if broken then
        return nil, errors.new("Unavailable", "down")
      end
      return true
    end)
    local b = taskdb.behind(db, time, log)
    b:set_task_uri("a", 1)
    time:advance(100)
    local start = time:now()
    broken = false
    assert.is_true(b:flush())
    assert.equal(start, time:now())
    broken = true
    b:set_task_uri("b", 2)
    local ok, err = b:close(1)
    assert.is_nil(ok)
    assert.is_true(errors.is("Timeout", err))
    assert.equal(1, b.lost)
    local before = #calls
    b:set_task_uri("c", 3)
    time:run()
    assert.equal(before, #calls)
    assert.equal(2, b.lost)
  end)

  it("writes many at once to a database that can", function()
    local batches, inside = {}, nil
    local db = { begin = function()
      inside = 0
      return true
    end, commit = function()
      batches[#batches + 1], inside = inside, nil
      return true
    end, rollback = error, set_task_uri = function()
      inside = inside + 1
      return true
    end }
    local b = taskdb.behind(db, time, log)
    for i = 1, 600 do
      b:set_task_uri("t", i)
    end
    time:run()
    assert.same({ 256, 256, 88 }, batches)
  end)

  it("repeats all that a failed commit had", function()
    local fails, written, open = 2, {}, nil
    local db = { begin = function()
      open = {}
      return true
    end, commit = function()
      if fails > 0 then
        fails = fails - 1
        return nil, errors.new("Unavailable", "disk full")
      end
      for _, id in ipairs(open) do
        written[#written + 1] = id
      end
      return true
    end, rollback = function()
      open = nil
      return true
    end, set_task_uri = function(_, id)
      open[#open + 1] = id
      return true
    end }
    local b = taskdb.behind(db, time, log)
    for _, id in ipairs { "a", "b", "c" } do
      b:set_task_uri(id, "u")
    end
    time:run()
    assert.same({ "a", "b", "c" }, written)
    assert.equal(0, b.lost)
  end)

  it("takes no random numbers of the clock", function()
    local function draw(broken)
      local own = clock.virtual { seed = 7 }
      local b = taskdb.behind(noting(own, function()
        if broken then
          return nil, errors.new("Net", "cut")
        end
        return true
      end), own, log)
      b:set_task_uri("a", 1)
      own:run()
      return own:random_digest()
    end
    assert.equal(draw(false), draw(true))
  end)

  it("writes to SQLite while another process holds it for a while",
    function()
      local path = os.tmpname()
      local db = assert(taskdb.sqlite(path, { clock = time, busy_ms = 1 }))
      local other = assert(taskdb.sqlite(path, { clock = time }))
      local b = taskdb.behind(db, time, log)
      other:begin()
      time:after(20, function()
        other:commit()
      end)
      for i = 1, 300 do
        b:create_task { id = "t" .. i, ident = "x" }
      end
      time:run()
      assert.equal(300, #db:tasks { ident = "x" })
      assert.equal(0, b.lost)
      db:close()
      other:close()
      for _, suffix in ipairs { "", "-wal", "-shm" } do
        os.remove(path .. suffix)
      end
    end)
end)
