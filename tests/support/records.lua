--- Records of tasks and allocs made by hand, and what happens to them, for
-- specs of what reads them.

local resources = require "neap.sched.resources"

local records = {}

local names = { [0] = "init", "staging", "running", "lost", "done" }

--- A task record as the scheduler keeps it, in state init.
function records.task(fields)
  local task = {
    state = 0, attempt = 0, type = "exec", priority = 0, submitted = 0,
    resources = resources.from { cpu = 1, mem = 1 },
  }
  for name, value in pairs(fields) do
    task[name] = value
  end
  return task
end

--- A live alloc record.
function records.alloc(fields)
  local alloc = {
    number = 1, state = "live", cluster = "c", tasks = {}, ntasks = 0,
    total = resources.from { cpu = 4, mem = 4 }, created = 0, idle_since = 0,
  }
  for name, value in pairs(fields) do
    alloc[name] = value
  end
  return alloc
end

--- Change a task's state and tell `stats`.
function records.move(stats, task, to)
  local from = task.state
  assert(names[to])
  task.state = to
  stats:moved(task, from, to)
end

--- Put a task on an alloc: staging.
function records.assign(stats, task, alloc)
  task.alloc, alloc.tasks[task] = alloc, true
  alloc.ntasks = alloc.ntasks + 1
  records.move(stats, task, 1)
end

--- It left its alloc.
function records.leave(task)
  local alloc = task.alloc
  alloc.tasks[task], alloc.ntasks = nil, alloc.ntasks - 1
end

--- It is done.
function records.finish(stats, task, err, result)
  task.err, task.result = err, result
  if task.alloc then
    records.leave(task)
  end
  records.move(stats, task, 4)
  stats:finished(task)
end

return records
