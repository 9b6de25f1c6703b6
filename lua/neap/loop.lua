--- Fibers over `core.step`: one loop per Lua state.
--
-- A fiber is a coroutine that the loop resumes. What waits calls `loop.wait`,
-- which yields a private sentinel; on the main thread of stock luajit it turns
-- the loop instead. `loop.busy` counts what can still wake somebody (requests,
-- timers, live tasks): with none left and nobody ready, nobody will ever go on.

local core = require "neap.core"
local errors = require "neap.errors"
local promise = require "neap.promise"

local loop = { busy = 0 }

local resume, yield, status = coroutine.resume, coroutine.yield,
  coroutine.status

--- What a waiting fiber yields. Wrappers of coroutine.resume hand it on.
loop.SENTINEL = {}
local SENTINEL = loop.SENTINEL

--- Coroutines that a wrapper of ours resumes (neap.coro keeps it).
loop.passing = setmetatable({}, { __mode = "k" })

local Fiber = {}
Fiber.__index = Fiber
loop.Fiber = Fiber

-- The main thread looks like a fiber; it is never resumed.
local main = setmetatable({ name = "main", state = "running", seq = 0 }, Fiber)
loop.main = main
local current = main

local ready, first, last = {}, 1, 0
local handlers, next_id = {}, 0
local by_type = {}
local hooks = {}
local waiting = {} -- fibers that are parked

-- Each fiber that begins inside of another takes some of the C stack, which
-- nobody else watches: a recursion without end would crash.
local MAX_NESTED = 10000
local nested = 0

--- The fiber that runs now.
function loop.current()
  return current
end

