--- coroutine.resume and coroutine.wrap that hand neap's yields outwards, so
-- that a script may wait inside a coroutine of its own.

local loop = require "neap.loop"

local coro = {}

local resume, yield, create = coroutine.resume, coroutine.yield,
  coroutine.create
local SENTINEL, passing = loop.SENTINEL, loop.passing

local function pass(co, ok, first, ...)
  if ok and first == SENTINEL then
    return pass(co, resume(co, yield(SENTINEL)))
  end
  return ok, first, ...
end

local function resume_through(co, ...)
  if type(co) == "thread" then
    passing[co] = true
  end
  return pass(co, resume(co, ...))
end

local function raise_or_return(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

local function wrap_through(fn)
  local co = create(fn)
  return function(...)
    return raise_or_return(resume_through(co, ...))
  end
end

--- Put them into the global table `coroutine`.
function coro.install()
  local library = coroutine
  library.resume, library.wrap = resume_through, wrap_through -- luacheck: ignore 122
end

return coro
