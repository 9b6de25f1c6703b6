--- The commands, in the order in which help shows them.
-- A command is a table in a file of its own:
--
--   name, aliases, summary        for the list of commands
--   text                          a paragraph for its help
--   arguments                     { { "NAME", optional=, many=, doc= }, … }
--   options                       { { "-k", "--keep", arg=, choices=, many=,
--                                     check=, doc= }, … }
--   later                         options of a later version: { "--x", … }
--   stop                          options end at the first argument
--   examples                      { { "line", "what it does" }, … }
--   main(ctx, opts)               does it; returns the exit code
--
-- Parsing, help, completion and docs/commands.md all come from it.

local commands = {}

commands.names = {
  "run", "ps", "info", "logs", "why", "cancel", "completion", "help",
  "version",
}

--- Load a command.
-- @param name  one of commands.names
function commands.load(name)
  return require("neap.cli.cmd." .. name)
end

--- @return all commands, in order
function commands.all()
  local list = {}
  for i, name in ipairs(commands.names) do
    list[i] = commands.load(name)
  end
  return list
end

local aliases = { ls = "ps", r = "run" }

--- Find a command by its name or alias.
-- @return the command, or nil
function commands.find(word)
  local name = aliases[word] or word
  for _, known in ipairs(commands.names) do
    if known == name then
      return commands.load(name)
    end
  end
  return nil
end

--- @return the aliases of a command, sorted
function commands.aliases(name)
  local list = {}
  for alias, target in pairs(aliases) do
    if target == name then
      list[#list + 1] = alias
    end
  end
  table.sort(list)
  return list
end

return commands
