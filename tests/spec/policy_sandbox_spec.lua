local sandbox = require "neap.policy.sandbox"

describe("neap.policy.sandbox", function()
  local env
  before_each(function()
    env = sandbox.environment(function(name) return name end)
  end)

  local function run(text)
    return pcall(assert(load(text, "=p", "t", env)))
  end

  it("gives what a policy needs", function()
    local ok, value = run "return math.max(1, bit.bor(1, 2)) + #('x'):upper()"
    assert.is_true(ok)
    assert.equal(4, value)
    assert.equal("x", select(2, run "return require 'x'"))
  end)

  for _, name in ipairs { "io", "os", "ffi", "jit", "debug", "load",
    "loadstring", "dofile", "package", "coroutine", "setfenv", "getfenv",
    "collectgarbage", "newproxy", "xpcall", "print", "_G" } do
    it("has no " .. name, function()
      local ok, text = run("return " .. name)
      assert.is_false(ok)
      assert.truthy(text:find("there is no global '" .. name .. "'", 1, true))
    end)
  end

  it("has no globals of its own", function()
    local ok, text = run "x = 1"
    assert.is_false(ok)
    assert.truthy(text:find("write 'local x'", 1, true))
  end)

  it("keeps one policy's tables from another", function()
    assert.is_true((run "math.max = nil"))
    assert.is_function(math.max)
    assert.is_function(sandbox.environment(print).math.max)
  end)

  it("finds wrong globals without running the file", function()
    local chunk = load("local f = ipair\n"
      .. "local function g()\n  n = 1\n"
      .. "  return function() return os.time(f) end\nend\nreturn g", "@p.lua",
      "t", env)
    assert.same({
      "p.lua:1: there is no global 'ipair' in a policy (did you mean "
        .. "'ipairs'?)",
      "p.lua:3: a policy has no globals: write 'local n'",
      "p.lua:4: there is no global 'os' in a policy",
    }, sandbox.lint(chunk, env))
  end)
end)
