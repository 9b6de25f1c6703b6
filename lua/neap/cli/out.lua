--- Where output goes: stdout is data, stderr is everything else.
-- One object per command line knows the mode (human, json, quiet), the
-- colours and the width.

local errors = require "neap.errors"
local fault = require "neap.cli.fault"
local grid = require "neap.cli.grid"
local json = require "neap.cli.json"
local public = require "neap.cli.public"
local text = require "neap.cli.text"

local out = {}
out.__index = out

-- Raised when stdout is closed (`neap ps | head`); ends the command quietly.
out.closed = setmetatable({}, { __tostring = function()
  return "stdout is closed"
end })

local FLUSH_BYTES = 65536

local function mode_of(opts, env)
  if opts.json and opts.quiet then
    fault.raise("E_USAGE", nil, "--json and --quiet exclude each other")
  elseif opts.json then
    return "json"
  elseif opts.quiet then
    return "quiet"
  end
  local name = env("NEAP_OUTPUT") or ""
  if name == "" or name == "human" then
    return "human"
  elseif name == "json" or name == "quiet" then
    return name
  end
  fault.raise("E_USAGE", nil,
    "NEAP_OUTPUT is '%s'; it may be human, json or quiet", name)
end

local function is_set(value)
  return value ~= nil and value ~= ""
end

--- Is colour wanted on a stream?
-- @param when  --color, or nil
-- @param tty   is it a terminal
function out.wants_colour(when, tty, env)
  if when == "always" or when == "never" then
    return when == "always"
  elseif is_set(env "NO_COLOR") then
    return false
  elseif is_set(env "CLICOLOR_FORCE") and env "CLICOLOR_FORCE" ~= "0" then
    return true
  end
  return tty and env "TERM" ~= "dumb"
end

--- @param core  isatty, columns, output (neap.core)
-- @param opts  json, quiet, color, debug
-- @param env   function(name) → value or nil; default os.getenv
function out.new(core, opts, env)
  env = env or os.getenv
  local self = setmetatable({ core = core, parts = {}, bytes = 0 }, out)
  self.mode = mode_of(opts, env)
  self.debug = opts.debug
  self.colour = {}
  for fd = 1, 2 do
    self.colour[fd] = out.wants_colour(opts.color, core.isatty(fd), env)
  end
  return self
end

--- `s` in `colour` if stream `fd` (default 1) shows colours.
function out:paint(colour, s, fd)
  return self.colour[fd or 1] and text.paint(colour, s) or s
end

--- Columns of the terminal on stdout; nil in a pipe: never cut there.
function out:width()
  return self.core.isatty(1) and self.core.columns(1) or nil
end

--- Data, as it is. Raises out.closed when nobody reads any more.
function out:write(data)
  self.parts[#self.parts + 1] = data
  self.bytes = self.bytes + #data
  if self.bytes >= FLUSH_BYTES then
    self:flush()
  end
end

function out:line(data)
  self:write(data .. "\n")
end

function out:flush()
  if self.bytes == 0 then
    return
  end
  local data = table.concat(self.parts)
  self.parts, self.bytes = {}, 0
  local ok, message, code = self.core.output(1, data)
  if not ok then
    if code == "Net" then
      error(out.closed, 0)
    end
    fault.raise("E_INTERNAL", { hint = "is the disk full?" },
                "cannot write to stdout: %s", message)
  end
end

--- Something for the person, on stderr; only in human mode.
function out:note(fmt, ...)
  if self.mode == "human" then
    self:flush()
    self.core.output(2, fmt:format(...) .. "\n")
  end
end

--- A document for --json.
-- @param schema  "neap.tasks/1"
function out:document(schema, fields)
  local copy = public.copy(fields)
  copy.schema = schema
  self:line(json.encode(copy))
end

--- A table for people.
-- @param columns  as grid.lines; opts.head = false: no head line
function out:table(columns, rows, opts)
  local lines = grid.lines(columns, rows, {
    width = self:width(),
    paint = self.colour[1] and text.paint or nil,
    head = opts and opts.head,
  })
  for _, line in ipairs(lines) do
    self:line(line)
  end
end

--- An error as people read it, several lines.
function out:error_text(err)
  local hint = err.lines and err.hint
  if hint then
    err.hint = nil -- it comes after the lines
  end
  local long = errors.format(err, { trace = self.debug and err.traceback })
  for _, line in ipairs(errors.is(err) and err.lines or {}) do
    long = long .. "\n  " .. line
  end
  if hint then
    err.hint = hint
    long = long .. "\n  hint: " .. hint
  end
  return (long:gsub("^error%b[]", function(head)
    return self:paint("red", head, 2)
  end))
end

--- Print an error on stderr: as text, or as {"error":{…}} in JSON mode.
function out:error(err)
  if self.mode == "json" then
    local fields = { kind = err.kind, message = err.message, hint = err.hint,
                     task = err.task, where = err.where }
    self.core.output(2, json.encode { error = fields } .. "\n")
    return
  end
  self.core.output(2, self:error_text(err) .. "\n")
end

return out
