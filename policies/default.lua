--- default: few, well filled allocs; a sound choice when nothing is known.
--
-- Tasks in queue order, each to the alloc that will be left with the least
-- room; one that fits nowhere is passed by, nobody waits behind it:
--
--   cost = cores left + memory left / gib_per_core          (best fit)
--
-- What is left over, less what pending requests will hold, asks for shapes of
-- the menu by bin-centric filling: the shape is filled by the largest dot
-- product of need and free room (Panigrahy et al., "Heuristics for vector bin
-- packing", Microsoft Research 2011); the cheapest per packed work wins, among
-- those within 10 % the one that packs most. Elastic shapes are asked for in
-- the size that is needed. Allocs go back when they have been idle for
-- max_idle, or are in the way of a larger one from the same pool.

local policy = require "neap.policy"

return policy.pack "default" {
  api = 1,
  params = {
    gib_per_core = {
      default = 8, min = 0.1,
      doc = "GiB of memory that weigh as much as one core",
    },
  },

  cost = function(task, alloc, ctx)
    local free, need = alloc.free, task.res
    return free.cpu - need.cpu
      + (free.mem - need.mem) / (ctx.params.gib_per_core * 2 ^ 30)
  end,

  release = function(alloc, ctx)
    return ctx.base.release(alloc, ctx)
  end,
}
