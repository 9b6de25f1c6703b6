local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("params", function()
  local params

  before_each(function()
    fake_core.install()
    params = require "neap.params"
  end)

  local spec = {
    name = { default = "x", doc = "a name" },
    n = { default = 3, min = 1, max = 9 },
    r = { default = 0.5 }, flag = { default = false },
    mem = { default = "1GiB", type = "size" },
    t = { default = 5, type = "duration" },
    list = { type = "list", default = {} }, mode = { default = "a",
      allowed = { "a", "b" } }, must = { type = "path", required = true },
  }

  local function parse(...)
    params.set_arguments({ ... }, "s.lua")
    return params.declare(spec)
  end

  it("come from defaults and from the command line", function()
    local o = parse("--must=p", "--n", "5", "--flag", "--mem=2MiB", "--t=1m",
      "--list=a,b", "--mode=b", "--name=")
    assert.equal("p", o.must)
    assert.equal(5, o.n)
    assert.is_true(o.flag)
    assert.equal(2 ^ 21, o.mem)
    assert.equal(60, o.t)
    assert.same({ "a", "b" }, o.list)
    assert.equal("", o.name)
    assert.equal(0.5, o.r)
    assert.is_false(parse("--must=p", "--flag=no").flag)
    assert.equal(2 ^ 30, parse("--must", "p").mem)
    assert.equal("p", params.values.must)
  end)

  it("refuse what is wrong, with E_USAGE", function()
    local function bad(part, ...)
      local err = expect.raises("E_USAGE", part, parse, ...)
      assert.truthy(err.hint:find("--help", 1, true))
    end
    bad("--must is required")
    bad("unknown parameter '--nn' (did you mean '--n'?)", "--nn=1")
    bad("--n must be at most 9, not 12", "--must=p", "--n=12")
    bad("--n: expected a whole number; got 'x'", "--must=p", "--n=x")
    bad("--n: expected a whole number; got '1.5'", "--must=p", "--n=1.5")
    bad("--mode must be one of a, b", "--must=p", "--mode=c")
    bad("'1 parsec' is no size", "--must=p", "--mem=1 parsec")
    bad("unexpected argument 'file'", "file")
    bad("--must needs a value", "--must")
    bad("--flag: expected true or false", "--must=p", "--flag=maybe")
  end)

  it("refuse a wrong declaration with E_SPEC", function()
    params.set_arguments({}, "s.lua")
    expect.raises("E_SPEC", "unknown field 'defualt' in parameter 'x' (did you"
      .. " mean 'default'?)", params.declare, { x = { defualt = 1 } })
    expect.raises("E_SPEC", "type of parameter 'x'", params.declare,
      { x = { type = "int" } })
  end)

  it("know only what was declared", function()
    local o = parse "--must=p"
    expect.raises("E_SPEC", "no parameter 'nam' was declared (did you mean"
      .. " 'name'?)", function() return o.nam end)
  end)

  it("come from a file below the command line", function()
    for _, case in ipairs {
      { ".lua", "return { n = 7, mem = 2 * MiB, must = 'f' }" },
      { ".json", '{"n":7,"mem":2097152,"must":"f"}' } } do
      local path = os.tmpname() .. case[1]
      local file = assert(io.open(path, "w"))
      file:write(case[2])
      file:close()
      local o = parse("--params-file", path, "--n=8")
      assert.equal(8, o.n)
      assert.equal(2 ^ 21, o.mem)
      assert.equal("f", o.must)
      os.remove(path)
    end
    expect.raises("E_USAGE", "--params-file", parse, "--params-file=/no/x.json")
    expect.raises("E_USAGE", "Is a directory", parse, "--params-file=/tmp")
  end)

  it("explain themselves", function()
    params.set_arguments({ "--help" }, "s.lua")
    local text = params.help(spec, { name = "string", n = "integer" })
    assert.truthy(text:find("--name=string  a name (default: x)", 1, true))
    assert.truthy(text:find("--n=integer", 1, true))
  end)
end)

describe("config", function()
  local config, dir

  before_each(function()
    fake_core.install()
    config = require "neap.config"
    dir = os.tmpname()
    os.remove(dir)
    os.execute("mkdir -p '" .. dir .. "/neap'")
  end)

  after_each(function()
    os.execute("rm -r '" .. dir .. "'")
  end)

  local function write(text)
    local file = assert(io.open(dir .. "/neap/config.lua", "w"))
    file:write(text)
    file:close()
  end

  local function load(env, flags)
    env = env or {}
    env.XDG_CONFIG_HOME = dir
    return config.load { getenv = function(name) return env[name] end,
                         flags = flags }
  end

  it("merges files, variables and flags, and knows the sources", function()
    write [[return { engine = { max_idle = "5m", cpu = 2 },
      repository = { path = env("MY", "/r"), max = 2 * GiB } }]]
    local c = load({ NEAP_REPO = "/var/r" }, { ["engine.cpu"] = 4 })
    assert.equal(300, c:get "engine.max_idle")
    assert.equal(4, c:get "engine.cpu")
    assert.equal("/var/r", c:get "repository.path")
    assert.equal("flag", c:source "engine.cpu")
    assert.equal("NEAP_REPO", c:source "repository.path")
    assert.equal(dir .. "/neap/config.lua", c:source "engine.max_idle")
    assert.equal(2 ^ 31, c:get "repository.max")
    assert.same({ "engine.cpu", "engine.max_idle", "repository.max",
      "repository.path" }, c:keys())
    expect.raises("E_SPEC", "read-only", function() c:view().x = 1 end)
    assert.equal(4, c:view().engine.cpu)
  end)

  it("has no library in its files", function()
    for _, bad in ipairs { "return { x = os.time() }", "return {", "return 1",
      "return { enginee = {} }", "return { engine = { max_idle = 'soon' } }",
      "return { output = 'xml' }" } do
      write(bad)
      local err = expect.raises("E_USAGE", dir .. "/neap/config.lua", load)
      local _, times = err.message:gsub("config%.lua", "")
      assert.equal(1, times, err.message)
    end
  end)

  it("applies a profile", function()
    write [[return { engine = { cpu = 1 },
      profiles = { big = { engine = { cpu = 8 } } } }]]
    assert.equal(8, load({ NEAP_PROFILE = "big" }):get "engine.cpu")
    assert.equal(1, load({}):get "engine.cpu")
    expect.raises("E_USAGE", "no profile 'bigg' (did you mean 'big'?)", load,
      { NEAP_PROFILE = "bigg" })
  end)
end)