--- Call `fn` each time before the loop waits for the world.
function loop.before_wait(fn)
  hooks[#hooks + 1] = fn
end

--- Events of a type that carry no id: "signal", "engine", "engine_end".
function loop.on_type(name, fn)
  by_type[name] = fn
end

--- An id for an operation of core that answers once. `fn(event)` gets it.
function loop.once(fn)
  next_id = next_id + 1
  loop.busy = loop.busy + 1
  handlers[next_id] = { fn = fn, once = true }
  return next_id
end

--- An id for a stream of events; it does not count as busy.
function loop.stream(fn)
  next_id = next_id + 1
  handlers[next_id] = { fn = fn }
  return next_id
end

--- Forget an id: no more events of it.
function loop.forget(id)
  local handler = handlers[id]
  if handler then
    handlers[id] = nil
    loop.busy = loop.busy - (handler.once and 1 or 0)
    core.cancel(id)
  end
end

--- Call `fn` after so many seconds. Returns an id for `loop.forget`.
function loop.timer(seconds, fn)
  local id = loop.once(fn)
  core.timer(id, seconds)
  return id
end

local function dispatch(event)
  local handler = handlers[event.id]
  if handler then
    if handler.once then
      handlers[event.id] = nil
      loop.busy = loop.busy - 1
    end
    handler.fn(event)
  elseif event.id == nil and by_type[event.type] then
    by_type[event.type](event)
  end
end

-- Wait for the world at most so long and handle what it says.
local function turn(timeout_s)
  local events = core.step(timeout_s)
  for i = 1, #events do
    dispatch(events[i])
  end
end

local function run_hooks()
  for i = 1, #hooks do
    hooks[i]()
  end
end

local function finish(fiber, ok, ...)
  fiber.state = ok and "done" or fiber.cancelled and "cancelled" or "failed"
  if ok then
    fiber.values = { n = select("#", ...), ... }
    promise.settle(fiber, true, (...))
  else
    fiber.trace = errors.trim(debug.traceback(fiber.co))
    promise.settle(fiber, false, errors.value((...)))
  end
  if fiber.scope then
    fiber.scope:fiber_ended(fiber)
  end
end

local function after(fiber, outer, ok, ...)
  current, nested = outer, nested - 1
  if ok and status(fiber.co) ~= "dead" then
    if (...) == SENTINEL then
      return
    end
    finish(fiber, false, errors.new("E_YIELD",
      "coroutine.yield outside of a coroutine of the script",
      { hint = "only coroutines that the script made itself may yield" }))
    return
  end
  finish(fiber, ok, ...)
end

local function go(fiber, ...)
  local outer = current
  current, nested, fiber.state = fiber, nested + 1, "running"
  return after(fiber, outer, resume(fiber.co, ...))
end

-- Let everybody run who is ready now; those who get ready meanwhile wait.
local function run_ready()
  local stop = last
  while first <= stop do
    local fiber = ready[first]
    ready[first] = nil
    first = first + 1
    fiber.queued = false
    if fiber ~= main then
      go(fiber)
    end
  end
end

--- Begin a fiber: `fn(...)` runs until it waits for the first time.
-- @return the fiber
function loop.spawn(fn, ...)
  if nested >= MAX_NESTED then
    errors.raise("E_BUDGET", ("%d fibers began inside of each other; is there"
      .. " a recursion without end?"):format(nested))
  end
  local fiber = setmetatable({
    co = coroutine.create(fn), seq = 0, scope = current.scope,
    name = errors.caller() or "?",
  }, Fiber)
  if fiber.scope then
    fiber.scope:fiber_began(fiber)
  end
  go(fiber, ...)
  return fiber
end

local function raise_yield(reason, hint)
  errors.raise("E_YIELD", "cannot wait here: " .. reason, { hint = hint })
end

-- May the current fiber wait? Raises E_YIELD before anything is armed.
local function check_yield()
  if current == main then
    return
  end
  local co = coroutine.running()
  if not coroutine.isyieldable() then
    raise_yield("a C function (table.sort, string.gsub, require, dofile or"
      .. " print of an object) is on the way out",
      "collect first and await outside of it; neap.import(path) is a dofile"
      .. " that may wait")
  elseif co ~= current.co and not loop.passing[co] then
    raise_yield("a coroutine is resumed by a function that was saved before"
      .. " neap was loaded", "require neap first")
  end
end

local function is_woken()
  return main.woken
end

local function park(fiber)
  waiting[fiber], fiber.state = true, "waiting"
  if fiber == main then
    loop.run(is_woken)
  else
    yield(SENTINEL)
  end
  waiting[fiber], fiber.state = nil, "running"
end

local function push_ready(fiber)
  if not fiber.queued then
    fiber.queued = true
    last = last + 1
    ready[last] = fiber
  end
end

--- Wait. ⏸
-- @param arm  called with `wake(a, b)`, which ends the wait and tells whether
--             it did: false when the fiber has gone on already. It may return
--             a function that is called when the fiber was cancelled instead
-- @return a, b
function loop.wait(arm)
  check_yield()
  local fiber = current
  if fiber.throw then
    local err = fiber.throw
    fiber.throw = nil
    error(err, 0)
  end
  local seq = fiber.seq + 1
  fiber.seq, fiber.woken = seq, false
  local function wake(a, b)
    if fiber.seq ~= seq or fiber.woken then
      return false
    end
    fiber.woken, fiber.a, fiber.b = true, a, b
    push_ready(fiber)
    return true
  end
  fiber.undo = arm(wake)
  -- Woken while arming: still give way once, or a busy fiber starves the rest.
  park(fiber)
  local a, b, err = fiber.a, fiber.b, fiber.throw
  fiber.seq = seq + 1
  fiber.a, fiber.b, fiber.throw, fiber.undo = nil, nil, nil, nil
  if err then
    error(err, 0)
  end
  return a, b
end

--- Make a parked fiber go on by raising `err` in it.
function loop.throw(fiber, err)
  fiber.throw = fiber.throw or err
  if waiting[fiber] and not fiber.woken then
    fiber.woken = true
    if fiber.undo then
      fiber.undo()
    end
    push_ready(fiber)
  end
end

--- The fibers that wait, with their tracebacks.
function loop.waiting()
  local list = {}
  for fiber in pairs(waiting) do
    list[#list + 1] = {
      name = fiber.name,
      traceback = errors.trim(fiber == main and debug.traceback()
        or debug.traceback(fiber.co)),
    }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function deadlock()
  local fibers = loop.waiting()
  return errors.new("E_DEADLOCK", ("every fiber waits and no task is alive"
    .. " (%d waiting)"):format(#fibers), { fibers = fibers })
end

--- Turn the loop until `done()`; main thread only.
-- When nobody can ever go on, E_DEADLOCK is raised in the fiber `root`.
-- @param root  default: the main thread
function loop.run(done, root)
  root = root or main
  while true do
    run_ready()
    if done() then
      return
    end
    run_hooks()
    if done() then
      return
    end
    if first <= last then
      turn(0)
    elseif loop.busy > 0 then
      turn(nil)
    elseif waiting[root] then
      loop.throw(root, deadlock())
    else
      error(deadlock(), 0)
    end
  end
end

--- Handle events, without running any fiber, until `done()`. Never yields, so
-- it may be called anywhere.
-- @return false when nothing is left that could make it true
function loop.pump(done)
  while not done() do
    run_hooks()
    if done() then
      break
    elseif loop.busy == 0 then
      return false
    end
    turn(nil)
  end
  return true
end

--- Handle the events that are there now; runs no fiber.
function loop.poll()
  turn(0)
end

--- f:cancel(): the fiber's wait raises E_CANCELLED. → false if it has ended
function Fiber:cancel(reason)
  if self.settled then
    return false
  end
  self.cancelled = true
  loop.throw(self, errors.new("E_CANCELLED",
    reason or "the fiber was cancelled", { reason = reason }))
  return true
end

function Fiber:__tostring()
  return ("Fiber(%s %s)"):format(self.name, self.state)
end

return loop
