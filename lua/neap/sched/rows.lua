--- Tasks and allocs as rows for people, chosen by a query.
--
--   rows.tasks(stats, q)        → list, whether there are more than `limit`
--   rows.allocs(stats, q, now)  → list, whether there are more
--
-- A query is a table; every field that it has must match. Unknown fields
-- raise. Rows are new tables; amounts in them are resources.

local errors = require "neap.sched.errors"
local query = require "neap.sched.query"
local snapshot = require "neap.sched.snapshot"

local rows = {}

local states = { [0] = "queued", "staging", "running", "lost", "done" }

local function field(name)
  return function(record)
    return record[name]
  end
end

local function labels(record)
  return record.labels or {}
end

-- What a person calls the state: done is said with how it ended.
local function state_of(task)
  local failure = task.state == 4 and snapshot.failure(task)
  if failure then
    return failure.kind == "Canceled" and "cancelled" or "failed"
  end
  return states[task.state]
end

local function set(words)
  local map = {}
  for word in words:gmatch("%S+") do
    map[word] = true
  end
  return map
end

-- ---- tasks ----------------------------------------------------------------

local tasks = query.new("tasks", {
  id = field("key"), n = field("n"), attempt_id = field("id"),
  run = field("run_id"), flow = field("flow_id"), type = field("type"),
  name = field("ident"), ident = field("ident"),
  state = state_of, stage = field("stage"), attempt = field("attempt"),
  alloc = snapshot.alloc_key, direct = field("direct"),
  pool = function(task)
    return task.alloc and task.alloc.cluster
  end,
  priority = field("priority"), resources = field("resources"),
  labels = labels, submitted = field("submitted"),
  started = field("started"), ended = field("ended"),
  error = function(task)
    return snapshot.error_text(snapshot.failure(task))
  end,
}, {
  id = query.prefix("id"), run = query.prefix("run"),
  flow = query.prefix("flow"), type = query.equal("type"),
  name = query.glob("name"), ident = query.glob("ident"),
  state = query.choice("state",
    set "queued staging running lost done failed cancelled",
    { init = "queued" }),
  alloc = query.equal("alloc"), pool = query.glob("pool"),
  user = query.label("labels", "user"), label = query.labels("labels"),
  since = query.at_least("submitted"),
}, set "n submitted started ended priority name")

--- Rows of the tasks that match: all that have not ended, and those finished
--- ones that are still remembered.
-- @param q  id state name ident run flow type alloc pool user label since,
--           limit (default 100), order (default "n": as submitted)
function rows.tasks(stats, q)
  return tasks:select({ stats.live, stats.finished_tasks.slots }, q)
end

-- ---- allocs ---------------------------------------------------------------

local function ntasks(alloc)
  local n = 0
  for _ in pairs(alloc.gone and {} or alloc.tasks) do
    n = n + 1
  end
  return n
end

local function age(alloc, now)
  return alloc.created and math.max(0, (alloc.ended or now) - alloc.created)
end

local allocs = query.new("allocs", {
  id = field("key"), n = field("number"), pool = field("cluster"),
  shape = field("shape"), node = field("node"), state = field("state"),
  total = field("total"), free = snapshot.free, ntasks = ntasks, age = age,
  idle = function(alloc, now)
    return not alloc.gone and alloc.idle_since
      and ntasks(alloc) == 0 and math.max(0, now - alloc.idle_since) or nil
  end,
  life_left = function(alloc, now)
    return not alloc.gone and alloc.expires
      and math.max(0, alloc.expires - now) or nil
  end,
  cost = function(alloc, now)
    return alloc.price and alloc.price * (age(alloc, now) or 0) / 3600
  end,
  labels = labels, created = field("created"), ended = field("ended"),
  error = function(alloc)
    return snapshot.error_text(alloc.err)
  end,
}, {
  id = query.equal("id"),
  state = query.choice("state",
    set "live suspect draining released dead", {}),
  pool = query.glob("pool"), cluster = query.glob("pool"),
  shape = query.glob("shape"), node = query.glob("node"),
  label = query.labels("labels"), since = query.at_least("created"),
}, set "n created ended ntasks age cost")

--- Rows of the allocs that match: all that are held, and those gone ones that
--- are still remembered.
-- @param q    id state pool cluster shape node label since, limit (default
--             100), order (default "n": as they were asked for)
-- @param now  seconds of the clock
function rows.allocs(stats, q, now)
  if type(now) ~= "number" then
    errors.raise("rows.allocs(stats, q, now): now is the clock's time, not %s",
      tostring(now))
  end
  return allocs:select({ stats.allocs }, q, now)
end

return rows
