--- Scopes: what was begun inside ends before the scope does.
--
-- A failure is *handled* when try, settle, any, as_done or an await saw it.
-- While a scope's function or one of its fibers is alive, somebody may still
-- see it; so a failure counts as unhandled once nobody is left to.

local check = require "neap.check"
local errors = require "neap.errors"
local loop = require "neap.loop"
local promise = require "neap.promise"
local session = require "neap.session"

local scope = {}

local Scope = {}
Scope.__index = Scope

local modes = { finish = 1, stop = 1, continue = 1 }
local fields = {
  on_error = 1, max_tasks = 1, labels = 1, priority = 1, timeout = 1,
}

local function new(parent, opts)
  return setmetatable({
    parent = parent, on_error = opts.on_error or parent and parent.on_error
      or "finish",
    labels = opts.labels, priority = opts.priority or 0,
    tasks = 0, fibers = 0, live = {}, failed = {}, children = {},
    max_tasks = opts.max_tasks, active = 0, held = {}, held_first = 1,
  }, Scope)
end

--- The outermost scope of a run.
function scope.root(on_error)
  local self = new(nil, { on_error = on_error })
  self.is_root = true
  return self
end

local function joined(parent, own)
  if not parent or not own then
    return own or parent
  end
  local out = {}
  for k, v in pairs(parent) do out[k] = v end
  for k, v in pairs(own) do out[k] = v end
  return out
end

local function from_opts(parent, opts)
  opts = check.opts(opts, fields, "neap.scope")
  if opts.on_error ~= nil then
    check.one_of(opts.on_error, modes, "on_error of neap.scope", "on_error")
  end
  local labels = opts.labels
    and require("neap.spec").labels(opts.labels, "neap.scope")
  local self = new(parent, {
    on_error = opts.on_error,
    labels = joined(parent.labels, labels),
    priority = parent.priority + check.integer(opts.priority or 0,
      "priority of neap.scope", "priority", -2 ^ 31, 2 ^ 31),
    max_tasks = opts.max_tasks and check.integer(opts.max_tasks,
      "max_tasks of neap.scope", "max_tasks", 1),
  })
  self.limiter = self.max_tasks and self or parent.limiter
  self.timeout_s = opts.timeout
    and check.time(opts.timeout, "timeout of neap.scope", "timeout")
  return self
end

--- Raise E_CANCELLED when nothing new may begin here.
function Scope:check_open()
  if self.closed then
    error(errors.new("E_CANCELLED", "no new tasks: " .. self.closed,
      { reason = self.closed }), 0)
  end
end

local function changed(self)
  if self.on_change then
    self.on_change()
  end
end

function Scope:task_began(task)
  loop.busy = loop.busy + 1
  self.tasks = self.tasks + 1
  self.live[task] = true
end

local function release(limiter)
  limiter.active = limiter.active - 1
  local go = limiter.held[limiter.held_first]
  if go then
    limiter.held[limiter.held_first] = nil
    limiter.held_first = limiter.held_first + 1
    limiter.active = limiter.active + 1
    go()
  end
end

