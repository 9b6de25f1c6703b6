--- What `neap run` reads and says; the run itself is tested elsewhere.

local cjson = require "cjson"
local cli = require "support.cli"
local errors = require "neap.errors"
local cli_core = require "support.cli_core"
local schema = require "support.json_schema"

local out = require "neap.cli.out"
local progress = require "neap.cli.progress"
local run_end = require "neap.cli.run_end"
local script = require "neap.cli.script"
local text = require "neap.cli.text"

local function write(body)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(body)
  file:close()
  finally(function() os.remove(path) end)
  return path
end

describe("a script", function()
  it("is loaded with its name, so that errors have a place", function()
    local path = write "#!/usr/bin/neap run\nerror('here')"
    local ok, message = pcall((script.load(path)))
    assert.is_false(ok)
    assert.equal(path .. ":2: here", message)
  end)

  it("may be given as text", function()
    assert.equal(3, (script.load(nil, "return 1 + 2"))())
  end)

  it("with a syntax error ends with 2, file and line", function()
    local path = write "local x = 1\nlocal y = = 2\n"
    local result = cli.run { "run", path }
    assert.equal(2, result.code)
    assert.matches("syntax error: unexpected symbol near '='", result.err,
                   1, true)
    assert.matches("--> " .. path .. ":2", result.err, 1, true)
    assert.equal("", result.out)
  end)

  it("that is not there ends with 3", function()
    local result = cli.run { "run", "/nonexistent/x.lua" }
    assert.equal(3, result.code)
    assert.matches("/nonexistent/x.lua", result.err, 1, true)
    assert.equal(3, cli.run({ "run", "/" }).code)
  end)

  it("must be source", function()
    local result = cli.run { "run", write(string.dump(function() end)) }
    assert.equal(2, result.code)
    assert.matches("bytecode", result.err)
  end)

  it("must be named", function()
    assert.equal(2, cli.run({ "run" }).code)
    assert.equal(2, cli.run({ "run", "-k" }).code)
  end)
end)

describe("options of run", function()
  it("that exclude each other are refused", function()
    local path = write ""
    local result = cli.run { "run", "-k", "--fail-fast", path }
    assert.equal(2, result.code)
    assert.matches("exclude each other", result.err)
    assert.equal(2, cli.run({ "run", "--on", "x", "-j2", path }).code)
  end)
end)

local function counts(fields)
  local c = { submitted = 0, queued = 0, running = 0, done = 0, cached = 0,
              failed = 0, cancelled = 0, skipped = 0 }
  for key, value in pairs(fields) do
    c[key] = value
  end
  return c
end

describe("progress", function()
  local state = {
    run = "r1", seconds = 72, allocs = 1,
    counters = {
      total = counts { submitted = 24, running = 2, done = 12, failed = 1,
                       queued = 9 },
      names = { "count", "sum", "rank", "extra", "done" },
      by_name = {
        count = counts { submitted = 17, running = 2, done = 12, failed = 1,
                         queued = 2 },
        sum = counts { submitted = 5, queued = 5 },
        rank = counts { submitted = 1, queued = 1 },
        extra = counts { submitted = 1, queued = 1 },
        done = counts { submitted = 1, done = 1 },
      },
    },
  }

  it("is at most four lines of the width of the screen", function()
    local lines = progress.lines(state, 79)
    assert.same({
      "▸ r1  13/24 tasks, 2 running, 1 failed · 1 alloc · 1 m 12 s",
      "  count ━━━━━━━━━━━━━━━───── 13/17  2 running, 1 failed",
      "  sum   ──────────────────── 0/5",
      "  rank  ──────────────────── 0/1   (and 1 more)",
    }, lines)
    for columns = 1, 80 do
      for _, line in ipairs(progress.lines(state, columns, text.paint)) do
        assert.is_true(text.width(line) <= columns)
      end
    end
  end)

  it("is one line for a log", function()
    assert.equal("r1: 13 of 24 tasks ended, 2 running, 1 failed · 1 m 12 s",
                 progress.summary(state))
  end)

  it("is JSON when asked", function()
    local line = progress.json(state)
    assert.equal(true, schema.check("progress", line))
    assert.equal(5, cjson.decode(line).names.sum.submitted)
  end)
end)

