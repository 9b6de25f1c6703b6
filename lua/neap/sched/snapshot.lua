--- A copy of all that `stats` knows at one moment.

local json = require "neap.json"

local snapshot = {}

--- Text of an error in tables for people, or nil.
function snapshot.error_text(err)
  return err and tostring(err) or nil
end

--- The failure of a task, from its record or from its entry in the ring.
function snapshot.failure(task)
  return task.err or task.result and task.result.err or nil
end

--- The key of the alloc that a task is, or was last, on.
function snapshot.alloc_key(task)
  return task.alloc and task.alloc.key or task.alloc_key
end

--- What an alloc has left: its total less what its tasks hold.
-- @return resources; nothing is left of an alloc that is gone
function snapshot.free(alloc)
  if alloc.gone then
    return alloc.total * 0
  end
  local free = alloc.total
  for task in pairs(alloc.tasks) do
    free = free - task.resources
  end
  return free
end

local function copy_task(task)
  return {
    ident = task.ident, type = task.type, state = task.state,
    error = snapshot.error_text(snapshot.failure(task)),
    run_id = task.run_id, flow_id = task.flow_id, attempt = task.attempt,
    alloc = snapshot.alloc_key(task), submitted = task.submitted,
    started = task.started, ended = task.ended,
  }
end

-- Task → key. Ids of attempts are random digests; should two be equal all the
-- same, the task that came first has it, and others are told apart by number.
local function keys_of(stats)
  local first, keys = {}, {}
  local lists = { stats.live, stats.finished_tasks.slots }
  for _, list in ipairs(lists) do
    for _, task in ipairs(list) do
      local other = first[task.key]
      if not other or task.n < other.n then
        first[task.key] = task
      end
    end
  end
  for _, list in ipairs(lists) do
    for _, task in ipairs(list) do
      keys[task] = first[task.key] == task and task.key
        or task.key .. "#" .. task.n
    end
  end
  return keys
end

local function task_ids(alloc, keys)
  local ids = {}
  if not alloc.gone then
    for task in pairs(alloc.tasks) do
      ids[keys[task] or task.key] = 1
    end
  end
  return ids
end

local function copy_alloc(alloc, keys)
  return {
    resources = snapshot.free(alloc), total = alloc.total,
    dead = alloc.gone == true, task_ids = task_ids(alloc, keys),
    state = alloc.state, cluster = alloc.cluster, shape = alloc.shape,
    created = alloc.created, ended = alloc.ended, price = alloc.price,
    idle_since = alloc.idle_since, expires = alloc.expires,
    error = snapshot.error_text(alloc.err),
  }
end

--- The whole state. New tables, which later changes do not touch.
function snapshot.take(stats)
  local counts, keys, tasks, allocs = stats.counts, keys_of(stats), {}, {}
  for task, key in pairs(keys) do
    tasks[key] = copy_task(task)
  end
  for key, alloc in pairs(stats.allocs) do
    allocs[key] = copy_alloc(alloc, keys)
  end
  return {
    total_allocs = stats.total_allocs, total_tasks = stats.total_tasks,
    queued = counts[0], staging = counts[1], running = counts[2],
    lost = counts[3], done = counts[4], failed = stats.failed,
    pending_allocs = stats.pending,
    allocs = allocs, tasks = tasks,
  }
end

-- Amounts as a plain table.
local function amounts(r)
  local plain = {}
  for _, label in ipairs(r:labels()) do
    plain[label] = r:get(label)
  end
  return plain
end

-- JSON has no infinity: a lease without end has no `expires`.
local function finite(value)
  return value and math.abs(value) < math.huge and value or nil
end

--- The whole state as JSON text.
function snapshot.json(stats)
  local state = snapshot.take(stats)
  for _, alloc in pairs(state.allocs) do
    alloc.resources, alloc.total = amounts(alloc.resources),
      amounts(alloc.total)
    alloc.expires, alloc.price = finite(alloc.expires), finite(alloc.price)
  end
  return json.encode(state)
end

return snapshot
