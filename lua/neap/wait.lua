--- Waiting for tasks, fibers and future files.
--
-- A kind of object becomes awaitable by `wait.register(metatable, fn)`, where
-- fn(x) returns its promise and a function that makes the result from it.

local check = require "neap.check"
local core = require "neap.core"
local errors = require "neap.errors"
local loop = require "neap.loop"
local promise = require "neap.promise"

local wait = {}

local kinds = {}

--- Make objects with this metatable awaitable.
function wait.register(metatable, source)
  kinds[metatable] = source
end

wait.register(loop.Fiber, function(fiber)
  return fiber, function(p) return p.value end
end)

local function source_of(x, what)
  local source = type(x) == "table" and kinds[getmetatable(x)]
  if not source then
    check.fail(nil, "%s takes a Task, a Fiber or a future file, not %s", what,
      check.show(x))
  end
  return source(x)
end

-- true and the result, or false and the error; nobody has seen it yet.
local function outcome(p, make)
  if p.settled == "err" then
    return false, p.value
  end
  return pcall(make, p)
end

--- Wait until `p` is settled. ⏸
-- @param timeout_s  nil: for ever
-- @return true, or false when the time was over first
function wait.settled(p, timeout_s)
  if p.settled then
    return true
  end
  local timer
  local settled = loop.wait(function(wake)
    local function on_settled() wake(true) end
    promise.on(p, on_settled)
    if timeout_s then
      timer = loop.timer(timeout_s, function()
        promise.off(p, on_settled)
        wake(false)
      end)
    end
    return function()
      promise.off(p, on_settled)
      if timer then
        loop.forget(timer)
      end
    end
  end)
  if timer then
    loop.forget(timer)
  end
  return settled
end

local function timed_out(what, timeout_s)
  return errors.new("E_TIMEOUT", ("waited %g s for %s; it goes on")
    :format(timeout_s, tostring(what)), { timeout = timeout_s })
end

--- Wait for one object. ⏸
-- @return true and the result, or false and the error (which is then seen)
function wait.outcome(x, timeout_s, what)
  local p, make = source_of(x, what or "neap.await")
  if not wait.settled(p, timeout_s) then
    return false, timed_out(x, timeout_s)
  end
  local ok, value = outcome(p, make)
  if not ok then
    promise.mark_seen(p)
  end
  return ok, value
end

local function timeout_of(opts, what)
  local timeout = check.opts(opts, { timeout = true }, what).timeout
  return timeout and check.time(timeout, "timeout of " .. what, "timeout")
end

--- x:await(opts), for methods. ⏸ Raises the error.
function wait.await_one(x, opts)
  local ok, value = wait.outcome(x, timeout_of(opts, "await"))
  if not ok then
    error(value, 0)
  end
  if getmetatable(x) == loop.Fiber then
    return unpack(x.values, 1, x.values.n)
  end
  return value
end

--- x:try(opts), for methods. ⏸ → result, or nil and the error
function wait.try_one(x, opts)
  local ok, value = wait.outcome(x, timeout_of(opts, "try"))
  if not ok then
    return nil, value
  end
  return value
end

local function sources(list, what)
  check.list(list, "the list of " .. what)
  local out = {}
  for i, x in ipairs(list) do
    local p, make = source_of(x, what)
    out[i] = { p = p, make = make, x = x }
  end
  return out
end

-- Wait until `stop(entry)` is true for one that has settled, or all have. ⏸
-- Returns the entry that stopped it, or nil.
local function until_one(entries, stop)
  local left = #entries
  if left == 0 then
    return nil
  end
  return (loop.wait(function(wake)
    local open = true
    for _, entry in ipairs(entries) do
      promise.on(entry.p, function()
        left = left - 1
        if open and stop(entry) then
          open = false
          wake(entry)
        elseif open and left == 0 then
          open = false
          wake(nil)
        end
      end)
    end
  end))
end

local function failed(entry)
  local ok, value = outcome(entry.p, entry.make)
  entry.ok, entry.value = ok, value
  return not ok
