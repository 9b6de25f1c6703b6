--- From a submission to the queue: which clusters may ever hold the task, and
-- is it a copy that needs no alloc at all?

local direct_task = require "neap.sched.direct_task"
local menu = require "neap.sched.menu"

local admission = {}

-- Is it still waiting to be admitted?
local function pending(s, record)
  return s.admitting[record] ~= nil
end

-- Suspends. Returns the core's handle, or nil: it has ended meanwhile.
local function admit_one(s, record, asked)
  local key = record.resources
  if asked.amounts ~= key then
    asked.amounts = key
    asked.pools, asked.err = menu.holders(s, key)
  end
  if not pending(s, record) then
    return nil -- cancelled, or the scheduler was stopped
  end
  s.admitting[record] = nil
  if not asked.pools then
    s:finish(record, asked.err)
    return nil
  end
  return s:hand_over(record, asked.pools ~= true and asked.pools or nil)
end

-- Tasks that were given together are queued together.
local function admit(s, records)
  local handles, n, asked = {}, 0, {}
  for i = 1, #records do
    local record = records[i]
    if record.type == "extern" and not record.indirect then
      if pending(s, record) then
        s.admitting[record] = nil
        direct_task.start(s, record)
      end
    elseif pending(s, record) then
      local handle = admit_one(s, record, asked)
      if handle then
        n = n + 1
        handles[n] = handle
      end
    end
  end
  if n > 0 then
    s.core:submit(handles, n, s.clock:now_ns())
    s:kick()
  end
end

--- Admit accepted tasks. Returns at once.
function admission.start(s, records)
  for i = 1, #records do
    s.admitting[records[i]] = true
  end
  s.clock:spawn(admit, s, records)
end

return admission
