--- The smallest workflow: one task, its output printed.
local neap = require "neap"

local hi = neap.task {
  name = "hello",
  cmd = "echo hello from $(uname -s)",
  cpu = 1,
  mem = "64MiB",
}

io.write(hi:await().stdout:read())
