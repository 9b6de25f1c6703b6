--- Best fit that counts the time to stage missing inputs, and keeps long tasks
--- off allocs that are about to end (Slurm wall time).
--
--   cost = cores left + memory left / gib_per_core
--        + w_stage * minutes that staging the missing inputs takes

local policy = require "neap.policy"

return policy.pack "locality_best_fit" {
  api = 1,
  params = {
    gib_per_core = {
      default = 8, min = 0.1,
      doc = "GiB of memory that weigh as much as one core",
    },
    w_stage = {
      default = 1.0, min = 0,
      doc = "cost of one minute of staging, in cores",
    },
    margin = {
      default = "60s", type = "duration", doc = "wall time to leave unused",
    },
    linger = {
      default = "5m", type = "duration",
      doc = "release an alloc idle for so long",
    },
  },

  -- Called only for allocs the task fits on. Low cost wins; nil refuses. The
  -- reason after nil is a format and its arguments: it is put together only
  -- when someone asks why.
  cost = function(task, alloc, ctx)
    local p = ctx.params
    local want = (task.expect or 0) + p.margin
    if alloc.life_left < want then
      return nil, "ends in %ds, task wants %ds", alloc.life_left, want
    end
    local left = (alloc.free.cpu - task.res.cpu)
      + (alloc.free.mem - task.res.mem) / (p.gib_per_core * 2 ^ 30)
    local missing = task.input_bytes - alloc:local_bytes(task)
    return left + p.w_stage * missing / alloc.bandwidth / 60
  end,

  -- What to ask the cluster for when tasks are left over. ctx.base is the
  -- built-in policy.
  acquire = function(demand, ctx)
    local reqs = ctx.base.acquire(demand, ctx)
    for _, r in ipairs(reqs) do
      r.walltime = math.max(3600, 2 * demand:max("expect"))
    end
    return reqs
  end,

  release = function(alloc, ctx)
    return alloc.idle >= ctx.params.linger
  end,
}
