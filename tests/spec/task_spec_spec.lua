local cjson = require "cjson"
local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("a task's spec", function()
  local fake, neap

  before_each(function()
    fake = fake_core.install()
    fake.files["/home/ada/a b.txt"] = "text\n"
    fake.files["/home/ada/b.txt"] = "more\n"
    neap = require "neap"
  end)

  local function refused(kind, part, spec)
    return expect.raises(kind, part, neap.task, spec)
  end

  it("names the caller's file and line", function()
    local err = expect.raises("E_SPEC", "unknown field 'memm' in task 'x'"
      .. " (did you mean 'mem'?)", function()
      neap.task { name = "x", cmd = "true", memm = "1GiB" } end)
    assert.truthy(err.where:find("task_spec_spec.lua:%d+$"), err.where)
    assert.equal("memm", err.field)
    assert.is_nil(fake.engine.path, "no engine for a wrong spec")
  end)

  it("refuses each wrong field with its name", function()
    local task = { name = "x", cmd = "true" }
    local cases = {
      { "E_SPEC", "cmd of task 'x' is empty", cmd = " " },
      { "E_SPEC", "empty list", cmd = {} },
      { "E_SPEC", "cmd of task 'x' must be", cmd = 12 },
      { "E_UNIT", "mem of task 'x': '12 parsecs' is no size",
        mem = "12 parsecs" },
      { "E_UNIT", "timeout of task 'x': 'soon' is no time", timeout = "soon" },
      { "E_SPEC", "cpu of task 'x'", cpu = "two" },
      { "E_SPEC", "cpu of task 'x'", cpu = 0 },
      { "E_SPEC", "gpu of task 'x'", gpu = -1 },
      { "E_SPEC", "name", name = "no good" },
      { "E_SPEC", "priority", priority = 1.5 },
      { "E_SPEC", "label 'x'", labels = { x = {} } },
      { "E_SPEC", "a label", labels = { ["a b"] = "x" } },
      { "E_SPEC", "logs", logs = "all" },
      { "E_SPEC", "cache", cache = "yes" },
      { "E_SPEC", "shell", shell = {} },
      { "E_SPEC", "where", where = { cpu = 1 } },
      { "E_SPEC", "after", after = { "r1.1" } },
      { "E_SPEC", "env", env = { ["A-B"] = "x" } },
      { "E_SPEC", "retry", retry = { maxx = 1 } },
      { "E_SPEC", "retry.on", retry = { max = 1, on = { "boom" } } },
      { "E_SPEC", "no resource", retry = { max = 1, grow = { ram = 2 } } },
      { "E_SPEC", "a path is written neap.file(path)",
        inputs = { a = "b.txt" } },
      { "E_SPEC", "'disk'", res = { disk = 1 } },
      { "E_SPEC", "not supported by this version: image", image = "oci:x" },
      { "E_SPEC", "not supported by this version: sandbox",
        sandbox = "bwrap" },
      { "E_SPEC", "not supported by this version: net", net = false },
      { "E_SPEC", "not supported by this version: modules",
        modules = { "bwa" } },
      { "E_SPEC", "publish", publish = { nope = "x" } },
    }
    for _, case in ipairs(cases) do
      local spec = {}
      for k, v in pairs(task) do spec[k] = v end
      for k, v in pairs(case) do
        if type(k) == "string" then
          spec[k] = v
        end
      end
      refused(case[1], case[2], spec)
    end
    refused("E_SPEC", "has no cmd", { name = "x" })
  end)

  it("keeps outputs inside of the work directory and apart", function()
    local function with(outputs)
      return { name = "x", cmd = "true", outputs = outputs }
    end
    for _, bad in ipairs { "../x", "/etc/x", "a/../b", "a//b", ".", "" } do
      refused("E_SPEC", "leaves the work directory", with { o = bad })
    end
    refused("E_SPEC", "holds the place of", with { a = "d/", b = "d/x" })
    refused("E_SPEC", "same place", with { a = "x", b = "x" })
    refused("E_SPEC", "same place", with { a = "-", b = "-" })
    refused("E_SPEC", "holds the place of", with { a = "*.txt", b = "x.txt" })
    refused("E_SPEC", "declared twice", with { "a", a = "b" })
    refused("E_SPEC", "used twice", { name = "x", cmd = "true",
      outputs = { a = "x" }, vars = { a = 1 } })
  end)

  -- what the engine gets for a spec
  local function wire(spec)
    local summary = fake_core.run(function() neap.task(spec):try() end)
    assert.is_nil(summary.err and require("neap.errors").format(summary.err))
    return fake.engine.tasks[1].spec
  end

  it("goes over the wire with places and digests", function()
    local got = wire {
      name = "count", cpu = 2, mem = "1GiB", timeout = "2m", priority = 3,
      inputs = { text = neap.file "a b.txt" },
      outputs = { tsv = "t/counts.tsv", dir = "d/", all = "p/*.x", out = "-" },
      vars = { k = 3 }, env = { A = "{{k}}" }, labels = { n = 1 },
      res = { licence_x = 1 }, retry = 2, logs = "failed",
      cmd = "wc {{k}} < {{text}} > {{tsv}} {{dir}} {{all}}",
    }
    assert.equal("wc 3 < 'in/text/a b.txt' > out/t/counts.tsv out/d out/p",
      got.cmd)
    assert.same({ cpu = 2, mem = 2 ^ 30, licence_x = 1 }, got.res)
    assert.equal("in/text/a b.txt", got.inputs[1].place)
    assert.equal("/home/ada/a b.txt", got.inputs[1].file.source)
    assert.equal(64, #got.inputs[1].file.sha256)
    assert.equal("1000000000000000", got.inputs[1].file.mtime_ns)
    assert.same({ A = "3" }, got.env)
    assert.same({ n = "1" }, got.labels)
    assert.same({ max = 2 }, got.retry)
    assert.equal(120, got.timeout)
    assert.equal(3, got.priority)
    assert.equal("failed", got.logs)
    local kinds = {}
    for _, output in ipairs(got.outputs) do
      kinds[output.name] = output.kind .. " " .. output.place
    end
    assert.same({ tsv = "file out/t/counts.tsv", dir = "dir out/d",
      all = "glob out/p/*.x", out = "stdout out/out" }, kinds)
  end)

  it("puts lists into numbered folders and names a bare list", function()
    local got = wire { name = "cat",
      cmd = { "cat", "{{inputs}}", "x{{inputs}}" },
      inputs = { neap.file "b.txt", neap.file "a b.txt" } }
    assert.same({ "cat", "in/inputs/0001/b.txt", "in/inputs/0002/a b.txt",
      "xin/inputs/0001/b.txt in/inputs/0002/a b.txt" }, got.cmd)
    assert.equal(2, #got.inputs)
  end)

  it("sends filesets as directories, stdin as an index", function()
    fake.files["/home/ada/d/x/1.txt"] = "1"
    fake.files["/home/ada/d/2.txt"] = "2"
    local got = wire { name = "ls", cmd = "ls {{d}}", stdin = "say {{v}}\n",
      inputs = { d = neap.dir "d" }, vars = { v = "hi" } }
    assert.equal("ls in/d", got.cmd)
    assert.equal("in/d", got.inputs[1].place)
    assert.equal("2.txt", got.inputs[1].files[1].path)
    assert.equal("x/1.txt", got.inputs[1].files[2].path)
    assert.equal(1, got.stdin)
    local sha = got.inputs[2].file.sha256
    assert.equal("say hi\n", fake.objects[sha])
  end)

  it("accepts empty lists and optional outputs", function()
    local got = wire { name = "x", cmd = "cat {{parts}} .",
      inputs = { parts = {} }, outputs = { o = { "o.txt", optional = true } } }
    assert.equal("cat  .", got.cmd)
    assert.is_nil(got.inputs)
    assert.is_true(got.outputs[1].optional)
  end)

  it("takes its name from the program", function()
    assert.equal("sort", wire({ cmd = { "/usr/bin/sort", "-n" } }).name)
  end)

  it("fills in config.defaults", function()
    local config = require "neap.config"
    config.current():put("defaults", { mem = "2GiB", retry = 1 }, "test")
    local got = wire { name = "x", cmd = "true" }
    assert.equal(2 ^ 31, got.res.mem)
    assert.equal(1, got.retry.max)
  end)

  it("is JSON that cjson reads back", function()
    local got = wire { name = "x", cmd = "printf '%s' \"\\é\n\"" }
    assert.equal("printf '%s' \"\\é\n\"", cjson.decode(cjson.encode(got)).cmd)
  end)
end)
