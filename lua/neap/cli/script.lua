--- A script as a chunk: from a file, from stdin, or from the command line.

local errors = require "neap.errors"
local fault = require "neap.cli.fault"

local script = {}

-- "x.lua:3: unexpected symbol near '='" → where, what
local function syntax_error(message)
  local where, what = message:match "^(.-:%d+): (.*)$"
  error(errors.new("E_USAGE", "syntax error: " .. (what or message),
                   { where = where }), 0)
end

local function compile(text, name)
  -- a first line that begins with '#' is for the shell
  text = text:gsub("^#[^\n]*", "")
  local chunk, message = loadstring(text, name)
  return chunk or syntax_error(message)
end

local function from_file(path)
  local file, message = io.open(path, "rb")
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  if not text then
    fault.raise("E_NOENT", nil, "no script: %s", message
      or path .. ": it cannot be read")
  elseif text:sub(1, 1) == "\27" then
    fault.raise("E_USAGE", nil, "%s is bytecode; neap runs sources", path)
  end
  return compile(text, "@" .. path)
end

--- Load a script.
-- @param path  a file, "-" for stdin, or nil: `code` is the script
-- @return chunk, name for messages
-- Raises E_NOENT, or E_USAGE with the place of a syntax error.
function script.load(path, code)
  if code then
    return compile(code, "=-e"), "-e"
  elseif path == "-" then
    return compile(io.read "*a", "=stdin"), "stdin"
  end
  return from_file(path), path
end

return script
