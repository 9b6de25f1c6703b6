--- What `stats` shows to a metrics system: names, types and help texts.
--
-- No label has values without bound: states and kinds of errors are few, and
-- of clusters and resources the first 64 by name are told apart, the others
-- are summed up as "other".

local prometheus = require "neap.sched.prometheus"
local sorted = require "neap.sched.sorted"

local metrics = {}

local MAX_VALUES = 64

local states = { [0] = "queued", "staging", "running", "lost", "done" }

-- name → the label value that stands for it.
local function bounded(map)
  local values = {}
  for i, name in ipairs(sorted.keys(map)) do
    values[name] = i <= MAX_VALUES and name or "other"
  end
  return values
end

-- Sums of `amounts` by the label values that stand for their names.
local function folded(amounts, values)
  local sums = {}
  for name, amount in pairs(amounts) do
    local value = values[name]
    sums[value] = (sums[value] or 0) + amount
  end
  return sums
end

local function samples(page, label, sums)
  for _, value in ipairs(sorted.keys(sums)) do
    page:sample(sums[value], { [label] = value })
  end
end

local function tasks(page, stats)
  page:family("neap_tasks", "gauge", "Tasks by state; done ones for ever.")
  for state = 0, 4 do
    page:sample(stats.counts[state], { state = states[state] })
  end
  page:family("neap_tasks_submitted_total", "counter", "Tasks accepted.")
  page:sample(stats.total_tasks)
  page:family("neap_tasks_completed_total", "counter",
    "Tasks that ended, by how.")
  page:sample(stats.cancelled, { result = "cancelled" })
  page:sample(stats.counts[4] - stats.failed, { result = "done" })
  page:sample(stats.failed - stats.cancelled, { result = "failed" })
end

local function attempts(page, stats)
  page:family("neap_task_attempts_lost_total", "counter",
    "Attempts that were lost, by the kind of error.")
  samples(page, "reason", stats.lost_by_kind)
  page:family("neap_task_retries_total", "counter",
    "Tasks that went back to the queue.")
  page:sample(stats.retries)
  page:family("neap_task_wait_seconds", "histogram",
    "Seconds from the submission of a task to each start.")
  page:histogram(stats.wait)
  page:family("neap_task_run_seconds", "histogram",
    "Seconds from the last start of a task to its end.")
  page:histogram(stats.run)
  page:family("neap_tick_seconds", "histogram",
    "Seconds that a round of the scheduler took.")
  page:histogram(stats.round)
end

-- The counts `fate` of all clusters.
local function by_cluster(stats, fate)
  local counts = {}
  for name, of in pairs(stats.allocs_by_cluster) do
    counts[name] = of[fate]
  end
  return folded(counts, bounded(counts))
end

local function alloc_counters(page, stats)
  page:family("neap_allocs_started_total", "counter",
    "Allocs that became live.")
  samples(page, "pool", by_cluster(stats, "live"))
  page:family("neap_allocs_lost_total", "counter",
    "Allocs that died without being released.")
  samples(page, "pool", by_cluster(stats, "lost"))
  page:family("neap_allocs_freed_total", "counter", "Allocs released.")
  samples(page, "pool", by_cluster(stats, "freed"))
  page:family("neap_alloc_requests_pending", "gauge",
    "Requests for allocs that were not answered yet.")
  page:sample(stats.pending)
end

local function add_amounts(sums, r)
  for _, label in ipairs(r:labels()) do
    sums[label] = (sums[label] or 0) + r:get(label)
  end
end

-- What the live allocs have, and what their tasks hold of it.
local function amounts_of(stats)
  local capacity, used, live = {}, {}, {}
  for _, alloc in pairs(stats.allocs) do
    if not alloc.gone then
      live[alloc.state] = (live[alloc.state] or 0) + 1
      add_amounts(capacity, alloc.total)
      for task in pairs(alloc.tasks) do
        add_amounts(used, task.resources)
      end
    end
  end
  return capacity, used, live
end

local function allocs(page, stats)
  local capacity, used, live = amounts_of(stats)
  for label in pairs(capacity) do
    used[label] = used[label] or 0
  end
  local values = bounded(used)
  page:family("neap_allocs", "gauge", "Allocs that are held, by state.")
  samples(page, "state", live)
  page:family("neap_resource_capacity", "gauge",
    "What the live allocs have, by resource; sizes in bytes.")
  samples(page, "resource", folded(capacity, values))
  page:family("neap_resource_used", "gauge",
    "What tasks hold of it, by resource; sizes in bytes.")
  samples(page, "resource", folded(used, values))
end

--- The page of one scheduler.
-- Costs time in the number of live allocs and of tasks on them.
function metrics.text(stats)
  local page = prometheus.page()
  tasks(page, stats)
  attempts(page, stats)
  alloc_counters(page, stats)
  allocs(page, stats)
  return page:text()
end

return metrics
