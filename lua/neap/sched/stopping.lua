--- Ends that come from outside: a task is cancelled, the scheduler stops.

local duration = require "neap.sched.duration"
local errors = require "neap.sched.errors"
local menu = require "neap.sched.menu"
local operations = require "neap.sched.operations"
local state = require "neap.sched.state"
local suggest = require "neap.suggest"

local stopping = {}

--- Cancel a task that is not done; `record.canceled` says why.
function stopping.cancel(s, record)
  if s.admitting[record] then
    s.admitting[record] = nil
    s:finish(record, record.canceled)
  elseif record.direct then
    return -- the copy looks at `canceled`
  elseif record.handle then
    s.core:cancel(record.handle, record.canceled.message, s.clock:now_ns())
    operations.run(s)
    s:kick()
  end
end

-- ---- the menu has changed -------------------------------------------------

local function waiting(s)
  local list = {}
  for slot = 1, s.last_slot do
    local record = s.slots[slot]
    if record and record.state == state.init and record.handle then
      list[#list + 1] = record
    end
  end
  return list
end

local function readmit(s)
  local asked = {}
  for _, record in ipairs(waiting(s)) do
    local key = record.resources:key()
    if not asked[key] then
      local pools, err = menu.holders(s, record.resources)
      asked[key] = { pools = pools, err = err }
    end
    local answer = asked[key]
    if not answer.pools and record.state == state.init and record.handle then
      record.failing = answer.err
      s.core:cancel(record.handle, answer.err.message or "", s.clock:now_ns())
      operations.run(s)
    end
  end
  s:kick()
end

--- Ask again whether what waits can ever be held. Returns at once.
function stopping.readmit(s)
  s:go(readmit, s)
end

-- ---- stop -----------------------------------------------------------------

local modes = { abort = true, drain = true }

local function check(opts)
  opts = opts or {}
  if type(opts) ~= "table" then
    errors.raise("stop takes { mode =, timeout = }, not a %s", type(opts))
  end
  for name in pairs(opts) do
    if name ~= "mode" and name ~= "timeout" then
      errors.raise("unknown field '%s' of stop; there are mode and timeout",
        tostring(name))
    end
  end
  local mode = opts.mode or "abort"
  if not modes[mode] then
    errors.raise("mode of stop is 'abort' or 'drain', not '%s'%s",
      tostring(mode), suggest.hint(mode, modes))
  end
  return mode, opts.timeout == nil and 60
    or duration.seconds(opts.timeout, "timeout of stop")
end

-- Tasks that the core does not know: being admitted, or direct copies.
local function end_others(s, mode)
  local list = {}
  for record in pairs(s.admitting) do
    list[#list + 1] = record
  end
  table.sort(list, function(a, b) return a.n < b.n end)
  s.admitting = {}
  for _, record in ipairs(list) do
    s:finish(record, record.canceled or s.stopped_error)
  end
  if mode == "abort" then
    for record in pairs(s.directs) do
      record.canceled = record.canceled or s.stopped_error
    end
  end
end

local function begin(s, mode)
  s.stopping = mode
  s.started = true -- so that it turns: there may be tasks to end
  s.stopped_error = errors.new("Canceled", "the scheduler was stopped")
  end_others(s, mode)
  s.core:stop(mode == "drain", s.clock:now_ns())
  operations.run(s)
  s:kick()
end

-- After a drain, stop may be called again to abort what still runs.
local function harder(s)
  s.stopping = "abort"
  end_others(s, "abort")
  s.core:stop(false, s.clock:now_ns())
  operations.run(s)
  s:kick()
end

local function what_is_left(s)
  local left = {}
  local function add(n, what)
    if n > 0 then
      left[#left + 1] = ("%d %s%s"):format(n, what, n == 1 and "" or "s")
    end
  end
  local allocs = 0
  for _, alloc in pairs(s.allocs) do
    allocs = allocs + (alloc.object and 1 or 0)
  end
  add(s.ntasks, "task")
  add(allocs, "alloc")
  add(s.requests, "request")
  add(s.freeing, "call of free")
  return table.concat(left, ", ")
end

--- Stop the scheduler. Suspends until nothing is left, or for `timeout`.
-- @return true; nil and Timeout: the rest goes on in the background
function stopping.stop(s, opts)
  local mode, timeout = check(opts)
  if not s.stopping then
    begin(s, mode)
  elseif s.stopping == "drain" and mode == "abort" then
    harder(s)
  end
  local ok = s.on_ended:wait(timeout)
  if not ok then
    return nil, errors.new("Timeout", "after %g s there is left: %s", timeout,
      what_is_left(s))
  end
  s.keeper:stop()
  s.stats:withdraw()
  return true
end

return stopping
