local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("templates", function()
  local fake, neap

  before_each(function()
    fake = fake_core.install()
    neap = require "neap"
  end)

  local function rendered(spec)
    spec.name = spec.name or "t"
    fake_core.run(function() neap.task(spec):try() end)
    return fake.engine.tasks[1].spec.cmd
  end

  it("quote words for the shell where that is needed", function()
    local quote = require("neap.template").quote
    assert.equal("a/b-1.x", quote "a/b-1.x")
    assert.equal("--k=v", quote "--k=v")
    for _, word in ipairs { "", "a b", "x=1", "$HOME", "a\nb", "~", "*", "-e\t",
      "é", "a;b", "'", "it's" } do
      local shell = assert(io.popen("printf %s " .. quote(word)))
      assert.equal(word, shell:read("*a"))
      assert.equal("'", quote(word):sub(1, 1))
      shell:close()
    end
  end)

  it("leave shell and awk syntax alone", function()
    assert.equal("echo ${x} | awk '{print}' {{ }", rendered {
      cmd = "echo ${x} | awk '{print}' {{{{ }" })
  end)

  it("have raw, resources with units, ids, labels and all the rest", function()
    local cmd = rendered { cpu = 2, mem = "1536MiB",
      vars = { opt = "-a -b", list = { "x y", 2 } }, labels = { l = "v w" },
      outputs = { o = "o.txt" },
      cmd = "p {{!opt}} {{opt}} {{list}} {{res.cpu}} {{res.mem}}"
        .. " {{res.mem:GiB}} {{task.id}}"
        .. " {{task.name}} {{run.id}} {{labels.l}} {{tmp}}"
        .. " {{outputs}} {{task.attempt}}" }
    assert.equal("p -a -b '-a -b' 'x y' 2 2 1610612736 1 r7.1 t r7 'v w' tmp"
      .. " out/o.txt \001task.attempt\001", cmd)
  end)

  it("leave a resource that a retry may change to the engine", function()
    assert.equal("x \001res.mem:MiB\001 \001res.mem\001 1", rendered {
      cmd = "x {{res.mem:MiB}} {{res.mem}} {{res.cpu}}",
      retry = { max = 1, on = "oom", grow = { mem = 2 } } })
  end)

  it("say what was meant", function()
    local err = expect.raises("E_TEMPLATE", "'{{txt}}' in task 'count' is no"
      .. " input, output or var (did you mean '{{text}}'?)", function()
      neap.def { name = "count", inputs = { "text" }, cmd = "wc {{txt}}" } end)
    assert.truthy(err.where:find("template_spec.lua:", 1, true))
  end)

  it("refuse what cannot be rendered", function()
    local function bad(part, spec)
      spec.name = "t"
      expect.raises("E_TEMPLATE", part, neap.task, spec)
    end
    bad("{{{{", { cmd = "awk '{{print}' " })
    bad("no unit", { cmd = "x {{res.mem:XB}}" })
    bad("only res", { cmd = "x {{v:MiB}}", vars = { v = 1 } })
    bad("no resource 'gpus'", { cmd = "x {{res.gpus}}" })
    bad("no label 'a'", { cmd = "x {{labels.a}}" })
    bad("stdout", { cmd = "x {{o}}", outputs = { o = "-" } })
    bad("NUL", { cmd = "x \0" })
    bad("env.A", { cmd = "x", env = { A = "{{" } })
  end)
end)
