--- A priority policy of one's own: run this with and without it and compare.
---
---   neap run --cpu 1 examples/custom_priority.lua
---   neap run --cpu 1 \
---     --priority-policy examples/policies/longest_first.lua \
---     examples/custom_priority.lua
---
--- Each task says how long it expects to take. By default they start in the
--- order of submission; with the policy the longest starts first.
local neap = require "neap"

local job = neap.def {
  name = "job",
  cpu = 1,
  mem = "32MiB",
  vars = { ms = 100 },
  cache = false, -- it tells the time
  cmd = "date +%s.%N; sleep {{ms}}e-3",
}

local lengths = { 50, 200, 100, 300, 150 }
local tasks = {}
for i, ms in ipairs(lengths) do
  tasks[i] = job { name = "job-" .. ms, ms = ms, expect = ms / 1000 }
end

local started = {}
for i, result in ipairs(neap.all(tasks)) do
  started[i] = { ms = lengths[i], at = tonumber(result.stdout:read()) }
end
table.sort(started, function(a, b) return a.at < b.at end)

local order = {}
for i, job_start in ipairs(started) do
  order[i] = job_start.ms
end
print("started in this order (ms): " .. table.concat(order, " "))
