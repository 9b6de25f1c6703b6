--- spread: every alloc equally loaded; for tasks that disturb each other.
--
--   cost = -(share of cpu free + share of memory free) / 2, after placing
--
-- This is Kubernetes' LeastAllocated score with equal weights, turned so that
-- low wins. It keeps all allocs busy, so they go back late: it costs more
-- than `default`.

local policy = require "neap.policy"

local function share(free, need, total)
  return total > 0 and (free - need) / total or 0
end

return policy.pack "spread" {
  api = 1,

  cost = function(task, alloc)
    local free, need, total = alloc.free, task.res, alloc.total
    return -(share(free.cpu, need.cpu, total.cpu)
      + share(free.mem, need.mem, total.mem)) / 2
  end,
}