end

--- Results in order; the first error is raised, the others go on. ⏸
function wait.all(list)
  local entries = sources(list, "neap.all")
  local bad = until_one(entries, failed)
  if bad then
    promise.mark_seen(bad.p)
    error(bad.value, 0)
  end
  local results = {}
  for i, entry in ipairs(entries) do
    results[i] = entry.value
  end
  return results
end

--- A Task, Fiber or future file; or a list of them, as `all`. ⏸
function wait.await(x)
  if type(x) == "table" and getmetatable(x) == nil then
    return wait.all(x)
  end
  return wait.await_one(x)
end

--- List of { ok=, value=, err= }; never raises for what failed. ⏸
function wait.settle(list)
  local entries = sources(list, "neap.settle")
  until_one(entries, function(entry)
    failed(entry)
    return false
  end)
  local results = {}
  for i, entry in ipairs(entries) do
    if entry.ok then
      results[i] = { ok = true, value = entry.value }
    else
      promise.mark_seen(entry.p)
      results[i] = { ok = false, err = entry.value }
    end
  end
  return results
end

--- Result and index of the first that succeeds. ⏸
function wait.any(list)
  local entries = sources(list, "neap.any")
  check.integer(#entries, "the length of neap.any's list", nil, 1)
  for i, entry in ipairs(entries) do
    entry.index = i
  end
  local good = until_one(entries, function(entry)
    return not failed(entry)
  end)
  local errs = {}
  for i, entry in ipairs(entries) do
    -- a failure that comes later is of no interest either
    promise.on(entry.p, promise.mark_seen)
    errs[i] = entry.value
  end
  if good then
    return good.value, good.index
  end
  error(errors.new("E_UPSTREAM", ("all of %d failed; the first: %s"):format(
    #entries, tostring(errs[1])), { errors = errs, cause = errs[1] }), 0)
end

--- Iterator over x, result, error in order of completion. ⏸
function wait.as_done(list)
  local entries = sources(list, "neap.as_done")
  local done, first, wake_up = {}, 1, nil
  for _, entry in ipairs(entries) do
    promise.on(entry.p, function()
      done[#done + 1] = entry
      if wake_up then
        wake_up()
      end
    end)
  end
  return function()
    if first > #entries then
      return nil
    end
    while not done[first] do
      loop.wait(function(wake) wake_up = wake end)
      wake_up = nil
    end
    local entry = done[first]
    first = first + 1
    if failed(entry) then
      promise.mark_seen(entry.p)
      return entry.x, nil, entry.value
    end
    return entry.x, entry.value, nil
  end
end

--- Wait for `x` at most `time`; E_TIMEOUT. ⏸
function wait.timeout(time, x)
  local seconds = check.time(time, "the time of neap.timeout")
  local started = core.mono()
  if type(x) == "function" then
    x = loop.spawn(x)
  end
  if type(x) ~= "table" or getmetatable(x) ~= nil then
    return wait.await_one(x, { timeout = seconds })
  end
  local results = {}
  for i, item in ipairs(x) do
    local left = math.max(0, seconds - (core.mono() - started))
    results[i] = wait.await_one(item, { timeout = left })
  end
  return results
end

--- Do nothing for `time`. ⏸
function wait.sleep(time)
  local seconds = check.time(time, "the time of neap.sleep")
  local timer
  loop.wait(function(wake)
    timer = loop.timer(seconds, wake)
    return function() loop.forget(timer) end
  end)
end

--- Run a file in this fiber; unlike dofile it may wait. ⏸
function wait.import(path)
  check.type(path, "string", "the path of neap.import")
  local chunk, message = loadfile(path)
  if not chunk then
    errors.raise(core.stat(path) and "E_SPEC" or "E_NOENT",
      "neap.import: " .. message, { path = path })
  end
  return chunk(path)
end

function loop.Fiber:await(opts)
  return wait.await_one(self, opts)
end

function loop.Fiber:try(opts)
  return wait.try_one(self, opts)
end

return wait
