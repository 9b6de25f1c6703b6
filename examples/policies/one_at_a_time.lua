--- One task per alloc, so that nothing disturbs it.
--
--   cost = 0 on an empty alloc, refused elsewhere

local policy = require "neap.policy"

return policy.pack "one_at_a_time" {
  api = 1,

  cost = function(_, alloc)
    if alloc.ntasks > 0 then
      return nil, "%s has a task already", alloc.id
    end
    return 0
  end,
}
