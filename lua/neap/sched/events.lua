--- What happens, told to whoever listens.
--
--   events.new{ clock=, log= }
--   events:on(kind, fn)          → a function that ends it
--   events:emit(kind, fields)    `fields` becomes the event: do not use it
--                                afterwards
--   events.count                 how many listen; who emits looks here first,
--                                so that no table is made for nobody
--
-- An event is `{ seq, at, kind, … }`. `seq` counts what was emitted while
-- somebody listened, without gaps. Each call of `fn` runs in a coroutine of
-- its own, in the order of the events, after whoever emitted has returned to
-- the clock.

local errors = require "neap.sched.errors"
local fnmatch = require "neap.fnmatch"
local suggest = require "neap.suggest"

local events = {}

--- The kinds of events.
events.kinds = {}
for kind in ([[
  run.start run.end
  task.submit task.ready task.cached task.assign task.stage task.start
  task.end task.lost task.retry task.done task.failed task.skipped
  task.cancelled
  alloc.request alloc.live alloc.idle alloc.lost alloc.free
  policy.swap policy.error transfer.start transfer.end log
]]):gmatch("%S+") do
  events.kinds[kind] = true
end

local Events = {}
Events.__index = Events

local function to_stderr(level, message)
  if level == "error" or level == "warn" then
    io.stderr:write("neap.sched: ", level, ": ", message, "\n")
  end
end

--- The events of one scheduler.
-- @param opts.clock  its clock
-- @param opts.log    function(level, message); default: errors to stderr
function events.new(opts)
  return setmetatable({
    clock = opts.clock, log = opts.log or to_stderr,
    seq = 0, count = 0,
    listeners = {},  -- in the order in which they came
    chosen = {},     -- kind → those that want it; made when first needed
  }, Events)
end

-- A function that tells whether a kind is meant by `pattern`.
local function matcher(pattern)
  if not fnmatch.is_glob(pattern) then
    return function(kind)
      return kind == pattern
    end
  end
  return fnmatch.compile(pattern)
end

local function check_pattern(pattern, matches)
  for kind in pairs(events.kinds) do
    if matches(kind) then
      return
    end
  end
  errors.raise("no event is called '%s'%s; kinds are task.*, alloc.*,"
    .. " policy.*, transfer.*, run.*, log, and \"*\" for all", pattern,
    suggest.hint(pattern, events.kinds))
end

local function remove(self, listener)
  if not listener.active then
    return
  end
  listener.active = false
  for i, other in ipairs(self.listeners) do
    if other == listener then
      table.remove(self.listeners, i)
      break
    end
  end
  self.chosen, self.count = {}, self.count - 1
end

--- Call `fn(event)` for each event of a kind from now on.
-- @param kind  a name, or a glob: "task.*", "*"; one that no event can match
--              raises
-- @return a function that ends it; fn is not called after that
function Events:on(kind, fn)
  if type(kind) ~= "string" then
    errors.raise("on(kind, fn): kind must be the name of an event or a glob"
      .. " such as 'task.*', not a %s", type(kind))
  elseif type(fn) ~= "function" then
    errors.raise("on('%s', fn): fn must be a function, not a %s", kind,
      type(fn))
  end
  local matches = matcher(kind)
  check_pattern(kind, matches)
  local listener = { matches = matches, fn = fn, kind = kind, active = true }
  self.listeners[#self.listeners + 1] = listener
  self.chosen, self.count = {}, self.count + 1
  return function()
    remove(self, listener)
  end
end

local function choose(self, kind)
  local list = {}
  for _, listener in ipairs(self.listeners) do
    if listener.matches(kind) then
      list[#list + 1] = listener
    end
  end
  self.chosen[kind] = list
  return list
end

local function copy_of(event)
  local copy = {}
  for name, value in pairs(event) do
    copy[name] = value
  end
  return copy
end

-- In the listener's coroutine.
local function tell(self, listener, event)
  if not listener.active then
    return
  end
  local ok, err = pcall(listener.fn, event)
  if not ok then
    self.log("error", ("the function that listens to '%s' failed at event %s"
      .. " (%d): %s"):format(listener.kind, event.kind, event.seq,
      tostring(err)))
  end
end

--- Something happened.
-- @param fields  table with task, alloc, attempt …; it becomes the event
function Events:emit(kind, fields)
  if self.count == 0 then
    return
  end
  local seq = self.seq + 1
  self.seq = seq
  local list = self.chosen[kind] or choose(self, kind)
  if #list == 0 then
    return
  end
  fields.seq, fields.at, fields.kind = seq, self.clock:now(), kind
  for i = 1, #list do
    -- each gets a table of its own: one may change what the next will read
    local event = i < #list and copy_of(fields) or fields
    self.clock:spawn(tell, self, list[i], event)
  end
end

return events