describe("the end of a run", function()
  local function printed(summary, opts)
    local core = cli_core.new()
    local target = out.new(core, opts or {}, function() end)
    run_end.print(target, summary)
    return core.stderr(), core.stdout()
  end

  local function summary(fields)
    local made = { ok = true, code = 0, run = "r1", tasks = 1, ran = 1,
                   cached = 0, skipped = 0, cancelled = 0, nfailed = 0,
                   seconds = 0.12, failed = {}, unused = {} }
    for key, value in pairs(fields) do
      made[key] = value
    end
    return made
  end

  local function failure(n)
    local err = errors.new("E_EXIT", ("task 'x' (r1.%d) exited with 1")
      :format(n), { task = "r1." .. n, where = "x.lua:" .. n,
                    stderr_tail = "oops" })
    return { id = "r1." .. n, name = "x", error = err }
  end

  it("is one line when all is well", function()
    local stderr, stdout = printed(summary {})
    assert.equal("✓ r1 done in 0.1 s: 1 task, 1 ran, 0 cached, 0 failed\n",
                 stderr)
    assert.equal("", stdout)
    assert.equal("", (printed(summary {}, { quiet = true })))
  end)

  it("says nothing of a run that never began", function()
    local made = summary {}
    made.run = nil
    assert.equal("", (printed(made)))
  end)

  it("shows failures in full, and many in short", function()
    local failed = {}
    for n = 1, 20 do
      failed[n] = failure(n)
    end
    local stderr = printed(summary { ok = false, code = 1, tasks = 25,
      nfailed = 20, skipped = 5, failed = failed, err = failed[1].error })
    local _, long = stderr:gsub("  | oops", "")
    assert.equal(3, long)
    assert.matches("error[E_EXIT]: task 'x' (r1.1) exited with 1\n"
      .. "  --> x.lua:1\n  | oops\n", stderr, 1, true)
    assert.matches("also failed: r1.4 x: task 'x' (r1.4)", stderr, 1, true)
    assert.matches("… and 10 more: neap ps r1 --state failed", stderr, 1, true)
    assert.matches("5 skipped because of what failed", stderr, 1, true)
    assert.matches("✗ r1 failed after 0.1 s: 25 tasks, 1 ran, 0 cached, "
      .. "20 failed, 5 skipped\n$", stderr)
  end)

  it("shows what the script raised, be it no error of neap", function()
    local stderr = printed(summary { ok = false, code = 1,
                                     err = "x.lua:3: attempt to index nil" })
    assert.matches("error: attempt to index nil\n  --> x.lua:3", stderr, 1,
                   true)
  end)

  it("names outputs that nobody used", function()
    local stderr = printed(summary {
      unused = { { task = "r1.2", output = "log" } } })
    assert.matches("warning: 1 output of r1 was never used or saved: r1.2 log",
                   stderr, 1, true)
  end)

  it("is an error object in JSON mode", function()
    local one = failure(1)
    local stderr, stdout = printed(summary { ok = false, code = 1,
      failed = { one }, err = one.error }, { json = true })
    assert.equal("", stdout)
    assert.equal(true, schema.check("error", stderr), stderr)
    assert.equal("r1.1", cjson.decode(stderr).error.task)
  end)

  it("says that a run was cancelled", function()
    local stderr = printed(summary { ok = false, code = 130, cancelled = 2 })
    assert.matches("^⊘ r1 cancelled after", stderr)
    assert.matches("2 cancelled\n$", stderr)
  end)
end)

describe("the header of a run", function()
  it("says where it runs", function()
    local session = { run = "r1", private = true }
    local info = { cpu = 2, mem = 2 ^ 34, repo = "/home/ada/.cache/neap/repo" }
    assert.equal("neap 0.1.0 · run r1 · private engine, 2 cpu, 16 GiB"
      .. " · repo ~/.cache/neap/repo",
      run_end.header("0.1.0", session, info, function(name)
        return name == "HOME" and "/home/ada" or nil
      end))
  end)
end)
