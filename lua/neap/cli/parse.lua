--- Words of a command line → command, options, arguments.
-- lua-argparse does the parsing and the "did you mean"; this module builds its
-- parsers from the command tables, finds where a script's own arguments begin,
-- and turns usage errors into E_USAGE.

local argparse = require "argparse"
local commands = require "neap.cli.commands"
local fault = require "neap.cli.fault"
local globals = require "neap.cli.globals"

local parse = {}

local function add_option(parser, option)
  local names = table.concat(option, " ")
  if not option.arg then
    parser:flag(names, option.doc)
    return
  end
  local made = parser:option(names, option.doc):argname(option.arg)
  if option.choices then
    made:choices(option.choices)
  end
  if option.many then
    made:count "*"
  end
  if option.check then
    made:convert(option.check)
  end
end

local function add_arguments(parser, command)
  for _, argument in ipairs(command.arguments or {}) do
    local made = parser:argument(argument[1]:lower(), argument.doc)
    if argument.many then
      made:args(argument.optional and "*" or "+")
    elseif argument.optional then
      made:args "?"
    end
  end
end

local function add_options(parser, options)
  for _, option in ipairs(options or {}) do
    add_option(parser, option)
  end
end

--- An argparse parser of the whole command line (for completion and for
-- "did you mean" with commands).
function parse.tree()
  local root = argparse("neap"):add_help(false)
  root:command_target "command"
  add_options(root, globals)
  for _, command in ipairs(commands.all()) do
    local names = { command.name, unpack(commands.aliases(command.name)) }
    local sub = root:command(table.concat(names, " "), command.summary)
    sub:add_help(false)
    add_options(sub, command.options)
    add_arguments(sub, command)
  end
  return root
end

local function run_parser(parser, words, help)
  local ok, result = parser:pparse(words)
  if ok then
    return result
  end
  local message = result:gsub("\nDid you mean (.*)%?$", " (did you mean %1?)")
  fault.raise("E_USAGE", { hint = help }, "%s", message)
end

-- Which of these options take a value, by each of their names.
local function value_index(...)
  local index = {}
  for _, list in ipairs { ... } do
    for _, option in ipairs(list) do
      for _, name in ipairs(option) do
        index[name] = option.arg and "value" or "flag"
      end
    end
  end
  return index
end

-- How many words the option at words[i] takes up.
local function option_width(index, word)
  if word:sub(1, 2) == "--" then
    return (not word:find "=" and index[word] == "value") and 2 or 1
  end
  for at = 2, #word do
    if index["-" .. word:sub(at, at)] == "value" then
      return at == #word and 2 or 1
    end
  end
  return 1
end

--- Position of the first word that is neither an option nor its value.
-- @return position (beyond the end if there is none), and whether a "--"
--         stands just before it
function parse.first_argument(words, index)
  local i = 1
  while i <= #words do
    local word = words[i]
    if word == "--" then
      return i + 1, true
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      return i, false
    end
    i = i + option_width(index, word)
  end
  return #words + 1, false
end

local function slice(words, from, to)
  local part = {}
  for i = from, to do
    part[#part + 1] = words[i]
  end
  return part
end

-- Options of a later version are named as such, not as unknown.
local function refuse_later(command, words)
  local later = {}
  for _, name in ipairs(command.later or {}) do
    later[name] = true
  end
  for _, word in ipairs(words) do
    if word == "--" then
      return
    end
    local name = word:match "^(%-%-[^=]+)" or word
    if later[name] then
      fault.raise("E_USAGE", { hint = "neap help " .. command.name },
                  "'neap %s %s' is not in this version of neap",
                  command.name, name)
    end
  end
end

local function wants_help(words)
  for _, word in ipairs(words) do
    if word == "--" then
      return false
    elseif word == "-h" or word == "--help" then
      return true
    end
  end
  return false
end

local function stop_at_argument(words, index)
  local at, dashes = parse.first_argument(words, index)
  local before = slice(words, 1, at - (dashes and 2 or 1))
  return before, slice(words, at, #words)
end

-- Options before the command, the command's name, the rest.
local function split(words)
  local index = value_index(globals)
  local at = parse.first_argument(words, index)
  return slice(words, 1, math.min(at - 1, #words)), words[at],
         slice(words, at + 1, #words)
end

local function unknown_command(word)
  run_parser(parse.tree(), { word }, "neap help lists the commands")
  fault.raise("E_USAGE", nil, "unknown command '%s'", word)
end

local function parser_of(command)
  local parser = argparse("neap " .. command.name):add_help(false)
  add_options(parser, globals)
  add_options(parser, command.options)
  if not command.stop then
    add_arguments(parser, command)
  end
  return parser
end

--- Parse a command line.
-- @param words  list of words after the program's name
-- @return { command=, help=bool, opts={}, rest={} }; command is nil if there
--         is none; opts holds options by long name ("keep_going") and
--         arguments by lower-case name; rest are the words after the stop
function parse.line(words)
  local before, word, after = split(words)
  if not word then
    local root = argparse("neap"):add_help(false)
    add_options(root, globals)
    local opts = run_parser(root, before, "neap help")
    return { help = opts.help, opts = opts, rest = {} }
  end
  local command = commands.find(word) or unknown_command(word)
  local rest = {}
  if command.stop then
    local index = value_index(globals, command.options or {})
    after, rest = stop_at_argument(after, index)
  end
  for i, item in ipairs(before) do
    table.insert(after, i, item)
  end
  if wants_help(after) then
    return { command = command, help = true, opts = {}, rest = rest }
  end
  refuse_later(command, after)
  local opts = run_parser(parser_of(command), after,
                          "neap help " .. command.name)
  return { command = command, opts = opts, rest = rest }
end

return parse
