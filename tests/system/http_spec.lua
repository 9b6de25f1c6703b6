--- The HTTP API of a real engine, over its socket, as docs/design/protocol.md
--- says it.
local http = require "support.http"
local json = require "neap.cli.json"
local json_schema = require "support.json_schema"
local public = require "neap.cli.public"
local system = require "support.system"

-- The owner of the engine: it lives until the file `go` is there.
local owner = [[
local neap = require "neap"
neap.task { name = "first", cmd = "true" }:await()
local function here()
  local f = io.open(os.getenv "GO")
  return f and f:close()
end
while not here() do neap.sleep(0.05) end]]


describe("the HTTP API", function()
  local w, process, client, run

  local function socket_path()
    local pipe = io.popen("ls " .. w.env.NEAP_RUNTIME .. "/*.sock 2>/dev/null")
    local text = pipe:read("*a")
    pipe:close()
    for path in text:gmatch("[^\n]+") do
      if not path:find "%.agent%.sock$" then
        return path
      end
    end
  end

  -- A run of our own; one that is detached outlives its streams.
  local function new_run()
    local r = client:post("/v1/runs", { script = "spec", user = "me",
      detach = true })
    assert.equal(200, r.status, r.body)
    return r.doc.id
  end

  before_each(function()
    w = system.world()
    process = w:start_script(owner, { env = { GO = w:path "go" },
      flags = { "--cpu", "2", "--mem", "4GiB", "--progress", "none" } })
    client = http.new(w, system.eventually("a socket", 20, socket_path))
    system.eventually("the first task is over", 20, function()
      local r = client:get "/v1/tasks?run=r1&state=done"
      return r.status == 200 and #r.doc.tasks == 1
    end)
    run = new_run()
  end)

  after_each(function()
    client:post("/v1/runs/" .. run .. "/cancel", { mode = "stop" })
    client:post("/v1/runs/" .. run .. "/end", { state = "done" })
    w:file("go", "")
    local r = process:wait(60)
    w:assert_clean()
    w:close()
    assert.equal(0, r.code, r.err)
  end)

  local function submit(tasks)
    return client:post("/v1/tasks", { run = run, tasks = tasks })
  end

  local function accepted(tasks)
    local r = submit(tasks)
    assert.equal(200, r.status, r.body)
    assert.equal(#tasks, r.doc.accepted)
  end

  local function spec(n, cmd, more)
    local t = { n = n, name = "t" .. n, cmd = cmd }
    for k, v in pairs(more or {}) do
      t[k] = v
    end
    return t
  end

  local function task(n)
    return client:get(("/v1/tasks/%s.%d"):format(run, n)).doc.task
  end

  local function wait_state(n, state, seconds)
    return system.eventually(("task %d is %s"):format(n, state),
      seconds or 30, function()
        local t = task(n)
        return t.state == state and t
      end)
  end

  local function why(n)
    local r = client:get(("/v1/tasks/%s.%d/why"):format(run, n))
    assert.equal(200, r.status, r.body)
    assert.is_true(json_schema.check("why", r.body))
    return r.doc
  end

  -- Valid as the command line prints it: times as text.
  local function assert_valid(name, doc)
    assert.is_true(json_schema.check(name, json.encode(public.copy(doc))))
  end

  local hold = "while [ ! -e " .. "$FILE" .. " ]; do sleep 0.02; done"

  -- A task that runs until the file `name` is there.
  local function holder(n, name, more)
    more = more or {}
    more.env = { FILE = w:path(name) }
    return spec(n, hold, more)
  end

  local function refused(reply, status, kind, field, index)
    assert.equal(status, reply.status, reply.body)
    assert.equal(kind, reply.doc.error.kind, reply.body)
    assert.equal(field, reply.doc.error.field, reply.body)
    assert.equal(index, reply.doc.error.index, reply.body)
    assert.is_true(json_schema.check("error", reply.body))
    return reply.doc.error.message
  end

  it("tells who it is, only to its user", function()
    local info = client:get("/v1/info").doc
    assert.equal("neap.info/1", info.schema)
    assert.equal(1, info.api)
    assert.is_true(info.private)
    assert.equal(client.socket, info.socket)
    assert.equal(2, info.cpu)
    assert.equal(4 * 2 ^ 30, info.mem)
    assert.matches("^default@", info.policy.pack)
    local pipe = io.popen(("stat -c '%%a' %s %s %s"):format(
      w.env.NEAP_RUNTIME, client.socket,
      (client.socket:gsub("%.sock$", ".agent.sock"))))
    assert.equal("700\n600\n600\n", pipe:read("*a"))
    pipe:close()
    local stats = client:get("/v1/stats").doc
    assert.equal("neap.stats/1", stats.schema)
    assert.equal(1, stats.tasks.done)
  end)

  it("lists runs, tasks and allocs as the schemas say", function()
    accepted { spec(1, "echo hello", { labels = { a = "b" },
                 outputs = { { name = "o", place = "out/o",
                               kind = "stdout" } } }),
               spec(2, "exit 3"), holder(3, "x") }
    wait_state(1, "done")
    local bad = wait_state(2, "failed")
    assert.equal("E_EXIT", bad.error.kind)
    assert.equal(3, bad.error.exit)
    wait_state(3, "running")
    local list = client:get("/v1/tasks?run=" .. run).doc
    assert.equal(3, #list.tasks)
    assert_valid("tasks", list)
    local part = client:get("/v1/tasks?run=" .. run .. "&limit=2").doc
    assert.is_true(part.more)
    local rest = client:get(("/v1/tasks?run=%s&after=%s"):format(run,
      part.tasks[2].id)).doc
    assert.equal(run .. ".3", rest.tasks[1].id)
    assert.is_false(rest.more)
    list = client:get("/v1/tasks?state=failed,running&name=t2").doc
    assert.equal(run .. ".2", list.tasks[1].id)
    local one = client:get("/v1/tasks/" .. run .. ".1").doc
    assert_valid("task", one)
    assert.equal(6, one.task.outputs.o.files[1].size)
    local runs = client:get("/v1/runs").doc
    assert.equal(2, #runs.runs)
    assert_valid("runs", runs)
    local row = client:get("/v1/runs/" .. run).doc
    assert.equal("neap.run/1", row.schema)
    assert.equal(1, row.counts.failed)
    local allocs = client:get("/v1/allocs").doc
    assert.equal(1, #allocs.allocs)
    assert.equal(1, allocs.allocs[1].free.cpu)
    assert_valid("alloc", { schema = "neap.alloc/1", alloc = allocs.allocs[1] })
    local on = client:get("/v1/tasks?state=running&alloc="
      .. allocs.allocs[1].id).doc
    assert.equal(run .. ".3", on.tasks[1].id)
  end)

  it("sends every event once and in order, wherever a stream is cut", function()
    local tasks = {}
    for n = 1, 30 do
      tasks[n] = spec(n, "true", n % 5 == 0 and { after = { n - 1 } } or nil)
    end
    tasks[31] = spec(31, "exit 1", { retry = { max = 1, delay = 0.01 } })
    accepted(tasks)
    wait_state(31, "failed")
    client:post("/v1/runs/" .. run .. "/end", { state = "done" })
    local whole = client:events(run, { since = 0 })
    for i, event in ipairs(whole) do
      assert.equal(i, event.seq)
      assert.equal(i, event.doc.seq)
    end
    local seed = os.time()
    print("# seed " .. seed)
    math.randomseed(seed)
    for round = 1, 4 do
      local got = {}
      repeat
        local bytes = #got < #whole - 12 and math.random(300, 4000) or nil
        local last = #got > 0 and got[#got].seq or 0
        local by_header = round % 2 == 0
        for _, event in ipairs(client:events(run, { bytes = bytes,
          last = by_header and last or nil,
          since = not by_header and last or nil })) do
          got[#got + 1] = event
        end
      until got[#got] and got[#got].doc.kind == "run.end"
      assert.equal(#whole, #got)
      for i, event in ipairs(got) do
        assert.equal(whole[i].text, event.text)
      end
    end
  end)

  it("tells the story of a task and of an alloc in order", function()
    accepted { spec(1, "exit 1", { retry = { max = 1, delay = 0.01 } }) }
    wait_state(1, "failed")
    accepted { holder(2, "x", { res = { cpu = 2 } }) }
    wait_state(2, "running")
    assert.equal(1, w:kill "neap-agent")
    system.eventually("attempt 2", 40, function()
      local t = task(2)
      return t.attempt == 2 and t.state == "running"
    end)
    w:file("x", "")
    wait_state(2, "done")
    client:post("/v1/runs/" .. run .. "/end", { state = "failed" })
    local story = { {}, {}, alloc = {} }
    local all = client:events(run, { since = 0 })
    for _, event in ipairs(all) do
      local doc = event.doc
      local id = doc.task or doc.row and doc.row.n and doc.row.id
      local list = doc.alloc and doc.kind:find "^alloc" and story.alloc
        or id and story[tonumber(id:match "%.(%d+)$")]
      if list then
        list[#list + 1] = doc.kind
      end
    end
    assert.same({ "task.start", "task.retry", "task.start", "task.failed" },
      story[1])
    assert.same({ "task.start", "task.lost", "task.start", "task.done" },
      story[2])
    assert.same({ "alloc.lost", "alloc.request", "alloc.live" }, story.alloc)
    assert.equal("run.end", all[#all].doc.kind)
    assert.equal("failed", all[#all].doc.row.state)
  end)

  it("reads the log of a running task as it grows", function()
    accepted { spec(1, "echo one; while [ ! -e $FILE ]; do sleep 0.02; done; "
      .. "echo two; echo oops >&2", { env = { FILE = w:path "x" } }) }
    local url = ("/v1/tasks/%s.1/log?stream=stdout&offset="):format(run)
    local r = system.eventually("a first line", 20, function()
      local got = client:get(url .. 0)
      return #got.body > 0 and got
    end)
    assert.equal("one\n", r.body)
    assert.equal("0", r.headers["x-neap-done"])
    assert.equal("4", r.headers["x-neap-size"])
    assert.equal("", client:get(url .. 4).body)
    w:file("x", "")
    wait_state(1, "done")
    r = client:get(url .. 4)
    assert.equal("two\n", r.body)
    assert.equal("1", r.headers["x-neap-done"])
    assert.equal("8", r.headers["x-neap-size"])
    assert.equal("oops\n", client:get(("/v1/tasks/%s.1/log?stream=stderr")
      :format(run)).body)
    assert.matches("stdout or stderr", refused(client:get(
      ("/v1/tasks/%s.1/log?stream=x"):format(run)), 400, "E_USAGE"))
    refused(client:get(("/v1/tasks/%s.1/log?attempt=7"):format(run)), 404,
      "E_NOENT")
  end)

  it("changes, explains and cancels what waits", function()
    accepted { holder(1, "x", { res = { cpu = 2 } }) }
    wait_state(1, "running")
    assert.equal("running", why(1).verdict)
    accepted { spec(2, "true", { after = { 1 } }),
               spec(3, "true", { res = { cpu = 2 } }),
               spec(4, "true", { res = { cpu = 2 } }) }
    local answer = why(2)
    assert.equal("deps", answer.verdict)
    assert.equal(run .. ".1 done", answer.unblock[1])
    answer = why(4)
    assert.equal("capacity", answer.verdict)
    assert.equal(2, answer.position)
    assert.equal(run .. ".3", answer.ahead[1])
    assert.equal(2, answer.allocs[1].missing.cpu)
    assert.matches(run .. "%.1 ends", answer.unblock[1])
    local sum = client:get("/v1/why")
    assert.is_true(json_schema.check("why_summary", sum.body))
    assert.equal(3, sum.doc.waiting)
    local path = ("/v1/tasks/%s.4"):format(run)
    local r = client:request("PATCH", path, { priority = -5, timeout = 60,
      labels = { hot = "yes" } })
    assert.equal(200, r.status, r.body)
    assert.equal(-5, r.doc.task.priority)
    assert.equal("yes", r.doc.task.labels.hot)
    assert.equal(1, why(4).position)
    refused(client:request("PATCH", path, { cpu = 3 }), 400, "E_SPEC", "cpu")
    r = client:post("/v1/cancel", { ids = { run .. ".3" }, reason = "why not" })
    assert.equal(1, r.doc.touched)
    assert.equal("why not", task(3).error.reason)
    refused(client:post("/v1/cancel", { ids = { run .. ".4", run .. ".99" } }),
      404, "E_NOENT")
    assert.equal("queued", task(4).state)
    w:file("x", "")
    wait_state(4, "done")
    assert.equal("done", why(4).verdict)
    refused(client:request("PATCH", path, { priority = 1 }), 409, "E_USAGE")
    r = client:post("/v1/runs/" .. run .. "/cancel", { mode = "finish" })
    assert.equal(200, r.status, r.body)
  end)

  it("swaps a good policy, which then decides, no bad one", function()
    accepted { holder(1, "x", { res = { cpu = 2 } }) }
    wait_state(1, "running")
    local r = client:post("/v1/policies/pack/swap", { text = [[
return require "neap.policy".pack "shy" { api = 1,
  cost = function(task, _)
    if task.labels.shy then return nil, "not for the shy" end
    return 0
  end }]] })
    assert.equal(200, r.status, r.body)
    assert.matches("^default@", r.doc.from)
    assert.matches("^shy@", r.doc.to)
    accepted { spec(2, "true", { labels = { shy = "1" } }), spec(3, "true") }
    w:file("x", "")
    wait_state(3, "done")
    assert.equal("queued", task(2).state)
    local answer = system.eventually("the policy is the reason", 20, function()
      local now = why(2)
      return now.verdict == "policy" and now
    end)
    assert.matches("not for the shy", answer.reasons[1].text)
    for _, text in ipairs { "return 7", "return {", "error 'x'",
      "return require 'neap.policy'.pack 'x' { api = 1, cots = 1 }" } do
      refused(client:post("/v1/policies/pack/swap", { text = text }), 400,
        "E_POLICY")
    end
    assert.matches("^shy@", client:get("/v1/info").doc.policy.pack)
    assert.equal("queued", task(2).state)
    r = client:post("/v1/policies/pack/swap", { name = "default" })
    assert.equal(200, r.status, r.body)
    wait_state(2, "done")
    local rows = client:get("/v1/policies").doc.policies
    assert.equal("pack", rows[1].kind)
    assert.matches("^default@", rows[1].name)
  end)

  it("takes lists of pools and facts, and knows its pools", function()
    accepted { spec(1, "true", { pool = { "local" },
      where = { ["cpu.arch"] = { "m68k", "x86_64", "aarch64" } } }) }
    wait_state(1, "done")
    local r = submit { spec(2, "true"), spec(3, "true", {
      pool = { "local", "lokal" } }) }
    local text = refused(r, 400, "E_SPEC", "pool", 1)
    assert.matches("no pool 'lokal'", text)
    assert.matches("known are: 'local'", text)
    accepted { spec(2, "true", { where = { ["cpu.arch"] = { "m68k" } } }),
               spec(3, "true", { res = { cpu = 1, licence_x = 1 } }) }
    local t = wait_state(2, "failed")
    assert.equal("E_UNSCHEDULABLE", t.error.kind)
    t = wait_state(3, "failed")
    assert.equal("E_UNSCHEDULABLE", t.error.kind)
    assert.matches("licence_x", t.error.message)
  end)

  it("says what is wrong with a request, and does nothing", function()
    local text = refused(client:post("/v1/tasks", '{"run":"r1",\n "tasks":[,'),
      400, "E_PROTO")
    assert.matches("line 2", text)
    refused(submit { spec(1, "true"), spec(2, "true", { cmdd = "x" }) }, 400,
      "E_SPEC", "cmdd", 1)
    refused(submit { spec(1, "true", { priority = "high" }) }, 400, "E_SPEC",
      "priority", 0)
    refused(submit { spec(1, "true"), spec(1, "true") }, 400, "E_SPEC", "n", 1)
    refused(submit { spec(1, "true", { after = { 9 } }) }, 400, "E_SPEC",
      "after", 0)
    refused(client:post("/v1/tasks", { run = "r99", tasks = { spec(1, "x") } }),
      404, "E_NOENT")
    refused(client:get "/v1/runs/r99", 404, "E_NOENT")
    refused(client:get "/v1/tasks/r1.99", 404, "E_NOENT")
    refused(client:get "/v1/nothing", 404, "E_PROTO")
    refused(client:post("/v1/runs", { script = 7 }), 400, "E_SPEC", "script")
    local big = client:post("/v1/tasks", ("x"):rep(65 * 2 ^ 20))
    assert.equal(413, big.status)
    assert.equal(0, #client:get("/v1/tasks?run=" .. run).doc.tasks)
  end)
end)
