--- Errors: tables with `kind`, `message`, `hint`, `where`, `task`, `cause`.
--
-- `tostring(err)` is one line. `errors.format(err)` is the long form that a
-- person sees at the end of a run. A *programming* error is raised at once
-- with the file and line of the first caller outside of neap's own modules;
-- the failure of a task carries the place where the task was made.
--
-- For the command line: `errors.is`, `errors.format`, `errors.exit_code`.

local errors = {}

local Error = {}
Error.__index = Error

-- Exit code of the command line by kind; anything else is 1.
local exit_codes = {
  E_USAGE = 2, E_NOENT = 3, E_CONN = 4, E_AUTH = 4, E_PROTO = 4,
  E_READONLY = 4, E_UNSCHEDULABLE = 5, E_INTERNAL = 70,
}

-- "@/usr/share/lua/neap/": the folder of this file, as chunks name it.
local own = debug.getinfo(1, "S").source:match("^(.*)errors%.lua$")

local function is_own(source)
  return source:sub(1, #own) == own
end

-- Source of a chunk → its name in messages; false for our own.
local names = {}

local function name_of(info)
  if is_own(info.source) then
    return false
  elseif not info.source:find("^[@=]") then
    return info.short_src
  end
  return (info.source:gsub("^[@=]", ""):gsub("^%./", ""))
end

--- File and line of the first caller outside of neap, "script.lua:14".
-- @param level  where to begin, default 2: the caller of this function
-- @return the text, or nil when there is none
function errors.caller(level)
  level = level or 2
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then
      return nil
    end
    local line = info.currentline
    local name = line > 0 and names[info.source]
    if name == nil then
      name = name_of(info)
      names[info.source] = name
    end
    if name then
      return name .. ":" .. line
    end
    level = level + 1
  end
end

--- A new error.
-- @param kind     "E_SPEC" …
-- @param message  one sentence with the names and values that help
-- @param fields   more fields: hint, where, task, cause, per kind
function errors.new(kind, message, fields)
  local err = fields or {}
  err.kind, err.message = kind, message
  return setmetatable(err, Error)
end

--- Raise a programming error at the caller's place.
function errors.raise(kind, message, fields)
  local err = errors.new(kind, message, fields)
  err.where = err.where or errors.caller()
  error(err, 0)
end

--- Is `value` an error of neap (of this kind)?
function errors.is(value, kind)
  return getmetatable(value) == Error and (not kind or value.kind == kind)
end

--- What the exit code of a command that ends with `err` should be.
function errors.exit_code(err)
  return errors.is(err) and (err.exit_code or exit_codes[err.kind]) or 1
end

--- What was raised, as something that is true: error(nil) is an error too.
function errors.value(raised)
  return raised or ("%s was raised, without a message"):format(
    tostring(raised))
end

--- The error that a JSON object `{kind, message, hint, …}` describes.
function errors.from_json(object)
  local fields = {}
  for k, v in pairs(object) do
    if type(k) == "string" then
      fields[k] = v
    end
  end
  return errors.new(tostring(object.kind or "E_INTERNAL"),
    tostring(object.message or "no message"), fields)
end

function Error:__tostring()
  local text = self.kind .. ": " .. self.message:gsub("%s*\n%s*", " ")
  if self.where and not self.task then
    text = self.where .. ": " .. text
  end
  return text
end

local function push(lines, prefix, text)
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    lines[#lines + 1] = prefix .. line
  end
end

-- The last lines of stderr: text, or a list of lines.
local function tail_of(err)
  local tail = err.stderr_tail
  if type(tail) == "table" then
    tail = table.concat(tail, "\n")
  end
  return type(tail) == "string" and tail:match("^(.-)\n*$") or ""
end

local function push_context(lines, err)
  if err.where then
    local from = err.called_from
    push(lines, "  --> ", err.where
      .. (from and from ~= err.where and "  called from " .. from or ""))
  end
  local tail = tail_of(err)
  if tail ~= "" then
    push(lines, "  | ", tail)
  end
end

local function push_more(lines, err)
  for _, fiber in ipairs(err.fibers or {}) do
    push(lines, "  ", "fiber " .. fiber.name .. " waits:")
    push(lines, "    ", fiber.traceback)
  end
  if err.task and not err.never_started then
    push(lines, "  ", ("cmd:   neap info %s --cmd        logs: neap logs %s")
      :format(err.task, err.task))
  end
  if err.hint then
    push(lines, "  hint: ", err.hint)
  end
end

local function format_cause(lines, err, seen)
  local cause = err.cause
  if not errors.is(cause) or seen[cause] then
    return
  end
  seen[cause] = true
  push(lines, "  ", "because: " .. cause.kind .. ": " .. cause.message)
  push_context(lines, cause)
  push_more(lines, cause)
  format_cause(lines, cause, seen)
end

-- An error that is no table of ours: Lua's "file:line: message", or a value.
local function format_foreign(value)
  local text = tostring(value)
  local where, message = text:match("^([^\n]-:%d+): (.*)$")
  if type(value) == "table" and type(value.where) == "string" then
    where, message = value.where, text -- an error of neap.sched
  end
  if not where then
    return "error: " .. text
  end
  return "error: " .. message .. "\n  --> " .. where
end

--- The long form, several lines without a newline at the end.
-- @param err   an error of neap or any other value that was raised
-- @param opts  trace = text: traceback to show below
function errors.format(err, opts)
  local text
  if errors.is(err) then
    local lines = {}
    push(lines, "", ("error[%s]: %s"):format(err.kind, err.message))
    push_context(lines, err)
    format_cause(lines, err, { [err] = true })
    push_more(lines, err)
    text = table.concat(lines, "\n")
  else
    text = format_foreign(err)
  end
  if opts and opts.trace then
    text = text .. "\n" .. opts.trace
  end
  return text
end

--- A traceback without the frames of neap's own modules.
-- @param trace  text of debug.traceback
function errors.trim(trace)
  local folder = own:gsub("^@", "")
  local kept = {}
  for line in trace:gmatch("[^\n]+") do
    local foreign = not line:find(folder, 1, true)
      and not line:find("[C]: in", 1, true)
      and not line:find("[builtin", 1, true)
    if foreign and not line:find("^stack traceback") then
      kept[#kept + 1] = line:gsub("^%s+", "  ")
    end
  end
  return table.concat(kept, "\n")
end

return errors
