--- Processes: trees are killed whole, signals mean what they should, nothing
--- outlives its run, and nothing is overcommitted.
local cjson = require "cjson"
local system = require "support.system"

local head = "local neap = require 'neap'\n"

local function alive(pid)
  local stat = system.read("/proc/" .. pid .. "/stat")
  return stat ~= nil and not stat:match("%) Z")
end

describe("processes", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  local function pid_in(name)
    return system.eventually("a pid in " .. name, 20, function()
      return tonumber(system.read(w:path(name)) or "")
    end)
  end

  it("of a task that forks away end with the task", function()
    local r = w:run(head .. ([[
local t = neap.task {
  cmd = "setsid sh -c 'sleep 1000 & echo $! > %s; sleep 1000' "
    .. ">/dev/null 2>&1 & while [ ! -s %s ]; do sleep 0.01; done",
}
t:await()]]):format(w:path "pid", w:path "pid"))
    assert.equal(0, r.code, r.err)
    assert.is_false(alive(pid_in "pid"))
  end)

  it("that ignore TERM are killed at their timeout", function()
    local r = w:run(head .. ([[
local t = neap.task {
  name = "stubborn", timeout = "1s",
  cmd = "trap '' TERM; echo $$ > %s; while :; do sleep 0.2; done",
}
t:await()]]):format(w:path "pid"), nil, { seconds = 90 })
    assert.equal(1, r.code, r.err)
    assert.matches("error%[E_TIMEOUT%]", r.err)
    assert.matches("stubborn", r.err)
    assert.is_false(alive(pid_in "pid"))
  end)

  it("over their memory limit are killed, and the error says so", function()
    local r = w:run(head .. [[
neap.task {
  name = "hungry", mem = "64MiB",
  cmd = "head -c 400000000 /dev/zero | tail -c 390000000 | wc -c; sleep 1",
}:await()]])
    assert.equal(1, r.code, r.err)
    assert.matches("error%[E_OOM%]", r.err)
    assert.matches("64", r.err)
  end)

  it("get more memory at a retry that grows", function()
    local r = w:run(head .. [[
local t = neap.task {
  name = "hungry", mem = "64MiB",
  retry = { max = 3, on = { "oom" }, grow = { mem = 4 }, delay = 0.01 },
  cmd = "head -c 150000000 /dev/zero | tail -c 140000000 | wc -c; sleep 0.5",
}
local res = t:await()
print(res.attempt, res.stdout:read())]])
    assert.equal(0, r.code, r.err)
    assert.matches("^2\t140000000\n", r.out)
  end)

  it("that are all killed leave nothing beyond the next run", function()
    w:start_script(head .. ([[
neap.task { cmd = "echo $$ > %s; exec sleep 1000" }]]):format(w:path "pid"))
    pid_in "pid"
    for _, signal in ipairs { "STOP", "KILL" } do -- none sees another die
      for _, name in ipairs { "neap", "neap-engine", "neap-agent" } do
        assert.equal(1, w:kill(name, signal))
      end
    end
    w:assert_clean()
    local look = "ls %s/run %s/repo/work | grep '^run-' | wc -l"
    local function count()
      local pipe = io.popen(look:format(w.dir, w.dir))
      local n = tonumber(pipe:read "*a")
      pipe:close()
      return n
    end
    assert.equal(3, count()) -- two sockets and a folder
    -- a young socket could be of an engine that is about to listen
    os.execute(("touch -d '1 minute ago' %s/run/*.sock"):format(w.dir))
    local r = w:run(head .. "neap.task { cmd = 'true' }")
    assert.equal(0, r.code, r.err)
    system.eventually("a clean place", 10, function() return count() == 0 end)
  end)

  it("end when the client is killed", function()
    local p = w:start_script(head .. ([[
neap.task { cmd = "echo $$ > %s; exec sleep 1000" }
neap.task { cmd = "setsid -w sh -c 'echo $$ > %s; exec sleep 1000'" }:await()
]]):format(w:path "a", w:path "b"))
    local a, b = pid_in "a", pid_in "b"
    p:signal "KILL"
    system.eventually("no process of a task is left", 20, function()
      return not alive(a) and not alive(b)
    end)
    w:assert_clean()
    local runs = w:path "state/runs/r1.jsonl"
    local text = system.read(runs)
    assert.matches('"aborted"', text)
  end)

  it("end when the engine is killed, and the client says so", function()
    local p = w:start_script(head .. ([[
neap.task { cmd = "echo $$ > %s; exec sleep 1000" }:await()
]]):format(w:path "a"))
    local a = pid_in "a"
    assert.equal(1, w:kill "neap-engine")
    local r = p:wait(30)
    assert.equal(4, r.code, r.err)
    assert.matches("error%[E_CONN%]", r.err)
    system.eventually("no task is left", 20, function()
      return not alive(a)
    end)
  end)

  it("go on when the agent is killed: its tasks run again", function()
    local p = w:start_script(head .. ([[
local t = neap.task {
  cmd = "echo $$ >> %s; while [ ! -e %s ]; do sleep 0.05; done; echo fine",
}
io.write(t:await().stdout:read())]]):format(w:path "pids", w:path "go"))
    local first = pid_in "pids"
    assert.equal(1, w:kill "neap-agent")
    system.eventually("the first attempt is gone", 20, function()
      return not alive(first)
    end)
    system.eventually("a second attempt", 40, function()
      local text = system.read(w:path "pids") or ""
      return select(2, text:gsub("\n", "")) >= 2
    end)
    w:file("go", "")
    local r = p:wait(60)
    assert.equal(0, r.code, r.err)
    assert.equal("fine\n", r.out)
  end)
end)