function Scope:task_ended(task)
  loop.busy = loop.busy - 1
  self.tasks = self.tasks - 1
  self.live[task] = nil
  if task.phase == "failed" then
    self.failed[#self.failed + 1] = task
  end
  if task.limiter then
    release(task.limiter)
  end
  changed(self)
end

--- Call `go` when max_tasks lets one more task go to the engine. Only for a
-- scope that has a limiter.
function Scope:admit(task, go)
  local limiter = self.limiter
  local function admitted()
    if task.settled then
      release(limiter) -- it was cancelled while it was held
      return
    end
    task.limiter = limiter
    go()
  end
  if limiter.active < limiter.max_tasks then
    limiter.active = limiter.active + 1
    admitted()
  else
    table.insert(limiter.held, admitted)
  end
end

function Scope:fiber_began(fiber)
  self.fibers = self.fibers + 1
  self.live[fiber] = true
end

function Scope:fiber_ended(fiber)
  self.fibers = self.fibers - 1
  self.live[fiber] = nil
  if fiber.state == "failed" then
    self.failed[#self.failed + 1] = fiber
  end
  changed(self)
end

--- Let nothing new begin; cancel what `mode` says, in inner scopes too.
-- @param mode  "finish": what has not started; "stop": everything
function Scope:close(mode, reason)
  if self.closed and not (mode == "stop" and self.close_mode == "finish") then
    return
  end
  self.closed, self.close_mode = reason, mode
  local tasks, fibers = {}, {}
  for item in pairs(self.live) do
    if getmetatable(item) == loop.Fiber then
      fibers[#fibers + 1] = item
    elseif mode == "stop" or item.phase == "waiting"
      or item.phase == "queued" then
      tasks[#tasks + 1] = item
    end
  end
  for _, fiber in ipairs(fibers) do
    if fiber ~= loop.current() then
      fiber:cancel(reason)
    end
  end
  for child in pairs(self.children) do
    child:close(mode, reason)
  end
  if self.is_root then
    local run = session.current()
    if run then
      run:cancel_run(mode, reason)
    end
  elseif tasks[1] then
    tasks[1].session:cancel(tasks, reason)
  end
end

--- The first failure that nobody has seen, or nil.
function Scope:unseen()
  for _, item in ipairs(self.failed) do
    if not item.seen then
      return item
    end
  end
end

-- Wait until all has ended. An unhandled failure closes the scope. ⏸
local function drain(self)
  while self.tasks > 0 or self.fibers > 0 do
    if self.fibers == 0 and not self.closed and self.on_error ~= "continue" then
      local item = self:unseen()
      if item then
        self:close(self.on_error, "a task failed: " .. tostring(item.value))
      end
    end
    if self.tasks > 0 or self.fibers > 0 then
      loop.wait(function(wake) self.on_change = wake end)
      self.on_change = nil
    end
  end
end

--- Wait for the end after the scope's function has returned or raised. ⏸
-- @return ok, err: false and the error when it or something inside failed
function Scope:finish(ok, err)
  if not ok and self.on_error ~= "continue" then
    self:close(self.on_error, errors.is(err, "E_CANCELLED") and err.message
      or "the script failed: " .. tostring(err))
  end
  local drained, problem = pcall(drain, self)
  if not drained then
    -- cancelled or timed out while waiting: end it, wait for the end
    self:close("stop", tostring(problem))
    drain(self)
    ok, err = false, ok and problem or err
  end
  local item = self:unseen()
  if ok and item then
    promise.mark_seen(item)
    ok, err = false, item.value
    self.trace = item.trace
  end
  return ok, err
end

--- Wait for no fiber any more: nobody will resume them.
function Scope:abandon_fibers()
  for item in pairs(self.live) do
    if getmetatable(item) == loop.Fiber then
      item.scope, self.live[item] = nil, nil
    end
  end
  self.fibers = 0
end

local function pack(...)
  return { n = select("#", ...), ... }
end

--- neap.scope(opts, fn) ⏸ → what fn(scope) returns
function scope.scope(opts, fn)
  if fn == nil and type(opts) == "function" then
    opts, fn = nil, opts
  end
  check.type(fn, "function", "the function of neap.scope")
  local fiber = loop.current()
  local outer = fiber.scope
  outer:check_open()
  local self = from_opts(outer, opts)
  outer.children[self] = true
  local timer = self.timeout_s and loop.timer(self.timeout_s, function()
    loop.throw(fiber, errors.new("E_TIMEOUT", ("the scope took longer than"
      .. " %g s"):format(self.timeout_s), { timeout = self.timeout_s }))
  end)
  fiber.scope = self
  local results = pack(pcall(fn, self))
  local finished, ok, err = pcall(self.finish, self, results[1], results[2])
  fiber.scope = outer
  outer.children[self] = nil
  if timer then
    loop.forget(timer)
  end
  if not finished then
    error(ok, 0)
  elseif not ok then
    error(err, 0)
  end
  return unpack(results, 2, results.n)
end

return scope
