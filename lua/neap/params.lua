--- Parameters of a script: declared in a table, given on the command line.
--
-- For the command line:
--   params.set_arguments(list, script)  what stands after the script's name
--   params.values                       what was declared and given, for the run
-- `neap.params` is `params.declare`. With `--help` it prints the help and
-- leaves by `params.exit(0)`, which the command line may replace.

local check = require "neap.check"
local errors = require "neap.errors"
local json = require "neap.json"
local suggest = require "neap.suggest"
local types = require "neap.param_types"
local units = require "neap.units"

local params = { values = {} }

local from_text = types.from_text

local given, script

--- Say what the arguments are; without it, the global `arg` of luajit.
function params.set_arguments(list, name)
  given, script = list, name
end

--- How `--help` leaves.
function params.exit(code)
  os.exit(code)
end

local fields = {
  default = true, type = true, required = true, min = true, max = true,
  allowed = true, doc = true,
}

local function usage(fmt, ...)
  errors.raise("E_USAGE", fmt:format(...), {
    hint = ("see: neap run %s --help"):format(script or "SCRIPT"),
  })
end

local function check_declaration(name, decl)
  local what = ("parameter '%s'"):format(tostring(name))
  check.name(name, "name of a parameter", name)
  check.type(decl, "table", what, name)
  check.fields(decl, fields, what)
  local kind = decl.type or types.guess(decl.default)
  check.one_of(kind, from_text, "type of " .. what, name)
  if decl.allowed then
    check.list(decl.allowed, "allowed of " .. what, name)
  end
  return kind
end

local function check_limits(name, decl, kind, value)
  local number = type(value) == "number"
  local min, max = decl.min, decl.max
  if kind == "size" or kind == "duration" then
    min = min and from_text[kind](min)
    max = max and from_text[kind](max)
  end
  if number and min and value < min then
    usage("--%s must be at least %s, not %s", name, tostring(decl.min),
      units.number(value))
  elseif number and max and value > max then
    usage("--%s must be at most %s, not %s", name, tostring(decl.max),
      units.number(value))
  end
  if not decl.allowed then
    return
  end
  local names = {}
  for i, allowed in ipairs(decl.allowed) do
    if allowed == value then
      return
    end
    names[i] = tostring(allowed)
  end
  usage("--%s must be one of %s, not %s%s", name, table.concat(names, ", "),
    check.show(value), suggest.hint(value, names))
end

local function convert(name, decl, kind, value)
  local out, expected
  if type(value) == "string" then
    out, expected = from_text[kind](value)
  else
    out, expected = types.from_value(kind, value)
  end
  if out == nil then
    usage("--%s: expected %s; got %s", name, expected, check.show(value))
  end
  check_limits(name, decl, kind, out)
  return out
end

local function read_file(path)
  local file, message = io.open(path, "rb")
  if not file then
    usage("--params-file: %s", message)
  end
  local text, problem = file:read("*a")
  file:close()
  if not text then
    usage("--params-file %s: %s", path, problem)
  end
  local values
  if path:find("%.lua$") then
    values, problem = require("neap.config").run(text, path)
  else
    values, problem = json.decode(text)
  end
  if type(values) ~= "table" then
    usage("--params-file %s: %s", path, problem or "it holds no table")
  end
  return values
end

-- Options of the command line: name -> text (or true for a bare flag).
local function parse_arguments(list, kinds)
  local values, file, help, i = {}, nil, false, 1
  while i <= #list do
    local name, text = list[i]:match("^%-%-([%w_.%-]+)=?(.*)$")
    local bare = name and not list[i]:find("=", 1, true)
    if list[i] == "--help" or list[i] == "-h" then
      help = true
    elseif not name then
      usage("unexpected argument %s; parameters are given as --name=value",
        check.show(list[i]))
    elseif name ~= "params-file" and not kinds[name] then
      usage("unknown parameter '--%s'%s", name,
        suggest.hint(name, kinds, "'--%s'"))
    elseif bare and kinds[name] == "boolean" then
      values[name] = "true"
    else
      if bare then
        i = i + 1
        text = list[i]
      end
      if text == nil then
        usage("--%s needs a value", name)
      elseif name == "params-file" then
        file = text
      else
        values[name] = text
      end
    end
    i = i + 1
  end
  return values, file, help
end

local function show_default(value)
  if type(value) == "table" then
    return table.concat(value, ",")
  end
  return tostring(value)
end

--- The text of `--help`.
function params.help(spec, kinds)
  local names, width = {}, 0
  for name, kind in pairs(kinds) do
    names[#names + 1] = name
    width = math.max(width, #name + #kind + 3)
  end
  table.sort(names)
  local lines = { ("parameters of %s:"):format(script or "the script") }
  for _, name in ipairs(names) do
    local decl = spec[name]
    local notes = { decl.doc }
    if decl.required then
      notes[#notes + 1] = "(required)"
    elseif decl.default ~= nil then
      notes[#notes + 1] = ("(default: %s)"):format(show_default(decl.default))
    end
    if decl.allowed then
      notes[#notes + 1] = ("(one of: %s)"):format(show_default(decl.allowed))
    end
    lines[#lines + 1] = ("  %-" .. width .. "s  %s"):format(
      "--" .. name .. "=" .. kinds[name], table.concat(notes, " "))
  end
  return table.concat(lines, "\n") .. "\n"
end

local function pick(name, decl, kind, options, file)
  local value = options[name]
  if value == nil and file then
    value = file[name]
  end
  if value == nil then
    value = decl.default
  end
  if value == nil then
    if decl.required then
      usage("--%s is required%s", name, decl.doc and ": " .. decl.doc or "")
    end
    return nil
  end
  return convert(name, decl, kind, value)
end

--- Declare the script's parameters and return their values.
-- @param spec  map name -> { default=, type=, required=, min=, max=, allowed=,
--              doc= }
-- @return map name -> value; reading a name that was not declared raises
function params.declare(spec)
  check.type(spec, "table", "the spec of neap.params")
  local kinds = {}
  for name, decl in pairs(spec) do
    kinds[name] = check_declaration(name, decl)
  end
  if not given then
    given = rawget(_G, "arg") or {}
    script = script or given[0]
  end
  local options, path, help = parse_arguments(given, kinds)
  if help then
    io.stdout:write(params.help(spec, kinds))
    params.exit(0)
  end
  local file = path and read_file(path)
  for name in pairs(file or {}) do
    if not kinds[name] then
      usage("unknown parameter %s in %s%s", check.show(name), path,
        suggest.hint(name, kinds))
    end
  end
  local values = {}
  for name, decl in pairs(spec) do
    values[name] = pick(name, decl, kinds[name], options, file)
    params.values[name] = values[name]
  end
  return setmetatable(values, { __index = function(_, name)
    if kinds[name] == nil then
      errors.raise("E_SPEC", ("no parameter '%s' was declared%s"):format(
        tostring(name), suggest.hint(name, kinds)), { field = name })
    end
  end })
end

return params