describe("^C", function()
  local w
  local script = head .. [[
local list = {}
for i = 1, 6 do
  list[i] = neap.task { name = "t" .. i, cmd = "touch run" .. i
    .. "; while [ ! -e $DIR/go ]; do sleep 0.05; done; echo ended",
    env = { DIR = neap.run.params.dir or os.getenv("DIR") } }
end
neap.all(list)]]

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  local function running()
    local doc = w:json { "ps", "--state", "running" }
    return doc and #doc.tasks
  end

  local function start()
    local p = w:start_script(script, { env = { DIR = w.dir } })
    system.eventually("two tasks run", 20, function()
      return running() == 2
    end)
    return p
  end

  it("once: running tasks finish, queued ones are cancelled", function()
    local p = start()
    p:signal "INT"
    system.eventually("the client says so", 10, function()
      return #p:err() > 0 and p:err():lower():find("running", 1, true)
    end)
    assert.equal(2, running())
    w:file("go", "")
    local r = p:wait()
    assert.equal(130, r.code, r.err)
    local text = system.read(w:path "state/runs/r1.jsonl")
    local _, done = text:gsub('"state":"done"', "")
    local _, cancelled = text:gsub('"state":"cancelled"', "")
    assert.equal(2, done, text)
    assert.is_true(cancelled >= 4, text)
  end)

  it("twice: running tasks are killed too", function()
    local p = start()
    p:signal "INT"
    system.eventually("the first is seen", 10, function()
      return p:err():lower():find("running", 1, true)
    end)
    p:signal "INT"
    local r = p:wait(40)
    assert.equal(130, r.code, r.err)
  end)

  it("thrice: out at once", function()
    local p = start()
    system.eventually("the end", 10, function()
      p:signal "INT"
      return p:code()
    end)
    assert.equal(130, p:code())
  end)
end)

describe("tasks of 1 cpu on 2 cpus", function()
  it("overlap in twos, never in threes", function()
    local w = system.world()
    finally(function()
      w:close()
    end)
    local p = w:start_script(head .. ([[
local list = {}
for i = 1, 9 do
  list[i] = neap.task { name = "t", cpu = 1, mem = "32MiB",
    cmd = "sleep 0.15; : " .. i }
end
neap.all(list)
neap.task { name = "last", cmd = "touch %s; while [ ! -e %s ]; do "
  .. "sleep 0.05; done" }:await()]]):format(w:path "ready", w:path "go"),
      { flags = { "--cpu", "2" } })
    system.eventually("nine tasks are over", 40, function()
      return system.read(w:path "ready")
    end)
    local doc = assert(w:json { "ps", "--state", "all" })
    w:file("go", "")
    p:wait()
    local marks = {}
    for _, t in ipairs(doc.tasks) do
      if t.name == "t" then
        marks[#marks + 1] = { t.started, 1 }
        marks[#marks + 1] = { t.ended, -1 }
      end
    end
    assert.equal(18, #marks, cjson.encode(doc))
    table.sort(marks, function(a, b)
      if a[1] ~= b[1] then
        return a[1] < b[1] -- RFC 3339 in UTC sorts as text
      end
      return a[2] < b[2] -- an end before a start of the same millisecond
    end)
    local now, most = 0, 0
    for _, mark in ipairs(marks) do
      now = now + mark[2]
      most = math.max(most, now)
    end
    assert.equal(2, most)
    w:assert_clean()
  end)
end)

describe("100 000 tasks at once", function()
  it("are accepted, start, and can be cancelled", function()
    local w = system.world()
    finally(function()
      w:close()
    end)
    local p = w:start_script(head .. [[
for i = 1, 100000 do
  neap.task { name = "many", cmd = { "/bin/true" }, mem = "1MiB" }
end
neap.log("submitted")]])
    system.eventually("all are known to the engine", 120, function()
      local doc = w:json { "ps", "--runs" }
      local counts = doc and doc.runs and doc.runs[1] and doc.runs[1].counts
      if not counts then
        return false
      end
      local n = 0
      for _, state in ipairs { "waiting", "queued", "staging", "running",
                               "collecting", "done", "failed" } do
        n = n + (counts[state] or 0)
      end
      return n == 100000 and counts.done > 100 and counts.failed == 0
    end)
    p:signal "INT"
    local r = p:wait(60)
    assert.equal(130, r.code, r.err)
    w:assert_clean()
  end)
end)
