--- States of a task, as numbers that only grow towards the end.

local state = { init = 0, staging = 1, running = 2, lost = 3, done = 4 }

local names = { [0] = "init", "staging", "running", "lost", "done" }
local texts = {
  [0] = "initializing", "staging data", "running", "lost", "done",
}

--- The name of state `n`: "init" … "done"; nil if there is none.
function state.name(n)
  return names[n]
end

--- What people read about state `n`: "staging data"; nil if there is none.
function state.text(n)
  return texts[n]
end

return state
