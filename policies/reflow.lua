--- reflow: the choices of Reflow's scheduler, exactly, for comparison.
--
-- Tasks in the order of the queue (priority, then size), the first to the
-- smallest alloc; an alloc that is too small for it is left alone, and all
-- wait when the first one fits nowhere. What remains is put on the requests
-- under way, each counted as its `min`; what then remains asks for one alloc,
-- `width` + 1 times as large: bins that are opened by the largest task and
-- filled with what a binary search finds. Idle allocs go at every half of
-- max_idle.
--
--   size = cores + memory / 8 GiB
--
-- `default` does better in each of these points.

local craft = require "neap.policy.craft"
local policy = require "neap.policy"

-- Smallest first; equal ones in the order of their names.
local function by_size(allocs, field)
  local rows = {}
  for i, alloc in ipairs(allocs) do
    rows[i] = { alloc = alloc, size = craft.size(alloc[field]), at = i }
  end
  table.sort(rows, function(a, b)
    if a.size ~= b.size then
      return a.size < b.size
    end
    return a.at < b.at
  end)
  return rows
end

-- The head of the tasks to the head of the allocs. An alloc only becomes
-- smaller, so it stays the head until something does not fit.
-- put(task, alloc, n) returns how many of n there was room for.
local function assign(tasks, left, rows, put)
  local at = 1
  for i, task in ipairs(tasks) do
    while left[i] > 0 and rows[at] do
      left[i] = left[i] - put(task, rows[at], left[i])
      if left[i] > 0 then
        at = at + 1
      end
    end
    if not rows[at] then
      return
    end
  end
end

-- Is there a shape that may be asked for now?
local function may_request(view)
  for _, shape in ipairs(view.menu) do
    if shape.quota > 0 then
      return true
    end
  end
  return false
end

-- One alloc for what is left. A menu without anything so large raises: it is
-- asked for the largest task alone, and if that is no longer on the menu, for
-- nothing.
local function request(plan, runs, labels)
  local largest = runs[1].need
  local min, width = craft.requirements(runs, #labels)
  local function wanted(amounts, more)
    local r = { min = {}, width = more }
    for k, name in ipairs(labels) do
      r.min[name] = amounts[k]
    end
    return r
  end
  if not pcall(plan.request, plan, wanted(min, width)) then
    pcall(plan.request, plan, wanted(largest, 0))
  end
end

return policy.pack "reflow" {
  api = 1,
  acquire = false,
  release = false,
  idle_tick = 0.5,
  hold = false,

  place = function(view, plan)
    local tasks, left, labels = view.tasks, {}, view.labels
    for i, task in ipairs(tasks) do
      left[i] = task.count
    end
    assign(tasks, left, by_size(view.allocs, "free"), function(task, row, n)
      return plan:assign(task, row.alloc, n)
    end)
    if #view.pending >= view.max_pending or not may_request(view) then
      return
    end
    assign(tasks, left, by_size(view.pending, "total"), function(task, row, n)
      row.have = row.have or craft.vector(row.alloc.total, labels)
      local need = craft.vector(task.res, labels)
      n = craft.times(row.have, need, n)
      craft.take(row.have, need, n)
      return n
    end)
    local runs = craft.runs(tasks, left, labels)
    if #runs > 0 then
      request(plan, runs, labels)
    end
  end,
}
