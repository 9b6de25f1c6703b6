--- ps, info, logs, why and cancel against engines and records.

local cjson = require "cjson"
local cli = require "support.cli"
local lfs = require "lfs"
local schema = require "support.json_schema"

local row = cli.row
local r7 = { id = "r7", script = "flows/wc.lua", state = "running",
             started = 990, args = {}, params = {}, labels = {},
             counts = { running = 1, failed = 1, done = 1 } }
local rows = {
  row { id = "r7.1", started = 995.25, ended = 996, runtime = 0.75, exit = 0 },
  row { id = "r7.2", state = "running", started = 997, alloc = "a1",
        labels = { lane = "L2" } },
  row { id = "r7.3", name = "sum", state = "failed", ended = 999,
        error = { kind = "E_EXIT", message = "task 'sum' exited with 1" } },
}

local function engine(more, page)
  local made = cli.engine({ r7 }, rows, page)
  for key, value in pairs(more or {}) do
    made[key] = value
  end
  return { x = made }
end

local function ids(result)
  return (result.out:gsub("\n", " "))
end

local function check(name, result)
  assert.equal(0, result.code, result.err)
  assert.equal(true, schema.check(name, result.out), result.out)
  return cjson.decode(result.out)
end

describe("neap ps", function()
  it("shows what is alive, then what failed last", function()
    local result = cli.run({ "ps" }, { engines = engine() })
    assert.equal(0, result.code, result.err)
    assert.equal([[
ID    NAME   STATE      ALLOC   TIME  CPU      MEM  LABELS   ERROR
r7.2  count  ▸ running  a1     3.0 s    1  128 MiB  lane=L2
r7.3  sum    ✗ failed                   1  128 MiB           ]]
      .. "task 'sum' exited with 1\n", result.out)
    assert.matches("r7 wc: running for 10 s, 3 tasks", result.err)
  end)

  it("selects by number, name, alloc, state and label", function()
    local cases = {
      { "r7", "r7.1 r7.2 r7.3 " }, { "last", "r7.1 r7.2 r7.3 " },
      { "all", "r7.1 r7.2 r7.3 " }, { "r7.2-3", "r7.2 r7.3 " },
      { "@s*", "r7.3 " }, { "a1", "r7.2 " }, { "@wc", "r7.1 r7.2 r7.3 " },
      { "r7.1,r7.3", "r7.1 r7.3 " },
    }
    for _, case in ipairs(cases) do
      for page = 1, 3 do
        local result = cli.run({ "ps", "-q", case[1] },
                               { engines = engine(nil, page) })
        assert.equal(case[2], ids(result), case[1] .. result.err)
      end
    end
    local function filtered(...)
      return ids(cli.run({ "ps", "-q", ... }, { engines = engine() }))
    end
    assert.equal("r7.1 ", filtered("--state", "done"))
    assert.equal("r7.1 r7.2 r7.3 ", filtered("--state", "all"))
    assert.equal("r7.2 ", filtered("all", "--label", "lane=L2"))
    assert.equal("", filtered("all", "--label", "lane=L3"))
  end)

  it("answers 3 when there is nothing of that name", function()
    for _, text in ipairs { "r9", "r9.1", "r7.99", "@nobody", "a9" } do
      local result = cli.run({ "ps", text }, { engines = engine() })
      assert.equal(3, result.code, text .. result.out)
      assert.matches("nothing is called '" .. text:gsub("%p", "%%%0"),
                     result.err)
    end
    assert.equal(3, cli.run { "ps", "last" }.code)
  end)

  it("prints an empty list when a filter leaves nothing", function()
    local result = cli.run({ "ps", "r7", "--state", "skipped", "--json" },
                           { engines = engine() })
    assert.same({}, check("tasks", result).tasks)
    assert.matches('"tasks":%[%]', result.out)
    local none = cli.run { "ps", "--json" }
    assert.same({}, check("tasks", none).tasks)
    assert.equal("", none.err)
  end)

  it("gives times as RFC 3339 and durations in seconds", function()
    local doc = check("tasks", cli.run({ "ps", "r7", "--json" },
                                       { engines = engine() }))
    assert.equal("1970-01-01T00:16:35.250Z", doc.tasks[1].started)
    assert.equal("1970-01-01T00:16:36.000Z", doc.tasks[1].ended)
    assert.equal(0.75, doc.tasks[1].runtime)
    assert.equal("x", doc.tasks[1].engine)
  end)

  it("has the columns that were asked for", function()
    local result = cli.run({ "ps", "r7.2", "--tsv", "--fields",
                             "id,labels.lane,res.mem,started" },
                           { engines = engine() })
    assert.equal("id\tlabels.lane\tres.mem\tstarted\n"
      .. "r7.2\tL2\t134217728\t1970-01-01T00:16:37.000Z\n", result.out)
    local bad = cli.run({ "ps", "--fields", "nmae" }, { engines = engine() })
    assert.equal(2, bad.code)
    assert.matches("did you mean 'name'", bad.err)
  end)

  it("stops at --limit and says how many more there are", function()
    local result = cli.run({ "ps", "r7", "--limit", "2" },
                           { engines = engine() })
    assert.matches("%(1 more: %-%-limit 0%)", result.err)
    local doc = check("tasks", cli.run({ "ps", "r7", "--limit=2", "--json" },
                                       { engines = engine() }))
    assert.is_true(doc.more)
    assert.equal(2, #doc.tasks)
  end)

  it("shows runs", function()
    local doc = check("runs", cli.run({ "ps", "--runs", "--json" },
                                      { engines = engine() }))
    assert.equal("r7", doc.runs[1].id)
    local result = cli.run({ "ps", "--runs" }, { engines = engine() })
    assert.matches("r7  wc    ▸ running", result.out)
  end)

  it("has a column for the engine when there are several", function()
    local engines = engine()
    engines.y = cli.engine({}, {})
    local result = cli.run({ "ps", "r7" }, { engines = engines })
    assert.matches("STATE      ENGINE", result.out)
    local one = cli.run({ "ps", "r7", "--on", "x" }, { engines = engines })
    assert.is_nil(one.out:find "ENGINE")
  end)

  it("cuts lines to a terminal, and never in a pipe", function()
    local given = { engines = engine(), tty = true, columns = 40,
                    env = { NO_COLOR = "1" } }
    local text = require "neap.cli.text"
    for line in cli.run({ "ps", "r7" }, given).out:gmatch "[^\n]+" do
      assert.is_true(text.width(line) <= 40, line)
    end
    given.tty = false
    assert.matches("exited with 1\n", cli.run({ "ps", "r7" }, given).out)
  end)

  it("ends quietly when nobody reads any more", function()
    local result = cli.run({ "ps" }, { engines = engine(), closed = true })
    assert.equal(0, result.code)
    assert.is_nil(result.err:find "error")
  end)
end)

describe("colour", function()
  local function has_colour(given)
    given.engines = engine()
    local words = { "ps", "r7" }
    if given.flag then
      words[3] = "--color=" .. given.flag
    end
    return cli.run(words, given).out:find "\27%[" ~= nil
  end

  it("is only for terminals, and only when wanted", function()
    assert.is_true(has_colour { tty = true })
    assert.is_false(has_colour { tty = false })
    assert.is_false(has_colour { tty = true, env = { NO_COLOR = "1" } })
    assert.is_true(has_colour { tty = true, env = { NO_COLOR = "" } })
    assert.is_false(has_colour { tty = true, env = { TERM = "dumb" } })
    assert.is_true(has_colour { env = { CLICOLOR_FORCE = "1" } })
    assert.is_false(has_colour { env = { CLICOLOR_FORCE = "0" } })
    assert.is_true(has_colour { flag = "always" })
    assert.is_false(has_colour { flag = "never", tty = true })
  end)
end)

describe("neap info", function()
  local spec = { cmd = { "echo", "a b" }, env = { K = "v" },
                 inputs = { { place = "in/t/x", file = { name = "x",
                   source = "/data/x", size = 2048 } } } }
  local function with_spec()
    return engine { ["GET /v1/tasks/r7.2"] = { task = row { id = "r7.2",
      state = "running", spec = spec, alloc = "a1", started = 997,
      attempts = { { n = 1, alloc = "a1", started = 997 } } } } }
  end

  it("shows a task as a card, its command, variables, inputs", function()
    local function out(...)
      return cli.run({ "info", "r7.2", ... }, { engines = with_spec() }).out
    end
    assert.matches("^r7%.2 count   ▸ running 3%.0 s on a1   attempt 1", out())
    assert.matches("need    1 cpu, 128 MiB", out())
    assert.matches("in      in/t/x ← /data/x", out())
    assert.equal("echo 'a b'\n", out "--cmd")
    assert.equal("K=v\n", out "--env")
    assert.matches("in/t/x  2 KiB  /data/x", out "--inputs")
    assert.matches("r7%.2#1   a1 .* 3 s ago", out "--attempts")
  end)

  it("shows a task and a run as JSON", function()
    local doc = check("task", cli.run({ "info", "r7.2", "--json" },
                                      { engines = with_spec() }))
    assert.equal("echo", doc.task.spec.cmd[1])
    local run = check("run", cli.run({ "info", "r7", "--json" },
                                     { engines = engine() }))
    assert.equal("r7", run.run.id)
  end)

  it("shows an alloc", function()
    local given = { engines = engine { ["GET /v1/allocs"] = { allocs = {
      { id = "a1", pool = "local", node = "n", state = "live", ntasks = 1,
        total = { cpu = 2, mem = 2 ^ 30 }, free = { cpu = 1 }, age = 3,
        tasks = { "r7.2" } } } } } }
    assert.matches("a1 live on n, local", cli.run({ "info", "a1" }, given).out)
    check("alloc", cli.run({ "info", "a1", "--json" }, given))
    assert.equal(3, cli.run({ "info", "a2" }, given).code)
  end)
end)

describe("neap why", function()
  local why = { task = "r7.2", state = "queued", verdict = "capacity",
                since = 12.5, position = 3, ahead = { "r7.1" },
                reasons = { { kind = "capacity", text = "no alloc has it" } },
                allocs = { { id = "a1", fits = false,
                             missing = { mem = 2 ^ 30 } } },
                unblock = { "r7.1 ends" } }

  it("says all that the engine says", function()
    local given = { engines = engine { ["GET /v1/tasks/r7.2/why"] = why } }
    local result = cli.run({ "why", "r7.2" }, given)
    for _, text in ipairs { "verdict: capacity", "no alloc has it", "1 GiB",
                            "r7.1 ends" } do
      assert.matches(text, result.out, 1, true)
    end
    local doc = check("why", cli.run({ "why", "r7.2", "--json" }, given))
    assert.equal(12.5, doc.since)
  end)

  it("adds up the reasons of all engines", function()
    local part = { waiting = 2, reasons = {
      { kind = "deps", count = 2, text = "waits for others" } } }
    local engines = engine { ["GET /v1/why"] = part }
    engines.y = cli.engine({}, {})
    engines.y["GET /v1/why"] = { waiting = 4, reasons = {
      { kind = "deps", count = 1, text = "waits for others" },
      { kind = "capacity", count = 3, text = "no room" } } }
    local doc = check("why_summary", cli.run({ "why", "--summary", "--json" },
                                             { engines = engines }))
    assert.equal(6, doc.waiting)
    assert.same({ 3, 3 }, { doc.reasons[1].count, doc.reasons[2].count })
    local result = cli.run({ "why", "--summary" }, { engines = engines })
    assert.matches("3  capacity  no room", result.out)
  end)

  it("wants a task or --summary, and an engine", function()
    assert.equal(2, cli.run({ "why" }).code)
    assert.equal(2, cli.run({ "why", "r7.2", "--summary" }).code)
    assert.equal(4, cli.run({ "why", "--summary" }).code)
  end)
end)

describe("neap cancel", function()
  local function cancelling()
    local engines = engine()
    local function answer(body)
      local n = #(cjson.decode(body).ids or { 1, 2 })
      return 200, cjson.encode { touched = n }, {}
    end
    engines.x["POST /v1/cancel"] = answer
    engines.x["POST /v1/runs/r7/cancel"] = answer
    return engines
  end

  it("names the tasks that are alive", function()
    local result = cli.run({ "cancel", "r7.1-3", "--reason", "why not" },
                           { engines = cancelling() })
    assert.equal("1 task cancelled\n", result.out)
    local last = result.core.requests[#result.core.requests]
    assert.same({ ids = { "r7.2" }, reason = "why not" },
                cjson.decode(last.body))
  end)

  it("cancels a whole run by one request", function()
    local result = cli.run({ "cancel", "r7", "--json" },
                           { engines = cancelling() })
    assert.equal(2, check("cancel", result).touched)
    local last = result.core.requests[#result.core.requests]
    assert.equal("/v1/runs/r7/cancel", last.path)
    assert.equal("stop", cjson.decode(last.body).mode)
  end)
end)

describe("neap logs", function()
  local function log_engine(text)
    return engine { ["GET /v1/tasks/r7.2/log"] = function(_, path)
      local offset = tonumber(path:match "offset=(%d+)")
      return 200, text:sub(offset + 1, offset + 4),
             { ["X-Neap-Size"] = tostring(#text), ["X-Neap-Done"] = "0" }
    end }
  end

  it("gives the bytes as they are", function()
    local bytes = "a\0b\255\27[2J\nlast"
    local result = cli.run({ "logs", "r7.2" }, { engines = log_engine(bytes) })
    assert.equal(bytes, result.out)
  end)

  it("begins at the last lines when asked", function()
    local result = cli.run({ "logs", "r7.2", "--tail", "2" },
                           { engines = log_engine "one\ntwo\nthree\n" })
    assert.equal("two\nthree\n", result.out)
  end)

  it("follows until the task has ended", function()
    local parts, asked = { "one\n", "one\ntwo\n", "one\ntwo\n" }, 0
    local engines = engine { ["GET /v1/tasks/r7.2/log"] = function(_, path)
      asked = asked + 1
      local text = parts[math.min(asked, #parts)]
      local offset = tonumber(path:match "offset=(%d+)")
      return 200, text:sub(offset + 1),
             { ["X-Neap-Size"] = tostring(#text),
               ["X-Neap-Done"] = asked >= 3 and "1" or "0" }
    end }
    local result = cli.run({ "logs", "-f", "r7.2" }, { engines = engines })
    assert.equal("one\ntwo\n", result.out)
    assert.equal(3, asked)
  end)

  it("shows the candidates of an ambiguous selector", function()
    local result = cli.run({ "logs", "@count" }, { engines = engine() })
    assert.equal(3, result.code)
    assert.matches("ambiguous: 2 tasks\n  r7%.1 count, done\n  r7%.2",
                   result.err)
  end)
end)

describe("without an engine", function()
  local dir, given

  before_each(function()
    dir = os.tmpname()
    os.remove(dir)
    assert(lfs.mkdir(dir))
    assert(lfs.mkdir(dir .. "/runs"))
    local file = assert(io.open(dir .. "/runs/r3.jsonl", "w"))
    local run = { schema = "neap.run/1", id = "r3", script = "x/wc.lua",
                  state = "running", started = 900, counts = {} }
    file:write(cjson.encode(run), "\n")
    file:write(cjson.encode(row { id = "r3.2", run = "r3",
      stdout = { sha256 = ("a"):rep(64), size = 6 } }), "\n")
    file:write(cjson.encode(row { id = "r3.1", state = "failed",
      error = { kind = "E_EXIT", message = "exited with 2" } }), "\n")
    run.state, run.ended, run.counts = "failed", 940, { done = 1, failed = 1 }
    file:write(cjson.encode(run), "\n")
    file:close()
    local object = assert(io.open(dir .. "/object", "w"))
    object:write "hello\n"
    object:close()
    given = { env = { NEAP_STATE = dir },
              list = { [dir .. "/runs"] = { "r3.jsonl", "r1.tmp" } },
              objects = { [("a"):rep(64)] = dir .. "/object" } }
  end)

  after_each(function()
    os.remove(dir .. "/runs/r3.jsonl")
    os.remove(dir .. "/object")
    lfs.rmdir(dir .. "/runs")
    lfs.rmdir(dir)
  end)

  it("ps, info and logs answer from the record", function()
    local ps = cli.run({ "ps" }, given)
    assert.matches("r3.1  count  ✗ failed", ps.out, 1, true)
    assert.matches("no engine is running; the newest run was", ps.err)
    assert.matches("r3 wc: failed 1 m ago, 2 tasks (1 done, 1 failed)",
                   ps.err, 1, true)
    assert.equal("r3.1 r3.2 ", ids(cli.run({ "ps", "last", "-q" }, given)))
    check("tasks", cli.run({ "ps", "r3", "--json" }, given))
    assert.equal("hello\n", cli.run({ "logs", "r3.2" }, given).out)
    assert.equal("", cli.run({ "logs", "r3.1" }, given).out)
    assert.matches("^r3%.1 count", cli.run({ "info", "r3.1" }, given).out)
    assert.matches("^r3 wc: failed", cli.run({ "info", "last" }, given).out)
    assert.matches("it has ended: failed, exited with 2",
                   cli.run({ "why", "r3.1" }, given).out)
  end)

  it("a log that is no longer stored is not found", function()
    given.objects = {}
    local result = cli.run({ "logs", "r3.2" }, given)
    assert.equal(3, result.code)
    assert.matches("no longer in the repository", result.err)
  end)

  it("a run cannot be cancelled", function()
    local result = cli.run({ "cancel", "r3" }, given)
    assert.equal(4, result.code)
    assert.matches("r3 has ended", result.err)
  end)

  it("a record that breaks off is an aborted run", function()
    local file = assert(io.open(dir .. "/runs/r3.jsonl", "w"))
    file:write('{"schema":"neap.run/1","id":"r3","state":"running",',
               '"started":900}\n', '{"id":"r3.1","run":"r3","n":1,"na')
    file:close()
    local doc = check("run", cli.run({ "info", "r3", "--json" }, given))
    assert.equal("aborted", doc.run.state)
    assert.equal("", ids(cli.run({ "ps", "r3", "-q" }, given)))
  end)

  it("a damaged record is named with its line", function()
    local file = assert(io.open(dir .. "/runs/r3.jsonl", "w"))
    file:write('{"schema":"neap.run/1","id":"r3","state":"done",',
               '"started":900}\n', "{broken\n", "{}\n")
    file:close()
    local result = cli.run({ "ps", "r3" }, given)
    assert.equal(1, result.code)
    assert.matches("r3%.jsonl:2 is no JSON", result.err)
  end)
end)

describe("an engine", function()
  it("that is not there is named, with those that are", function()
    local result = cli.run({ "ps", "--on", "hpc" }, { engines = engine() })
    assert.equal(4, result.code)
    assert.matches("no engine 'hpc'", result.err)
    assert.matches("running engines: x", result.err)
    local by_env = cli.run({ "ps" }, { env = { NEAP_ENGINE = "hpc" } })
    assert.equal(4, by_env.code)
  end)

  it("that refuses is quoted", function()
    local engines = engine { ["GET /v1/tasks"] = function()
      return 500, '{"error":{"kind":"E_INTERNAL","message":"on fire"}}', {}
    end }
    local result = cli.run({ "ps", "r7" }, { engines = engines })
    assert.equal(70, result.code)
    assert.matches("on fire", result.err)
  end)

  it("that talks nonsense is a protocol error", function()
    local engines = engine { ["GET /v1/runs"] = function()
      return 200, "<html>", {}
    end }
    local result = cli.run({ "ps" }, { engines = engines })
    assert.equal(4, result.code)
    assert.matches("E_PROTO", result.err)
  end)
end)

describe("errors", function()
  it("are JSON on stderr in JSON mode, with nothing on stdout", function()
    for _, words in ipairs { { "ps", "r9", "--json" }, { "pss", "--json" },
                             { "ps", "--json", "--state", "x" } } do
      local result = cli.run(words, { engines = engine() })
      assert.equal("", result.out)
      assert.equal(true, schema.check("error", result.err), result.err)
    end
  end)

  it("of NEAP_OUTPUT are usage errors", function()
    local result = cli.run({ "ps" }, { env = { NEAP_OUTPUT = "xml" } })
    assert.equal(2, result.code)
    assert.matches("human", result.err)
    assert.equal(2, cli.run({ "ps", "-q", "--json" }).code)
  end)

  it("that are bugs say so", function()
    local engines = engine { ["GET /v1/runs"] = function()
      error "boom"
    end }
    local result = cli.run({ "ps" }, { engines = engines })
    assert.equal(70, result.code)
    assert.matches("E_INTERNAL", result.err)
    assert.is_nil(result.err:find "stack traceback")
    local debugged = cli.run({ "ps", "--debug" }, { engines = engines })
    assert.matches("stack traceback", debugged.err)
  end)
end)
