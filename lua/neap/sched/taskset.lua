--- Sets of tasks: sched.taskset(t, …).

local duration = require "neap.sched.duration"
local errors = require "neap.sched.errors"
local task = require "neap.sched.task"

local taskset = {}

local methods = {}
local inside = setmetatable({}, { __mode = "k" }) -- set → { order, place }

local function need_task(value, what)
  if not task.record(value) then
    errors.raise("%s takes tasks, not a %s", what, type(value))
  end
  return value
end

--- How many tasks.
function methods.len(self)
  return #inside[self].order
end

--- Add tasks; those that are in it already stay. Returns the set.
function methods.add(self, ...)
  local set = inside[self]
  for i = 1, select("#", ...) do
    local t = need_task(select(i, ...), "add")
    if not set.place[t] then
      set.order[#set.order + 1] = t
      set.place[t] = true
    end
  end
  return self
end

--- Take tasks out; those that are not in it do not matter. Returns the set.
function methods.remove_all(self, ...)
  local set = inside[self]
  for i = 1, select("#", ...) do
    set.place[need_task(select(i, ...), "remove_all")] = nil
  end
  local order = {}
  for _, t in ipairs(set.order) do
    if set.place[t] then
      order[#order + 1] = t
    end
  end
  set.order = order
  return self
end

--- A new list of the tasks, in the order in which they were added.
function methods.slice(self)
  local list = {}
  for i, t in ipairs(inside[self].order) do
    list[i] = t
  end
  return list
end

--- Is the task in it?
function methods.has(self, t)
  return inside[self].place[t] == true
end

--- Wait until all are done. Suspends.
-- @param timeout  of all together, a time; nil: for ever
-- @return true, or nil and an error of kind Timeout
function methods.wait(self, timeout)
  local deadline, clock
  for _, t in ipairs(self:slice()) do
    local left
    if timeout then
      clock = clock or (task.record(t).sched or {}).clock
      if clock then
        deadline = deadline
          or clock:now() + duration.seconds(timeout, "timeout")
        left = math.max(0, deadline - clock:now())
      end
    end
    local ok, err = t:wait("done", left)
    if not ok then
      return nil, err
    end
  end
  return true
end

--- sched.taskset(t, …)
function taskset.new(...)
  local set = newproxy(true) -- a userdata, so that # works
  local meta = getmetatable(set)
  meta.__index = methods
  meta.__len = methods.len
  inside[set] = { order = {}, place = {} }
  return methods.add(set, ...)
end

return taskset
