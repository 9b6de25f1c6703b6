--- docs/commands.md from the command tables:
--
--   LUA_PATH='lua/?.lua;lua/?/init.lua;;' luajit lua/neap/cli/docgen.lua \
--     > docs/commands.md

local commands = require "neap.cli.commands"
local globals = require "neap.cli.globals"
local usage = require "neap.cli.usage"

local docgen = {}

local function escape(s)
  return (s:gsub("|", "\\|"):gsub("<", "&lt;"))
end

local function add_table(lines, head, rows)
  if #rows == 0 then
    return
  end
  lines[#lines + 1] = ("| %s | |"):format(head)
  lines[#lines + 1] = "| --- | --- |"
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("| `%s` | %s |"):format(row[1]:gsub("|", "\\|"),
                                                 escape(row[2]))
  end
  lines[#lines + 1] = ""
end

local function rows_of(list, name)
  local rows = {}
  for i, item in ipairs(list or {}) do
    rows[i] = { name(item), item.doc }
  end
  return rows
end

local function add_command(lines, command)
  lines[#lines + 1] = "## " .. command.name
  lines[#lines + 1] = ""
  lines[#lines + 1] = "    " .. usage.line(command)
  lines[#lines + 1] = ""
  lines[#lines + 1] = command.text or command.summary .. "."
  local aliases = commands.aliases(command.name)
  if #aliases > 0 then
    lines[#lines + 1] = ("Short: `neap %s`."):format(
      table.concat(aliases, "`, `neap "))
  end
  lines[#lines + 1] = ""
  add_table(lines, "argument", rows_of(command.arguments, function(arg)
    return arg[1]
  end))
  add_table(lines, "option", rows_of(command.options, usage.option))
  for _, example in ipairs(command.examples or {}) do
    lines[#lines + 1] = ("    %s    # %s"):format(example[1], example[2])
  end
  if command.examples then
    lines[#lines + 1] = ""
  end
end

local INTRODUCTION = [[
# Commands

<!-- made by lua/neap/cli/docgen.lua from the command tables; do not edit -->

    neap COMMAND [OPTIONS] [ARGUMENTS]

stdout is data, stderr is everything else. Output is for people (default),
JSON (`--json`, one document; schemas in `docs/schema`, stable within a major
version) or ids only (`-q`). In JSON times are RFC 3339 UTC, durations seconds,
sizes bytes, and what is missing is absent; errors are `{"error":{…}}` on
stderr. Tables are cut to the terminal, never in a pipe.
]]

--- The text of docs/commands.md.
function docgen.text()
  local lines = { INTRODUCTION }
  add_table(lines, "everywhere", rows_of(globals, usage.option))
  for _, command in ipairs(commands.all()) do
    add_command(lines, command)
  end
  for _, part in ipairs {
    { "Selectors", usage.selectors }, { "Exit codes", usage.codes },
    { "Variables", usage.variables },
  } do
    lines[#lines + 1] = "## " .. part[1]
    lines[#lines + 1] = ""
    add_table(lines, part[1]:lower(), part[2])
  end
  return (table.concat(lines, "\n"):gsub("\n+$", "\n"))
end

if arg and arg[0] and arg[0]:find "docgen%.lua$" then
  io.write(docgen.text())
end

return docgen
