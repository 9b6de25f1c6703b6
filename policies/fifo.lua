--- fifo: plain priority, then first come, first served.
--
--   key = (priority, submission number)
--
-- The built-in order looks at a task's size between the two; this one does
-- not, so tasks start in the order in which they were submitted as far as
-- they fit.

local policy = require "neap.policy"

return policy.priority "fifo" {
  api = 1,

  key = function(task)
    return task.priority, task.seq
  end,
}
