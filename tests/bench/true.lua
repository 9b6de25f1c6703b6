--- N times /bin/true with captured output: what a task costs end to end.
local neap = require "neap"

local o = neap.params {
  n = { default = 10000, min = 1, doc = "how many tasks" },
  shell = { default = false, doc = "as a shell line" },
}
local cmd = o.shell and "/bin/true; /bin/true" or { "/bin/true" }
local list = {}
for i = 1, o.n do
  list[i] = neap.task { name = "true", cmd = cmd, cpu = 1, mem = "16MiB" }
end
neap.all(list)
