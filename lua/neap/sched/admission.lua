--- From a submission to the queue: which clusters may ever hold the task, and
-- is it a copy that needs no alloc at all?

local at_once = require "neap.sched.at_once"
local direct_task = require "neap.sched.direct_task"
local menu = require "neap.sched.menu"
local operations = require "neap.sched.operations"

local admission = {}

-- Is it still waiting to be admitted?
local function pending(s, record)
  return s.admitting[record] ~= nil
end

-- What of all this nobody has asked about yet, asked. Suspends.
local function ask_for_all(s, records, asked)
  for i = 1, #records do
    local record = records[i]
    local amounts = record.resources
    if not asked[amounts] and pending(s, record) then
      local pools, err = menu.holders(s, amounts)
      asked[amounts] = { pools = pools, err = err }
    end
  end
end

-- The core's handle, or nil: it has ended.
local function admit_one(s, record, answer)
  s.admitting[record] = nil
  if not answer.pools then
    s:finish(record, answer.err)
    return nil
  end
  return s:hand_over(record, answer.pools ~= true and answer.pools or nil)
end

-- Tasks that were given together are queued together. Nothing may happen
-- between the first and the last: a stop would meet tasks that are neither
-- being admitted nor in the core's queue.
local function queue(s, records, asked)
  local handles, n = {}, 0
  for i = 1, #records do
    local record = records[i]
    if pending(s, record) then
      local handle = admit_one(s, record, asked[record.resources])
      if handle then
        n = n + 1
        handles[n] = handle
      end
    end
  end
  if n > 0 then
    s.core:submit(handles, n, s.clock:now_ns())
    operations.run(s)
    s:kick()
  end
end

-- Externs that may do without an alloc begin at once → the others.
local function without_direct(s, records)
  local others = {}
  for i = 1, #records do
    local record = records[i]
    if record.type ~= "extern" or record.indirect then
      others[#others + 1] = record
    elseif pending(s, record) then
      s.admitting[record] = nil
      direct_task.start(s, record)
    end
  end
  return others
end

local function admit(s, records)
  local asked = {}
  records = without_direct(s, records)
  ask_for_all(s, records, asked)
  queue(s, records, asked)
end

--- Admit accepted tasks: at once where clusters answer at once.
function admission.start(s, records)
  for i = 1, #records do
    s.admitting[records[i]] = true
  end
  at_once.run(admit, s, records)
end

return admission
