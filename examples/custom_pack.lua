--- A packing policy of one's own: run this with and without it and compare.
---
---   neap run --cpu 2 examples/custom_pack.lua
---   neap run --cpu 2 --policy examples/policies/one_at_a_time.lua \
---     examples/custom_pack.lua
---
--- The default starts as many tasks as fit. The policy starts one task per
--- alloc and leaves the rest of it free, for programs that disturb each other
--- (benchmarks, for one).
local neap = require "neap"

local o = neap.params {
  n = { default = 4, min = 1, doc = "how many tasks" },
}

local job = neap.def {
  name = "job",
  cpu = 1,
  mem = "32MiB",
  cache = false, -- it tells the time
  cmd = "date +%s.%N; sleep 0.3; date +%s.%N",
}

local tasks = {}
for i = 1, o.n do
  tasks[i] = job { name = "job" .. i }
end

-- Begin and end of each task, as it saw them itself.
local marks = {}
for _, result in ipairs(neap.all(tasks)) do
  local from, to = result.stdout:read():match("(%S+)%s+(%S+)")
  marks[#marks + 1] = { at = tonumber(from), step = 1 }
  marks[#marks + 1] = { at = tonumber(to), step = -1 }
end
table.sort(marks, function(a, b) return a.at < b.at end)

local now, most = 0, 0
for _, mark in ipairs(marks) do
  now = now + mark.step
  most = math.max(most, now)
end
print(("%d tasks, at most %d at a time"):format(o.n, most))
