--- Methods of objects that people wrote: what they return and raise, made
-- sense of.

local at_once = require "neap.sched.at_once"
local errors = require "neap.sched.errors"

local call = {}

local getmetatable = getmetatable

-- A value of the metatable that errors have.
local Error = getmetatable(errors.new("Other"))

--- What was returned beside nil, as an error. A text becomes one of kind
-- Other; nothing at all is Fatal: `what` (a text) should have answered.
function call.failure(err, what)
  if getmetatable(err) == Error then
    return err
  elseif err == nil then
    return errors.new("Fatal", "%s returned nothing", what)
  elseif type(err) == "string" then
    return errors.new("Other", "%s", err)
  end
  return errors.from(err)
end

--- What was raised, as a Fatal error of the object.
function call.raised(value, what)
  local err = errors.from(value)
  if err.kind == "Fatal" then
    return err
  end
  local fatal = errors.new("Fatal", err)
  return errors.wrap(what, {}, fatal)
end

local function settle(promise, what, ok, ...)
  if ok then
    promise:resolve(...)
  else
    promise:resolve(nil, call.raised((...), what))
  end
end

local function guarded(promise, what, fn, ...)
  settle(promise, what, pcall(fn, ...))
end

-- Looking the method up may fail as well as calling it.
local function invoke(object, method, ...)
  return object[method](object, ...)
end

--- Call `object:method(…)` in a coroutine of its own, beginning now.
-- @return a promise of what it returns, or of nil and what it raised
function call.start(clock, object, method, ...)
  local promise = clock:promise()
  at_once.run(guarded, promise, method, invoke, object, method, ...)
  return promise
end

--- The same, but wait for at most `seconds`: nil, Timeout after that.
function call.within(clock, seconds, object, method, ...)
  return call.start(clock, object, method, ...):wait(seconds)
end

return call
