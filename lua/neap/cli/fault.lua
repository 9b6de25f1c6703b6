--- Errors of the command line itself, and exit codes.

local errors = require "neap.errors"

local fault = {}

fault.exit = {
  ok = 0, failed = 1, usage = 2, not_found = 3, connection = 4,
  unschedulable = 5, internal = 70, timeout = 124, int = 130, term = 143,
}

--- Raise an error of the command line: no place in a script, no traceback.
-- @param kind    "E_USAGE", "E_NOENT" …
-- @param fields  hint; lines = list of lines to print between message and
--                hint; may be nil
-- @param fmt     message, as string.format
function fault.raise(kind, fields, fmt, ...)
  error(errors.new(kind, fmt:format(...), fields), 0)
end

--- What was raised as an error of neap. Anything else is a bug.
function fault.from(raised)
  if errors.is(raised) then
    return raised
  end
  return errors.new("E_INTERNAL", tostring(raised),
    { hint = "this is a bug in neap; --debug shows where" })
end

--- The exit code for an error.
fault.code = errors.exit_code

return fault
