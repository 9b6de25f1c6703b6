--- What a scheduler counts, and what it remembers of tasks and allocs.
--
--   stats.new{ clock=, keep=, log= }   keep: finished tasks and gone allocs
--                                      that stay visible, default 10 000
--   told by the scheduler, each in constant time:
--     accepted(task)         → the task's key; sets task.key, task.n (how many
--                            were accepted before it, plus 1), task.live_at
--     moved(task, from, to)  each change of state, also the one to done; `err`
--                            is set before a task is lost
--     finished(task)         once, after moved(task, …, 4), with err or result
--     alloc_live(alloc)      → the alloc's key; sets alloc.key
--     alloc_gone(alloc)      released or dead
--     round_took(seconds)    of the processor's time, for the metrics
--     pending                number of requests under way, a field to be set
--   for everybody:
--     get() json() publish(prefix?) withdraw() prometheus() set_keep(n)
--   for `snapshot` and `rows`: lists of records or entries
--     live, finished_tasks.slots, allocs (by key)
--
-- The entry of a task is its record while it lives; when it ends, the ring of
-- finished tasks keeps a small copy, so that neither its arguments nor its
-- result stay in memory. Entries of the ring are used again. Nothing here is
-- looked up by a task's key: with a million tasks that is a cache miss each.

local errors = require "neap.sched.errors"
local histogram = require "neap.sched.histogram"
local metrics = require "neap.sched.metrics"
local published = require "neap.sched.published"
local ring = require "neap.sched.ring"
local snapshot = require "neap.sched.snapshot"

local stats = {}

local Stats = {}
Stats.__index = Stats

local INIT, RUNNING, LOST, DONE = 0, 2, 3, 4
local KEEP = 10000

-- From 10 ms to about 8 days; from 10 us to 10 s. Powers of 4 print short.
local LIVES = histogram.exponential(0.01, 4, 14)
local ROUNDS = histogram.exponential(0.00001, 4, 11)

local function check_keep(keep)
  if type(keep) ~= "number" or keep ~= math.floor(keep) or keep < 0
    or keep > 1e9 then
    errors.raise("stats_keep must be a whole number from 0 to 1e9, not %s;"
      .. " it counts the finished tasks that stay visible", tostring(keep))
  end
  return keep
end

--- The statistics of one scheduler.
-- @param opts.clock  its clock
-- @param opts.keep   how many finished tasks stay visible (default 10 000)
function stats.new(opts)
  local keep = check_keep(opts.keep or KEEP)
  return setmetatable({
    clock = opts.clock,
    pending = 0,
    total_tasks = 0, total_allocs = 0, failed = 0, cancelled = 0,
    retries = 0,
    counts = { [0] = 0, 0, 0, 0, 0 },  -- tasks by state
    lost_by_kind = {},                 -- attempts, by kind of error
    allocs_by_cluster = {},            -- cluster → { live =, lost =, free = }
    live = {}, nlive = 0,              -- tasks that have not ended, any order
    allocs = {},                       -- key → record, or entry of the ring
    finished_tasks = ring.new(keep), gone_allocs = ring.new(keep),
    wait = histogram.new(LIVES), run = histogram.new(LIVES),
    round = histogram.new(ROUNDS),
  }, Stats)
end

-- The first of wanted, second, second#2, second#3 … that is not taken.
local function free_key(taken, wanted, second)
  if taken[wanted] == nil then
    return wanted
  end
  local key, n = second, 1
  while taken[key] ~= nil do
    n = n + 1
    key = second .. "#" .. n
  end
  return key
end

--- A task was accepted.
-- @return its key: the id of its first attempt
function Stats:accepted(task)
  local key, n, at = task.key or task.id, self.total_tasks + 1, self.nlive + 1
  task.key, task.n, task.live_at = key, n, at
  self.total_tasks, self.nlive = n, at
  self.live[at] = task
  self.counts[INIT] = self.counts[INIT] + 1
  return key
end

local function lost(self, task)
  local kind = task.err and task.err.kind or "Other"
  self.lost_by_kind[kind] = (self.lost_by_kind[kind] or 0) + 1
end

--- A task changed its state.
function Stats:moved(task, from, to)
  local counts = self.counts
  counts[from] = counts[from] - 1
  counts[to] = counts[to] + 1
  if to == RUNNING then
    self.wait:observe((task.started or self.clock:now()) - task.submitted)
  elseif to == LOST then
    lost(self, task)
  elseif to == INIT then
    self.retries = self.retries + 1
  end
end

-- All fields from the beginning: one that is added later costs a rehash.
local function new_entry()
  return {
    key = false, n = 0, id = false, state = DONE, attempt = 0, ident = false,
    type = false, run_id = false, flow_id = false, labels = false,
    priority = 0, resources = false, submitted = 0, started = 0, ended = 0,
    err = false, alloc_key = false, direct = false,
  }
