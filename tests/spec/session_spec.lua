local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("the session", function()
  local fake, neap

  before_each(function()
    fake = fake_core.install()
    neap = require "neap"
  end)

  local function task(name, spec)
    spec = spec or {}
    spec.name, spec.cmd = name, "x"
    return neap.task(spec)
  end

  it("sends the tasks of one tick as one batch", function()
    fake_core.run(function()
      for i = 1, 10 do task("t" .. i) end
    end)
    assert.same({ 10 }, fake.engine.batches)
  end)

  it("sends thousands in batches, parents first", function()
    fake.engine.slots = 1e9
    fake.engine.latency = 0.05
    local summary = fake_core.run(function()
      local last
      for i = 1, 700 do
        local parent = task("p", { outputs = { o = "o" } })
        last = task("c", { inputs = { o = parent.out.o,
          t = neap.text("t", "text " .. i % 7) } })
      end
      last:await()
    end)
    assert.is_true(summary.ok, tostring(summary.err))
    assert.equal(1400, summary.tasks)
    for _, n in ipairs(fake.engine.batches) do
      assert.truthy(n <= 1000)
    end
  end)

  it("sends batches in the script's order, however slow one is", function()
    fake.engine.slots = 1e9
    local posts = 0
    function fake.engine.latency(_method, path)
      posts = posts + (path == "/v1/tasks" and 1 or 0)
      return path == "/v1/tasks" and posts == 1 and 1 or 0.001
    end
    fake_core.run(function()
      for i = 1, 2500 do task("t" .. i) end
    end)
    assert.is_true(#fake.engine.batches >= 3)
    for i, t in ipairs(fake.engine.order) do
      assert.equal(i, t.spec.n)
    end
  end)

  it("refuses a task that no request could hold", function()
    local summary = fake_core.run(function()
      neap.task { name = "huge", cmd = "x", env = { A = ("a"):rep(2 ^ 25) } }
    end)
    assert.equal("E_SPEC", summary.err.kind)
    assert.matches("'huge' %(r%d+%.1%): its description has 32 MiB",
      summary.err.message)
    assert.matches("session_spec.lua", summary.err.where)
  end)

  it("ends a long chain whose first input cannot be read", function()
    fake.hash_delay = 1
    fake.files["/home/ada/in"] = "text"
    local summary = fake_core.run(function()
      local file = neap.file "in"
      for _ = 1, 5000 do
        file = task("link", { inputs = { file }, outputs = { o = "o" } }).out.o
      end
      fake.files["/home/ada/in"] = nil
    end)
    assert.equal("E_NOENT", summary.err.kind)
    assert.equal(1, summary.nfailed)
    assert.equal(4999, summary.skipped)
  end)

  it("hashes a file once for all its tasks", function()
    fake.files["/data/f"] = "x"
    fake.hash_delay = 2
    fake_core.run(function()
      for i = 1, 5 do
        task("t" .. i, { inputs = { f = neap.file "/data/f" } })
      end
    end)
    assert.equal(1, fake.hashes)
  end)

  it("does not hold back tasks that are ready", function()
    fake.files["/data/f"] = "x"
    fake.hash_delay = 10
    local summary = fake_core.run(function()
      local slow = task("slow", { inputs = { f = neap.file "/data/f" },
        outputs = { o = "o" } })
      local child = task("child", { inputs = { o = slow } })
      task "quick":await()
      assert.equal("queued", slow.state)
      assert.truthy(fake.now < 1003)
      child:await()
    end)
    assert.is_true(summary.ok, tostring(summary.err))
    assert.equal("quick", fake.engine.order[1].spec.name)
    assert.equal("slow", fake.engine.order[2].spec.name)
  end)

  it("gives a refused task its error and sends the rest", function()
    fake.engine.check = function(spec)
      return spec.name == "bad" and "cannot be" or nil
    end
    local summary = fake_core.run(function()
      local bad = task("bad", { outputs = { o = "o" } })
      local child = task("child", { inputs = { o = bad } })
      task "good"
      local _, err = bad:try()
      assert.equal("E_SPEC", err.kind)
      assert.truthy(err.message:find("'bad' (r7.1): cannot be", 1, true))
      assert.equal("E_UPSTREAM", select(2, child:try()).kind)
    end)
    assert.is_true(summary.ok, tostring(summary.err))
    assert.equal("done", fake.engine.tasks[3].state)
  end)

  it("takes events up again where the stream broke", function()
    fake.engine.behave = function() return { after = 5 } end
    fake.at(3, function() fake.engine:break_stream() end)
    local summary = fake_core.run(function() task "a":await() end)
    assert.is_true(summary.ok, tostring(summary.err))
    local streams = 0
    for _, line in ipairs(fake.engine.requests) do
      streams = streams + (line:find("^SSE") and 1 or 0)
    end
    assert.equal(2, streams)
    assert.equal("SSE /v1/runs/r7/events?since=1", fake.engine.requests[4])
  end)

  it("fails everything that waits when the engine dies", function()
    fake.engine.behave = function() return { after = 100 } end
    fake.at(3, function() fake.engine:die(139) end)
    local summary = fake_core.run(function()
      local _, err = task "a":try()
      assert.equal("E_CONN", err.kind)
      task "b":await()
    end)
    assert.equal("E_CONN", summary.err.kind)
    assert.equal(4, summary.code)
    assert.truthy(summary.err.message:find("status 139", 1, true))
    assert.same({}, summary.failed)
  end)

  it("says what the engine said when it could not start", function()
    fake.engine.refuse = "the repository is full"
    local summary = fake_core.run(function() task "a" end)
    assert.equal("E_CONN", summary.err.kind)
    assert.truthy(summary.err.message:find("the repository is full", 1, true))
    assert.equal(4, summary.code)
  end)

  it("connects to an engine that is there", function()
    fake.files["/run/user/1000/lab.sock"] = ""
    local summary = fake_core.run(function()
      task("a", { inputs = { t = neap.text("t", "x") } })
    end, { on = "/run/user/1000/lab.sock" })
    assert.is_true(summary.ok, tostring(summary.err))
    assert.equal("/run/user/1000/lab.sock", fake.engine.socket)
    assert.is_nil(fake.engine.path)
    assert.is_nil(fake.engine.lifeline_closed)
  end)

  it("says which engines are running when there is none", function()
    fake.running = { { name = "lab", alive = true }, { name = "old" } }
    local summary = fake_core.run(function() task "a" end, { on = "hpc" })
    assert.equal("E_CONN", summary.err.kind)
    assert.truthy(summary.err.message:find("no engine 'hpc'", 1, true))
    assert.equal("running engines: lab", summary.err.hint)
  end)

  it("refuses an engine of another version", function()
    fake.files["/x/lab.sock"], fake.engine.api = "", 2
    local summary = fake_core.run(function() task "a" end,
      { on = "/x/lab.sock" })
    assert.equal("E_PROTO", summary.err.kind)
  end)

  it("tells who follows it, and counts by name", function()
    local kinds, session = {}, nil
    fake.engine.behave = function(spec)
      return { exit = spec.name == "bad" and 1 or 0 }
    end
    local summary = fake_core.run(function()
      task "a" task "a"
      task "bad":try()
    end, { on_session = function(s)
      session = s
      s:on_event(function(event)
        kinds[event.kind] = (kinds[event.kind] or 0) + 1
        local t = s.counters.total
        assert.equal(t.submitted, t.queued + t.running + t.done + t.failed
          + t.cancelled + t.skipped)
      end)
    end })
    assert.is_true(summary.ok, tostring(summary.err))
    assert.same({ "a", "bad" }, session.counters.names)
    assert.equal(2, session.counters.by_name.a.done)
    assert.equal(1, session.counters.by_name.bad.failed)
    assert.equal(0, session.counters.total.running)
    assert.equal(3, kinds["task.submit"])
    assert.equal(3, kinds["task.start"])
    assert.equal(1, kinds["run.end"])
  end)

  it("on the main thread of stock luajit works the same", function()
    local t = task("a", { outputs = { o = "o" } })
    assert.equal("r7.1", t.id)
    assert.equal("o of r7.1\n", t.out.o:read())
    local got = {}
    local co = coroutine.wrap(function()
      got[1] = task "b":await().task.name
      coroutine.yield()
    end)
    co()
    assert.equal("b", got[1])
    assert.equal("r7", neap.run.id)
    expect.raises("E_SPEC", "the run has begun already", neap.connect, "x")
  end)
end)
