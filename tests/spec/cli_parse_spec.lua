local errors = require "neap.errors"
local parse = require "neap.cli.parse"

local function line(...)
  return parse.line { ... }
end

local function failure(...)
  local ok, err = pcall(parse.line, { ... })
  assert.is_false(ok)
  assert.is_true(errors.is(err, "E_USAGE"), tostring(err))
  return err.message
end

describe("the command line", function()
  it("takes options of a command and of all commands in any order", function()
    local a = line("--json", "ps", "r7", "--state", "failed,done")
    assert.equal("ps", a.command.name)
    assert.is_true(a.opts.json)
    assert.equal("r7", a.opts.selector)
    assert.same({ failed = true, done = true }, a.opts.state)
    local b = line("ps", "--state=failed", "--json", "r7")
    assert.same({ failed = true }, b.opts.state)
    assert.equal("r7", b.opts.selector)
  end)

  it("knows aliases", function()
    assert.equal("ps", line("ls").command.name)
    assert.equal("run", line("r", "x.lua").command.name)
  end)

  it("leaves a script's own words alone", function()
    local cases = {
      { { "run", "x.lua", "--json", "-k" }, { "x.lua", "--json", "-k" } },
      { { "run", "-k", "x.lua", "--help" }, { "x.lua", "--help" } },
      { { "run", "--cpu", "2", "x.lua", "a" }, { "x.lua", "a" } },
      { { "run", "--cpu=2", "x.lua" }, { "x.lua" } },
      { { "run", "-j2", "x.lua" }, { "x.lua" } },
      { { "run", "-kj", "2", "x.lua", "-j", "9" }, { "x.lua", "-j", "9" } },
      { { "run", "-k", "--", "-x.lua", "--", "b" }, { "-x.lua", "--", "b" } },
      { { "run", "-", "--a=1" }, { "-", "--a=1" } },
      { { "run", "--detached.lua" }, nil },
    }
    for _, case in ipairs(cases) do
      if case[2] then
        local text = table.concat(case[1], " ")
        assert.same(case[2], parse.line(case[1]).rest, text)
      else
        failure(unpack(case[1]))
      end
    end
    local one = line("run", "-k", "-j", "2", "x.lua", "--cpu=9")
    assert.is_true(one.opts.keep_going)
    assert.equal(2, one.opts.cpu)
  end)

  it("asks for help only before a script's name", function()
    assert.is_true(line("run", "--help").help)
    assert.is_true(line("logs", "-h").help)
    assert.is_nil(line("run", "x.lua", "--help").help)
    assert.is_nil(line("ps", "--", "--help").help)
  end)

  it("has no command when there is none", function()
    assert.is_nil(line().command)
    assert.is_nil(line("--json").command)
  end)

  it("says what was meant", function()
    assert.matches("did you mean '%-%-state'", failure("ps", "--sate", "x"))
    assert.matches("did you mean 'ps'", failure("pss"))
    assert.matches("unknown state 'foo'", failure("ps", "--state", "foo"))
    assert.matches("xyzzy", failure("xyzzy"))
    assert.matches("must be one of", failure("run", "--progress=x", "a.lua"))
    assert.matches("is no size", failure("run", "--mem=3 parsec", "a.lua"))
    assert.matches("is no label", failure("run", "--label", "x", "a.lua"))
    assert.matches("selector", failure("logs"))
    assert.matches("too many", failure("ps", "r1", "r2"))
  end)

  it("names options of a later version as such", function()
    for _, word in ipairs { "-n", "--detach", "--no-cache", "--until=x" } do
      assert.matches("not in this version", failure("run", word, "a.lua"))
    end
    assert.equal(2, #line("run", "a.lua", "--detach").rest)
  end)

  it("reads sizes and times in options", function()
    local one = line("run", "--mem", "4GiB", "--timeout", "1m30s", "a.lua")
    assert.equal(4 * 2 ^ 30, one.opts.mem)
    assert.equal(90, one.opts.timeout)
  end)
end)
