--- Checks that many specs share.

local expect = {}

--- `fn` must raise an error of neap of this kind whose text holds `part`.
-- @return the error
function expect.raises(kind, part, fn, ...)
  local errors = require "neap.errors"
  local ok, err = pcall(fn, ...)
  assert(not ok, "nothing was raised; expected " .. kind .. ": " .. part)
  assert(errors.is(err), "not an error of neap: " .. tostring(err))
  assert(err.kind == kind, ("expected %s, got %s"):format(kind, tostring(err)))
  assert(tostring(err):find(part, 1, true), ("'%s' is not in: %s"):format(part,
    tostring(err)))
  return err
end

--- The line of the caller of this function, as errors name it.
function expect.here(offset)
  local info = debug.getinfo(2, "Sl")
  return info.source:gsub("^@", "") .. ":" .. info.currentline + (offset or 0)
end

return expect
