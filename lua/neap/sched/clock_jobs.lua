--- Functions that a clock runs in coroutines.
--
-- A job is a promise of what its function returns, with the function and its
-- arguments. Its coroutine is used again for the next job: making one costs
-- more than everything else here.

local errors = require "neap.sched.errors"
local promise = require "neap.sched.promise"

local jobs = {}

local select, unpack, setmetatable = select, unpack, setmetatable
local xpcall = xpcall
local create, resume, yield = coroutine.create, coroutine.resume,
  coroutine.yield

-- What a pooled coroutine yields when it wants its next job.
local FREE = {}

--- A job that runs `fn(…)`.
-- The arguments are kept where the results will be. One table of eight fields
-- is all that a job costs, so it is made at its full size.
function jobs.new(clock, fn, ...)
  local n = select("#", ...)
  local v1, v2 = ...
  return setmetatable({
    clock = clock, done = false, n = n, fn = fn, v1 = v1, v2 = v2,
    rest = n > 2 and { ... } or nil, waiter = nil,
  }, promise.Promise)
end

-- What nobody is told of is raised where the clock is turned.
local function fault(clock, err, is_known)
  if clock.on_error then
    clock.on_error(err)
  elseif not is_known then
    clock.raised = clock.raised or err
  end
end

-- In the frame that raised. An error that is none of ours is a mistake in a
-- program: people will want to know where.
local function describe(raised)
  local err = errors.from(raised)
  if err ~= raised then
    err.trace = debug.traceback("", 2)
  end
  return err
end

local function finish(job, ok, ...)
  if ok then
    job:resolve(...)
    return
  end
  local err = ...
  job:resolve(nil, err)
  fault(job.clock, err, not job.alone)
end

local function call(job, fn)
  local n, v1, v2, rest = job.n, job.v1, job.v2, job.rest
  if n == 0 then
    return finish(job, xpcall(fn, describe))
  elseif n <= 2 then
    job.v1, job.v2 = nil, nil
    return finish(job, xpcall(fn, describe, v1, v2))
  end
  job.v1, job.v2, job.rest = nil, nil, nil
  return finish(job, xpcall(fn, describe, unpack(rest, 1, n)))
end

-- The body of a pooled coroutine. Somebody else may resume it without a job,
-- or have resolved the promise before it began: then there is nothing to do.
local function work(job)
  while true do
    local fn = job and job.fn
    if fn and not job.done then
      job.fn = false
      call(job, fn)
    end
    job = yield(FREE)
  end
end

-- A coroutine came back: to be used again, to wait, or with an error.
local function came_back(clock, co, ok, what)
  if what == FREE then
    local free = clock.free + 1
    clock.free = free
    clock.pool[free] = co
  elseif not ok and what ~= "cannot resume dead coroutine" then
    fault(clock, errors.from(what))
  end
end

--- Begin a job.
function jobs.start(clock, job)
  local free, pool = clock.free, clock.pool
  local co = pool[free]
  if co then
    clock.free, pool[free] = free - 1, nil
  else
    co = create(work)
  end
  came_back(clock, co, resume(co, job))
end

--- Let a coroutine go on. One that others have resumed meanwhile may be dead.
function jobs.go_on(clock, co)
  came_back(clock, co, resume(co))
end

return jobs
