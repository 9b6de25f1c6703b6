--- Longest first: among tasks of the same priority, what takes longest starts
--- first, so that no long task is left to run alone at the end.
--
--   key = (priority, -expected seconds, seq)       (LPT; Graham 1969)

local policy = require "neap.policy"

return policy.priority "longest_first" {
  api = 1,

  key = function(task)
    return task.priority, -(task.expect or 0), task.seq
  end,
}
