--- Externs that need no alloc: copies from store to store, beside the queue.

local call = require "neap.sched.call"
local direct = require "neap.sched.direct"
local errors = require "neap.sched.errors"
local state = require "neap.sched.state"
local task = require "neap.sched.task"

local direct_task = {}

local function copy(s, record)
  return direct.run {
    clock = s.clock, mux = s.mux, transferer = s.transferer,
    url = record.config.url, args = record.config.args,
    repository = record.repository,
    log = function(level, text) s:log(level, "%s", text) end,
    stopped = function() return record.canceled ~= nil end,
  }
end

-- The stores cannot do it by themselves: queue it for an alloc.
local function fall_back(s, record, err)
  s:log_task(record, "info",
    "task %s: no direct transfer, it needs an alloc: %s", record.key,
    tostring(err))
  record.indirect, record.direct, record.started = true, nil, nil
  s:emit("task.retry", record, nil, err)
  s:attempt_over(record, err)
  task.move(record, state.init)
  s:admit { record }
end

local function run(s, record)
  local ok, result, err = pcall(copy, s, record)
  s.directs[record] = nil
  if not ok then
    result, err = nil, call.raised(result, "direct transfer")
  end
  if record.canceled then
    s:finish(record, record.canceled)
  elseif result then
    s:finish(record, nil, result)
  elseif errors.is("NotSupported", err) then
    fall_back(s, record, err)
  else
    s:finish(record, err)
  end
end

--- Begin the copy. Returns at once.
function direct_task.start(s, record)
  record.direct = true
  s.directs[record] = true
  record.started = s.clock:now()
  s.keeper:attempt_begins(record)
  task.move(record, state.running)
  s:emit("task.start", record)
  s:go(run, s, record)
end

return direct_task