end

-- What stays of a finished task, written over the entry that goes.
local function remember(entry, task, err)
  local alloc = task.alloc
  entry.key, entry.n, entry.id = task.key, task.n, task.id
  entry.attempt, entry.ident, entry.type = task.attempt, task.ident, task.type
  entry.run_id, entry.flow_id = task.run_id, task.flow_id
  entry.labels, entry.priority = task.labels, task.priority
  entry.resources, entry.direct = task.resources, task.direct
  entry.submitted, entry.started = task.submitted, task.started
  entry.ended, entry.err = task.ended, err
  entry.alloc_key = alloc and alloc.key or task.alloc_key
  return entry
end

-- The last of the list takes the place of the one that goes.
local function leave(self, task)
  local live, n, at = self.live, self.nlive, task.live_at
  local last = live[n]
  live[at], last.live_at = last, at
  live[n] = nil
  self.nlive, task.live_at = n - 1, nil
end

local function count_failure(self, err)
  self.failed = self.failed + 1
  if err.kind == "Canceled" then
    self.cancelled = self.cancelled + 1
  end
end

--- A task is done. Its record is not looked at again.
function Stats:finished(task)
  local err = task.err or task.result and task.result.err or nil
  if err then
    count_failure(self, err)
  end
  if task.started and task.ended then
    self.run:observe(task.ended - task.started)
  end
  leave(self, task)
  local finished = self.finished_tasks
  if finished.size > 0 then
    local entry = finished:oldest() or new_entry()
    finished:push(remember(entry, task, err))
  end
end

local function of_cluster(self, alloc)
  local name = alloc.cluster or "cluster"
  local counts = self.allocs_by_cluster[name]
  if not counts then
    counts = { live = 0, lost = 0, freed = 0 }
    self.allocs_by_cluster[name] = counts
  end
  return counts
end

--- An alloc was granted and takes tasks.
-- @param alloc  its record; `key` is the key that it would like (a.id)
-- @return its key: that, or "<cluster>/<that>" if it is taken
function Stats:alloc_live(alloc)
  local wanted = tostring(alloc.key or alloc.number)
  alloc.key = free_key(self.allocs, wanted,
    (alloc.cluster or "cluster") .. "/" .. wanted)
  self.allocs[alloc.key] = alloc
  self.total_allocs = self.total_allocs + 1
  local counts = of_cluster(self, alloc)
  counts.live = counts.live + 1
  return alloc.key
end

--- An alloc was released or died. One that was never live is not counted.
function Stats:alloc_gone(alloc)
  if alloc.key == nil or self.allocs[alloc.key] ~= alloc then
    return
  end
  local counts = of_cluster(self, alloc)
  local fate = alloc.state == "dead" and "lost" or "freed"
  counts[fate] = counts[fate] + 1
  local old = self.gone_allocs:oldest()
  if old then
    self.allocs[old.key] = nil
  end
  local entry = {
    key = alloc.key, number = alloc.number, gone = true,
    state = alloc.state, cluster = alloc.cluster, shape = alloc.shape,
    total = alloc.total, created = alloc.created, price = alloc.price,
    ended = self.clock:now(), err = alloc.err, labels = alloc.labels,
  }
  self.allocs[alloc.key] = self.gone_allocs:push(entry) and entry or nil
end

--- A round of the scheduler took so long.
-- @param seconds  of real time, also under a virtual clock
function Stats:round_took(seconds)
  self.round:observe(seconds)
end

--- Keep `n` finished tasks from now on; counters are not touched.
function Stats:set_keep(n)
  check_keep(n)
  self.finished_tasks:resize(n)
  for _, entry in ipairs(self.gone_allocs:resize(n)) do
    self.allocs[entry.key] = nil
  end
end

--- Everything as it is at this moment; the table is the caller's.
-- Costs time in the number of tasks that are shown: at most `keep` finished
-- ones, and all that have not ended.
function Stats:get()
  return snapshot.take(self)
end

--- The same as JSON text.
function Stats:json()
  return snapshot.json(self)
end

--- Show it in `published()` under `prefix`, default "scheduler".
function Stats:publish(prefix)
  if prefix == nil then
    prefix = "scheduler"
  end
  if type(prefix) ~= "string" or prefix == "" then
    errors.raise("stats:publish(prefix): prefix must be a text that is not"
      .. " empty, such as 'scheduler', not %s",
      type(prefix) == "string" and "''" or tostring(prefix))
  end
  published.publish(prefix, self)
end

--- Show it nowhere any more.
function Stats:withdraw()
  published.withdraw(self)
end

--- Metrics as text of the Prometheus exposition format, version 0.0.4.
function Stats:prometheus()
  return metrics.text(self)
end

return stats
