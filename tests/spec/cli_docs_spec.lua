local commands = require "neap.cli.commands"
local docgen = require "neap.cli.docgen"
local cli = require "support.cli"

local source = os.getenv "NEAP_SOURCE_DIR" or "."

local function each_command(fn)
  for _, command in ipairs(commands.all()) do
    fn(command)
  end
end

describe("docs/commands.md", function()
  it("is what the command tables say", function()
    local file = assert(io.open(source .. "/docs/commands.md", "rb"))
    local text = file:read "*a"
    file:close()
    assert.is_true(text == docgen.text(),
      "stale; see the head of lua/neap/cli/docgen.lua")
  end)
end)

describe("a command", function()
  local keys = { name = 1, summary = 1, text = 1, arguments = 1, options = 1,
                 later = 1, stop = 1, examples = 1, main = 1 }

  it("has a table with known fields", function()
    each_command(function(command)
      for key in pairs(command) do
        assert.is_truthy(keys[key], command.name .. "." .. key)
      end
      assert.is_function(command.main)
      assert.equal(command, commands.find(command.name))
    end)
  end)

  it("documents each option and argument", function()
    each_command(function(command)
      for _, list in ipairs { command.options or {},
                              command.arguments or {} } do
        for _, item in ipairs(list) do
          assert.is_string(item.doc, command.name .. " " .. item[1])
        end
      end
    end)
  end)

  it("shows its help for --help and for help", function()
    each_command(function(command)
      local a = cli.run { command.name, "--help" }
      local b = cli.run { "help", command.name }
      assert.equal(0, a.code)
      assert.equal(a.out, b.out)
      assert.matches("^usage: neap " .. command.name, a.out)
      for line in a.out:gmatch "[^\n]+" do
        assert.is_true(#line <= 84, line)
      end
    end)
  end)
end)

describe("neap", function()
  it("alone prints ten lines with three examples and ends with 2", function()
    local result = cli.run {}
    assert.equal(2, result.code)
    assert.equal("", result.out)
    assert.equal(10, select(2, result.err:gsub("\n", "")))
    assert.equal(3, select(2, result.err:gsub("\n  neap ", "")))
  end)

  it("knows its version", function()
    assert.matches("^neap 0.1.0 ", cli.run({ "--version" }).out)
    assert.equal("0.1.0\n", cli.run({ "version", "-q" }).out)
  end)

  it("has completions that name every command", function()
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      local result = cli.run { "completion", shell }
      assert.equal(0, result.code)
      each_command(function(command)
        assert.matches(command.name, result.out, 1, true)
      end)
    end
    assert.equal(2, cli.run({ "completion", "tcsh" }).code)
  end)

  it("says what was meant by a wrong command", function()
    local result = cli.run { "lgos" }
    assert.equal(2, result.code)
    assert.matches("did you mean 'logs'", result.err)
    assert.equal(2, cli.run({ "help", "lgos" }).code)
  end)
end)
