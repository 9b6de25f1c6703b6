--- Help texts from the command tables, for the terminal and as Markdown.

local commands = require "neap.cli.commands"
local globals = require "neap.cli.globals"

local usage = {}

local WIDTH = 78

-- Words of `text` in lines of at most `width`.
local function wrap(text, width)
  local lines, line = {}, nil
  for word in text:gmatch "%S+" do
    if line and #line + 1 + #word > width then
      lines[#lines + 1] = line
      line = word
    else
      line = line and line .. " " .. word or word
    end
  end
  lines[#lines + 1] = line
  return lines
end

--- How an option is written: "-j, --cpu N".
function usage.option(option)
  local text = table.concat(option, ", ")
  return option.arg and text .. " " .. option.arg or text
end

local function argument(arg)
  local text = arg[1] .. (arg.many and "…" or "")
  return arg.optional and "[" .. text .. "]" or text
end

--- One line: "neap ps [OPTIONS] [SELECTOR]".
function usage.line(command)
  local words = { "neap", command.name }
  if command.options and #command.options > 0 then
    words[#words + 1] = "[OPTIONS]"
  end
  for _, arg in ipairs(command.arguments or {}) do
    words[#words + 1] = argument(arg)
  end
  return table.concat(words, " ")
end

-- Rows of two columns; long left cells get a line of their own.
local function two_columns(rows)
  local left = 0
  for _, row in ipairs(rows) do
    if #row[1] <= 32 then
      left = math.max(left, #row[1])
    end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local doc = wrap(row[2], WIDTH - left - 4)
    local first = row[1]
    if #first > left then
      lines[#lines + 1] = "  " .. first
      first = ""
    end
    for i, text in ipairs(doc) do
      local cell = i == 1 and first or ""
      lines[#lines + 1] = ("  %-" .. left .. "s  %s"):format(cell, text)
    end
  end
  return lines
end

local function option_rows(options)
  local rows = {}
  for i, option in ipairs(options) do
    rows[i] = { usage.option(option), option.doc }
  end
  return rows
end

local function argument_rows(command)
  local rows = {}
  for i, arg in ipairs(command.arguments or {}) do
    rows[i] = { arg[1], arg.doc }
  end
  return rows
end

local function append(lines, more, head)
  if #more == 0 then
    return
  end
  if head then
    lines[#lines + 1] = ""
    lines[#lines + 1] = head
  end
  for _, line in ipairs(more) do
    lines[#lines + 1] = line
  end
end

--- The help of a command.
function usage.command(command)
  local lines = { "usage: " .. usage.line(command), "" }
  append(lines, wrap(command.text or command.summary, WIDTH))
  append(lines, two_columns(argument_rows(command)), "arguments:")
  append(lines, two_columns(option_rows(command.options or {})), "options:")
  append(lines, two_columns(option_rows(globals)), "everywhere:")
  append(lines, two_columns(command.examples or {}), "examples:")
  return table.concat(lines, "\n") .. "\n"
end

--- What `neap` alone prints: ten lines with three examples.
function usage.short()
  return [[
neap runs tasks of Lua workflows where they fit.
usage: neap COMMAND [OPTIONS] [ARGUMENTS]

  neap run examples/hello.lua     run a workflow
  neap ps                         what is running, and what failed
  neap logs r7.3 --stderr         what a task said

commands: ]] .. table.concat(commands.names, " ") .. [[


neap help lists the commands, neap help COMMAND explains one.
]]
end

--- What `neap help` prints.
function usage.all()
  local rows = {}
  for i, command in ipairs(commands.all()) do
    rows[i] = { command.name, command.summary }
  end
  local lines = { "usage: neap COMMAND [OPTIONS] [ARGUMENTS]" }
  append(lines, two_columns(rows), "commands:")
  append(lines, two_columns(option_rows(globals)), "everywhere:")
  append(lines, two_columns(usage.selectors), "selectors:")
  append(lines, two_columns(usage.codes), "exit codes:")
  lines[#lines + 1] = ""
  lines[#lines + 1] = "neap help COMMAND explains a command."
  return table.concat(lines, "\n") .. "\n"
end

usage.selectors = {
  { "r7", "a run" },
  { "r7.12", "a task; r7.12#2 its second attempt" },
  { "r7.1-20", "some tasks of a run; r7.1-20:2 every other one" },
  { "r1-5", "some runs" },
  { "a2", "the tasks of an alloc" },
  { "last, all", "the newest run; every run that is known" },
  { "@name", "runs or tasks by name: @bwa* (quote it)" },
  { "X,Y", "both" },
}

usage.codes = {
  { "0", "all that was asked for succeeded" },
  { "1", "the workflow ran and failed" },
  { "2", "wrong usage, or a syntax error in the script" },
  { "3", "not found, or an ambiguous selector" },
  { "4", "cannot connect to the engine, or lost it" },
  { "5", "a task can never run on this machine" },
  { "70", "internal error" },
  { "124", "--timeout was reached" },
  { "130, 143", "ended by SIGINT, SIGTERM" },
}

usage.variables = {
  { "NEAP_ENGINE", "the engine to talk to: a name or the path of a socket" },
  { "NEAP_OUTPUT", "human (default), json or quiet" },
  { "NEAP_REPO", "the repository of files" },
  { "NEAP_STATE", "where runs are recorded" },
  { "NEAP_RUNTIME", "where the sockets of running engines are" },
  { "NO_COLOR", "not empty: no colour" },
  { "CLICOLOR_FORCE", "not empty and not 0: colour also in a pipe" },
}

return usage
