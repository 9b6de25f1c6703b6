local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("a run", function()
  local fake, neap, errors

  before_each(function()
    fake = fake_core.install()
    neap = require "neap"
    errors = require "neap.errors"
  end)

  -- name -> what the task does; anything else ends well after 1 s
  local function behave(map)
    fake.engine.behave = function(spec, attempt)
      local did = map[spec.name] or {}
      return type(did) == "function" and did(spec, attempt) or did
    end
  end

  local function task(name, spec)
    spec = spec or {}
    spec.name, spec.cmd = name, "x"
    return neap.task(spec)
  end

  local function states()
    local list = {}
    for _, each in ipairs(fake.engine.order) do
      list[#list + 1] = each.spec.name .. "=" .. each.state
    end
    return table.concat(list, " ")
  end

  local function ok(summary)
    assert.is_true(summary.ok, summary.err
      and errors.format(summary.err, { trace = summary.trace }))
    return summary
  end

  it("without tasks needs no engine", function()
    local summary = ok(fake_core.run(function() return 1 end))
    assert.is_nil(fake.engine.path)
    assert.is_nil(summary.run)
    assert.equal(0, summary.code)
  end)

  it("tells a private engine where things are", function()
    ok(fake_core.run(function() task "a" end, { script = "s.lua",
      args = { "x" }, labels = { who = "me" }, engine = { cpu = 1 } }))
    local config = fake.engine.config
    assert.is_true(config.private)
    assert.equal("run-42", config.name)
    assert.equal(1, config.cpu)
    assert.equal("/libexec/neap-agent", config.agent.path)
    assert.truthy(config.lua_path:find("lua$"), config.lua_path)
    assert.same({ script = "s.lua", args = { "x" }, labels = { who = "me" },
      user = "ada", on_error = "finish" }, fake.engine.run)
    assert.is_true(fake.engine.lifeline_closed)
    assert.same({ state = "done" }, fake.engine.end_body)
  end)

  it("waits for all that the script began, and counts", function()
    behave { b = { after = 5 } }
    local summary = ok(fake_core.run(function()
      task "a"
      task("b", { outputs = { "used", "unused",
        none = { "none", optional = true } } })
    end))
    assert.equal(2, summary.tasks)
    assert.equal(2, summary.ran)
    assert.equal("a=done b=done", states())
    assert.same({ { task = "r7.2", output = "unused" },
      { task = "r7.2", output = "used" } }, summary.unused)
    assert.truthy(summary.seconds >= 5)
  end)

  it("knows ids, states, specs and results of its tasks", function()
    behave { a = { stdout = "hi\n", after = 2 } }
    ok(fake_core.run(function()
      local a = task("a", { outputs = { o = "o" }, labels = { k = "v" } })
      local b = task("b", { after = { a }, inputs = { x = a } })
      assert.equal("r7.1", a.id)
      assert.equal("queued", a.state)
      assert.equal("waiting", b.state)
      assert.equal("v", a.spec.labels.k)
      assert.equal("Task(r7.2 b waiting)", tostring(b))
      local res = a:await()
      assert.equal("done", a.state)
      assert.equal("hi\n", res.stdout:read())
      assert.equal("", res.stderr:read())
      assert.equal(2, res.runtime)
      assert.equal("a1", res.alloc)
      assert.equal(0, res.exit)
      assert.is_false(res.cached)
      assert.equal(res, a:await())
      assert.equal("o of r7.1\n", res.out.o:read())
      b:await()
      assert.same({ 1 }, fake.engine.tasks[2].spec.after)
      assert.equal(1, a:attempts()[1].n)
      assert.truthy(tostring(a:why()):find("no room", 1, true))
    end))
  end)

  it("raises failures with everything that is known", function()
    behave { bad = { exit = 3, stderr = "line 1\nline 2\n" } }
    local summary = fake_core.run(function()
      task("bad", { retry = 1 }):await()
    end)
    local err = summary.err
    assert.equal("E_EXIT", err.kind)
    assert.equal("r7.1", err.task)
    assert.equal(3, err.exit)
    assert.equal("task 'bad' (r7.1) exited with 3 on a1 after 1.0 s, attempt 2"
      .. " of 2", err.message)
    assert.truthy(err.where:find("run_spec.lua:%d+$"))
    assert.truthy(errors.format(err):find("  | line 2\n", 1, true))
    assert.equal(1, summary.code)
    assert.equal(1, summary.nfailed)
    assert.equal("r7.1", summary.failed[1].id)
  end)

  it("fails for a failure that nobody saw", function()
    behave { bad = { exit = 1 } }
    local summary = fake_core.run(function() task "good" task "bad" end)
    assert.is_false(summary.ok)
    assert.equal("E_EXIT", summary.err.kind)
    assert.equal("bad", summary.failed[1].name)
    assert.equal("failed", fake.engine.script_ended)
  end)

  it("takes try, settle, any, as_done and pcall as having seen it", function()
    behave { bad = { exit = 1 } }
    local summary = ok(fake_core.run(function()
      assert.is_nil((task "bad":try()))
      assert.is_false((pcall(neap.await, task "bad")))
      assert.is_false(neap.settle({ task "bad" })[1].ok)
      local res, i = neap.any { task "bad", task "good" }
      assert.equal("good", res.task.name)
      assert.equal(2, i)
      for t, r, err in neap.as_done { task "bad", task "good" } do
        assert.equal(t.name == "good", r ~= nil)
        assert.equal(t.name == "bad", err ~= nil)
      end
      local err = expect.raises("E_UPSTREAM", "all of 2 failed", neap.any,
        { task "bad", task "bad" })
      assert.equal(2, #err.errors)
    end))
    assert.equal(7, summary.nfailed)
    assert.same({}, summary.failed)
  end)

  it("skips what depends on a failure, and says why", function()
    behave { build = { exit = 2, stderr = "gcc: no" } }
    local summary = ok(fake_core.run(function()
      local build = task("build", { outputs = { exe = "x" } })
      local test = task("test", { inputs = { exe = build.out.exe } })
      local res, err = test:try()
      assert.is_nil(res)
      assert.equal("E_UPSTREAM", err.kind)
      assert.equal("E_EXIT", err.cause.kind)
      assert.equal("gcc: no", err.cause.stderr_tail)
      assert.equal("skipped", test.state)
    end))
    assert.equal(1, summary.skipped)
  end)

  it("cancels what is queued after an unhandled failure: finish", function()
    behave { bad = { exit = 1, after = 1 }, slow = { after = 5 } }
    local summary = fake_core.run(function()
      task "bad" task "slow" task "later" task "later"
    end)
    -- `later` takes the place of `bad` before anybody can say no
    assert.equal("finish", fake.engine.cancel_mode)
    assert.equal("done", fake.engine.tasks[2].state)
    assert.equal("cancelled", fake.engine.tasks[4].state)
    assert.equal("E_EXIT", summary.err.kind)
  end)

  it("kills what runs when on_error is stop", function()
    behave { bad = { exit = 1 }, slow = { after = 50 } }
    fake_core.run(function() task "bad" task "slow" end, { on_error = "stop" })
    assert.equal("stop", fake.engine.cancel_mode)
    assert.equal("cancelled", fake.engine.tasks[2].state)
  end)

  it("goes on when on_error is continue", function()
    behave { bad = { exit = 1 } }
    local summary = fake_core.run(function()
      local bad = task("bad", { outputs = { o = "o" } })
      task("child", { inputs = { o = bad } })
      task "other"
      error("script", 0)
    end, { on_error = "continue" })
    assert.equal("bad=failed child=skipped other=done", states())
    assert.equal("script", summary.err)
    assert.is_nil(fake.engine.cancel_mode)
  end)

  it("ends what the script began when the script raises", function()
    local summary = fake_core.run(function()
      task "a"
      local x = nil
      return x.field
    end)
    assert.is_false(summary.ok)
    assert.truthy(tostring(summary.err):find("attempt to index", 1, true))
    assert.truthy(summary.trace:find("run_spec.lua", 1, true))
    assert.equal(1, summary.code)
    assert.equal(1, summary.tasks)
  end)

  it("fails when others cancelled what nobody awaited", function()
    local summary = fake_core.run(function()
      task "mine"
      task "theirs"
      neap.spawn(function()
        neap.sleep(0.5)
        fake.engine:_cancel(fake.engine.tasks[2], "somebody asked for it")
      end)
    end)
    assert.is_false(summary.ok)
    assert.equal("E_CANCELLED", summary.err.kind)
    assert.equal("somebody asked for it", summary.err.reason)
    assert.equal(1, summary.code)
  end)

  it("cancels tasks", function()
    behave { slow = { after = math.huge } }
    local summary = ok(fake_core.run(function()
      local slow = task "slow"
      local child = task("child", { after = { slow } })
      neap.sleep(1)
      assert.equal("running", slow.state)
      assert.is_true(slow:cancel "enough")
      local _, err = slow:try()
      assert.equal("E_CANCELLED", err.kind)
      assert.equal("enough", err.reason)
      assert.is_false(slow:cancel())
      local _, skipped = child:try()
      assert.equal("E_UPSTREAM", skipped.kind)
      local early = task "early"
      early:cancel()
      assert.equal("E_CANCELLED", select(2, early:try()).kind)
    end))
    assert.equal(2, summary.cancelled)
  end)

  it("changes and repeats tasks", function()
    ok(fake_core.run(function()
      local a = task "a"
      a:set { priority = 5, labels = { x = 1 } }
      expect.raises("E_SPEC", "unknown field 'cmd'", a.set, a, { cmd = "y" })
      a:await()
      assert.same({ priority = 5, labels = { x = "1" } },
        fake.engine.tasks[1].patch)
      local b = a:retry { mem = "1GiB" }
      b:await()
      assert.equal(2 ^ 30, fake.engine.tasks[2].spec.res.mem)
      assert.equal("a", b.name)
    end))
  end)

  it("shows lines of a running task", function()
    behave { talk = { after = 3 } }
    ok(fake_core.run(function()
      local t = task "talk"
      neap.sleep(1)
      local live = fake.engine.tasks[1]
      live.live = "one\ntw"
      neap.spawn(function()
        neap.sleep(1)
        live.live = "one\ntwo\nthree"
      end)
      assert.same({}, neap.spawn(function()
        local new = task "talk"
        for _ in new:logs { follow = false } do end
        return {}
      end):await())
      local lines = {}
      for line in t:logs { stream = "stdout" } do
        lines[#lines + 1] = line
      end
      assert.same({ "one", "two", "three" }, lines)
      local tail = {}
      for line in t:logs { tail = 1 } do tail[#tail + 1] = line end
      assert.same({ "three" }, tail)
    end))
  end)

  it("saves what is to be published before it ends", function()
    ok(fake_core.run(function()
      task("a", { outputs = { o = "o.txt" }, publish = { o = "res/" } })
    end))
    assert.equal("o of r7.1\n", fake.files["/home/ada/res/o.txt"])
    fake.save_fails = true
  end)

  it("fails when something cannot be published", function()
    fake.save_fails = true
    local summary = fake_core.run(function()
      task("a", { outputs = { o = "o.txt" }, publish = { o = "res/" } })
    end)
    assert.equal("E_TRANSFER", summary.err.kind)
    assert.equal("r7.1", summary.err.task)
  end)

  it("may be left by os.exit; what was begun is waited for", function()
    local summary = fake_core.run(function()
      task "a"
      neap.spawn(function() neap.channel():get() end)
      os.exit(3)
    end)
    assert.equal(3, summary.code)
    assert.equal("a=done", states())
  end)

  it("has a time limit", function()
    behave { slow = { after = 100 } }
    local summary = fake_core.run(function() task "slow":await() end,
      { timeout_s = 5 })
    assert.equal(124, summary.code)
    assert.equal("E_TIMEOUT", summary.err.kind)
    assert.equal("stop", fake.engine.cancel_mode)
  end)

  it("heeds ^C: once to finish, twice to stop", function()
    behave { slow = { after = 10 } }
    local told = {}
    fake.at(3, function() fake.emit { type = "signal", name = "INT" } end)
    local summary = fake_core.run(function()
      local a = task "slow"
      task "slow"
      local c = task "queued"
      a:await()
      assert.equal("E_CANCELLED", select(2, c:try()).kind)
      expect.raises("E_CANCELLED", "interrupted by SIGINT", task, "more")
    end, { signals = true, on_signal = function(name, count)
      told[#told + 1] = name .. count
    end })
    assert.is_true(errors.is(summary.err), tostring(summary.err))
    assert.same({ "INT1" }, told)
    assert.equal(130, summary.code)
    assert.equal("slow=done slow=done queued=cancelled", states())
  end)

  it("heeds ^C twice", function()
    behave { slow = { after = 1000 } }
    fake.at(3, function() fake.emit { type = "signal", name = "INT" } end)
    fake.at(4, function() fake.emit { type = "signal", name = "INT" } end)
    local cleaned
    local summary = fake_core.run(function()
      local ok_, err = pcall(task "slow".await, task "slow")
      cleaned = not ok_ and err.kind
    end, { signals = true })
    assert.equal("E_CANCELLED", cleaned)
    assert.equal(130, summary.code)
    assert.truthy(fake.now < 1010)
  end)

  it("leaves a scope only when all inside has ended", function()
    behave { inner = { after = 3 } }
    ok(fake_core.run(function()
      local value = neap.scope({ labels = { s = "x" }, priority = 2 },
        function()
          task("inner", { priority = 1, labels = { own = "y" } })
          return "v"
        end)
      assert.equal("v", value)
      assert.equal("done", fake.engine.tasks[1].state)
      assert.same({ s = "x", own = "y" }, fake.engine.tasks[1].spec.labels)
      assert.equal(3, fake.engine.tasks[1].spec.priority)
    end))
  end)

  it("confines failures to their scope", function()
    behave { bad = { exit = 1 }, slow = { after = 50 } }
    ok(fake_core.run(function()
      local other = task "other"
      local good, err = pcall(neap.scope, { on_error = "stop" }, function()
        task "slow" task "bad"
      end)
      assert.is_false(good)
      assert.equal("E_EXIT", err.kind)
      other:await()
    end))
    assert.equal("other=done slow=cancelled bad=failed", states())
  end)

  it("limits the time and the tasks of a scope", function()
    behave { slow = { after = 50 } }
    fake.engine.slots = 10
    ok(fake_core.run(function()
      local _, err = pcall(neap.scope, { timeout = 5 }, function()
        task "slow":await()
      end)
      assert.equal("E_TIMEOUT", err.kind)
      local most = 0
      fake.engine.behave = function()
        most = math.max(most, fake.engine.running)
      end
      neap.scope({ max_tasks = 2 }, function()
        for i = 1, 6 do task("t" .. i) end
      end)
      assert.equal(2, most)
    end))
  end)

  it("checks the calls of a def", function()
    local d = neap.def { name = "d", cmd = "x {{a}}", inputs = { "a" } }
    expect.raises("E_SPEC", "input 'a' of task 'd' is missing",
      function() d {} end)
    local err = expect.raises("E_SPEC", "'b' is no input, var or field",
      function() d { b = 1 } end)
    assert.truthy(err.where:find("run_spec.lua:", 1, true))
    assert.equal("d{ a }", tostring(d))
  end)

  it("names the definition and the call when a def's task fails", function()
    behave { d = { exit = 1 } }
    local made_at = expect.here(1)
    local d = neap.def { name = "d", cmd = "x" }
    local called_at
    local summary = fake_core.run(function()
      called_at = expect.here(1)
      d {}
    end)
    assert.equal(made_at, summary.err.where)
    assert.equal(called_at, summary.err.called_from)
    assert.truthy(errors.format(summary.err):find("  --> " .. made_at
      .. "  called from " .. called_at, 1, true))
  end)

  it("lets calls of a def override its fields", function()
    local d = neap.def { name = "d", cmd = "x {{k}} {{res.cpu}}", cpu = 1,
      vars = { k = 1 }, labels = { a = "1" } }
    ok(fake_core.run(function()
      d { k = 2, cpu = 4, labels = { b = "2" } }
      d:with { mem = "1GiB" } {}
      d {}
    end))
    local function spec(n) return fake.engine.tasks[n].spec end
    assert.equal("x 2 4", spec(1).cmd)
    assert.same({ a = "1", b = "2" }, spec(1).labels)
    assert.equal(2 ^ 30, spec(2).res.mem)
    assert.equal("x 1 1", spec(3).cmd)
    assert.equal(1, d.spec.cpu)
  end)
end)
