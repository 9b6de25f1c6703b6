--- What must hold in a random world, seen from its own books and from what the
-- scheduler says of itself.

local books = {}

local names = { [0] = "queued", "staging", "running", "lost", "done" }

local function failure(task)
  return task.err or task.result and task.result.err
end

-- The numbers of the snapshot against the tasks as people see them.
local function check_counts(world, stats)
  local counts = { queued = 0, staging = 0, running = 0, lost = 0, done = 0 }
  local failed = 0
  for _, entry in ipairs(world.accepted) do
    local state = entry.task:state()
    state = state == "init" and "queued" or state
    counts[state] = counts[state] + 1
    failed = failed + (state == "done" and failure(entry.task) and 1 or 0)
  end
  for name, n in pairs(counts) do
    if stats[name] ~= n then
      world:complain("stats say %d %s, there are %d", stats[name], name, n)
    end
  end
  if stats.failed ~= failed then
    world:complain("stats say %d failed, there are %d", stats.failed, failed)
  elseif stats.total_tasks ~= #world.accepted then
    world:complain("stats say %d tasks, there are %d", stats.total_tasks,
      #world.accepted)
  end
end

local function is_negative(r)
  for _, label in ipairs(r:labels()) do
    if r:get(label) < 0 then
      return true
    end
  end
  return false
end

-- Is the task in a state in which it may be on an alloc, and on this one?
local function is_on(task, key)
  return task and task.alloc == key and task.state ~= 0 and task.state ~= 4
end

local function check_alloc(world, stats, key, alloc)
  if alloc.dead and next(alloc.task_ids) then
    world:complain("alloc %s is gone and has tasks", key)
  elseif not alloc.dead and is_negative(alloc.resources) then
    world:complain("stats: %s is left of alloc %s",
      tostring(alloc.resources), key)
  end
  for id in pairs(alloc.task_ids) do
    local task = stats.tasks[id]
    if not is_on(task, key) then
      world:complain("alloc %s has task %s, which is %s on %s", key, id,
        task and names[task.state] or "unknown",
        tostring(task and task.alloc))
    end
  end
end

-- Who is on an alloc says so, and the other way round.
local function check_places(world, stats)
  for key, alloc in pairs(stats.allocs) do
    check_alloc(world, stats, key, alloc)
  end
  for id, task in pairs(stats.tasks) do
    local on = (task.state == 1 or task.state == 2) and task.alloc
    if on and not (stats.allocs[on] and stats.allocs[on].task_ids[id]) then
      world:complain("task %s is %s on alloc %s, which does not know it", id,
        names[task.state], on)
    end
  end
end

--- The statistics at this moment.
function books.check_stats(world)
  local stats = world.s.stats:get()
  check_counts(world, stats)
  check_places(world, stats)
end

--- At most one attempt runs: what others left behind is on allocs that take
--- nothing any more.
function books.check_attempts(world, entry)
  local task = entry.task
  local current = task:state() ~= "done" and task:id()
  for _, x in ipairs(entry.execs) do
    if x.attempt ~= current and x:is_live() and not x.alloc:is_fenced() then
      world:complain("task %s: an exec of an attempt that is over runs on "
        .. "alloc %s", entry.ident, x.alloc.id)
    end
  end
end

local function same_result(result, answer)
  return answer ~= nil and result.fileset == answer.fileset
    and tostring(result.err) == tostring(answer.err)
end

--- A task is done: it has let go of everything, its result is that of its last
--- exec, and what it made is in its repository.
function books.check_done(world, entry)
  local task = entry.task
  if task:state() ~= "done" then
    world:complain("task %s is %s after its last event", entry.ident,
      task:state())
  end
  books.check_attempts(world, entry)
  for _, a in ipairs(world.allocs) do
    a:check_done(entry)
  end
  local result = task.result
  if result and task.err then
    world:complain("task %s has a result and an error", entry.ident)
  elseif not result and not task.err then
    world:complain("task %s has neither a result nor an error", entry.ident)
  end
  if not result or not task.exec then
    return
  elseif entry.type ~= "extern" and not same_result(result,
    task.exec.answer) then
    world:complain("task %s has not the result of its exec", entry.ident)
  end
  for _, file in ipairs(result.fileset:files()) do
    if not world.repository:stat(file.id) then
      world:complain("task %s: file %s is not in its repository",
        entry.ident, file.id)
    end
  end
end

-- Given back, as far as the alloc itself let that happen.
local function check_freed(world, a)
  local last = a.frees[#a.frees]
  if not last then
    world:complain("alloc %s was never given back", a.id)
  elseif not last.ok and #a.frees < 5 then
    world:complain("alloc %s was given back %d times without success",
      a.id, #a.frees)
  end
  for _, x in ipairs(a.started) do
    if x:is_live() and last and last.ok then
      world:complain("an exec runs on alloc %s, which was freed", a.id)
    end
  end
end

--- Everything is over.
function books.check_over(world)
  for _, entry in ipairs(world.accepted) do
    if entry.task:state() ~= "done" then
      world:complain("task %s is %s at the end", entry.ident,
        entry.task:state())
    elseif entry.ends ~= 1 then
      world:complain("task %s ended %d times", entry.ident, entry.ends)
    end
  end
  for _, a in ipairs(world.allocs) do
    check_freed(world, a)
  end
  books.check_stats(world)
  world.trail:check_over()
end

return books
