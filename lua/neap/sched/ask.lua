--- Ask an object that people may have written: what its method raises, and an
-- answer of nothing, are errors like those that it returns.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"

local pcall = pcall

local function settle(what, ok, first, ...)
  if not ok then
    return nil, call.raised(first, what)
  elseif first == nil then
    return nil, call.failure((...), what)
  end
  return first, ...
end

--- `object:method(…)`, in this coroutine. ⏸ if the method is.
-- @return what it returns if that begins with another value than nil, else
--   nil and an error: NotSupported if there is no such method, Fatal if it
--   raised or returned nothing
local function ask(object, method, ...)
  local fn = object[method]
  if fn == nil then
    return nil, errors.new("NotSupported", "there is no method '%s'", method)
  end
  return settle(method, pcall(fn, object, ...))
end

return ask
