--- What the events of a random world say, and whether they make sense: each
-- task and each alloc goes from one of them to the next only as it may.

local trail = {}

local Trail = {}
Trail.__index = Trail

-- kind → phases of the task in which it may come, and the phase after it.
-- "direct" is a copy from store to store; "ended" and "lost" are of an attempt.
local TASK = {
  ["task.submit"] = { from = { none = true }, to = "queued" },
  ["task.assign"] = { from = { queued = true, lost = true }, to = "assigned" },
  ["task.stage"] = { from = { assigned = true }, to = "staging" },
  ["task.start"] = { from = { staging = true, queued = true }, to = "started" },
  ["task.lost"] = { from = { staging = true, started = true }, to = "lost" },
  ["task.retry"] = { from = { started = true }, to = "queued" },
  ["task.end"] = { from = { staging = true, started = true }, to = "ended" },
  ["task.done"] = { from = { ended = true }, to = "over" },
  ["task.failed"] = {
    from = { ended = true, queued = true, lost = true }, to = "over",
  },
  ["task.cancelled"] = {
    from = { ended = true, queued = true, lost = true }, to = "over",
  },
}

local ALLOC = {
  ["alloc.live"] = { from = { none = true }, to = "live" },
  ["alloc.idle"] = { from = { live = true }, to = "live" },
  ["alloc.free"] = { from = { live = true }, to = "gone" },
  ["alloc.lost"] = { from = { live = true }, to = "gone" },
}

function trail.new(world)
  local self = setmetatable({
    world = world, lines = {}, seq = 0, at = 0,
    tasks = {}, attempts = {}, allocs = {}, -- by key
  }, Trail)
  return self
end

local function step(self, phases, rules, key, event)
  local rule, phase = rules[event.kind], phases[key] or "none"
  if not rule.from[phase] then
    self.world:complain("event %d: %s of %s, which is %s", event.seq,
      event.kind, key, phase)
  end
  phases[key] = rule.to
end

local function check_task(self, event)
  local key = event.task
  step(self, self.tasks, TASK, key, event)
  local attempt = self.attempts[key] or 0
  if event.kind == "task.lost" then
    self.attempts[key] = attempt + 1
  end
  if event.attempt ~= attempt and self.tasks[key] ~= "over" then
    self.world:complain("event %d: %s of attempt %s, not %d", event.seq,
      event.kind, tostring(event.attempt), attempt)
  end
  if event.kind == "task.assign" and self.allocs[event.alloc] ~= "live" then
    self.world:complain("event %d: task assigned to alloc %s, which is %s",
      event.seq, tostring(event.alloc),
      tostring(self.allocs[event.alloc]))
  end
end

--- Take an event in.
function Trail:add(event)
  local kind = event.kind
  if event.seq ~= self.seq + 1 or event.at < self.at then
    self.world:complain("event %d at %g after %d at %g", event.seq, event.at,
      self.seq, self.at)
  end
  self.seq, self.at = event.seq, event.at
  self.lines[#self.lines + 1] = ("%d %.9f %s %s %s %s %s"):format(event.seq,
    event.at, kind, event.task or "-", event.attempt or "-",
    event.alloc or "-", event.error or "-")
  if TASK[kind] then
    check_task(self, event)
  elseif ALLOC[kind] then
    step(self, self.allocs, ALLOC, event.alloc, event)
  end
  return TASK[kind] ~= nil and self.tasks[event.task] == "over"
end

--- Everything has ended: every task and every alloc.
function Trail:check_over()
  for key, phase in pairs(self.tasks) do
    if phase ~= "over" then
      self.world:complain("no event says that task %s is over: it is %s", key,
        phase)
    end
  end
  for key, phase in pairs(self.allocs) do
    if phase ~= "gone" then
      self.world:complain("no event says that alloc %s is gone", key)
    end
  end
end

--- All events as text.
function Trail:text()
  return table.concat(self.lines, "\n")
end

return trail
