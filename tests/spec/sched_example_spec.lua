-- The example of the description of `neap.sched`, as it is printed there.
-- luacheck: no max line length

local sched = require "neap.sched"

it("gives a task back when its alloc dies", function()
  local clock = sched.clock.virtual{}
  local fake = require("neap.testing").manual_cluster()        -- requests wait until the spec answers them
  local s = sched.new{ cluster = fake, clock = clock, min_alloc = {}, repository = sched.repository.memory() }
  s:start()
  local t = sched.task{ ident = "x", cmd = "true", resources = { cpu = 1, mem = 1 } }
  s:submit(t)
  local req = fake:next_request("1s")
  assert.equal(0, req.width)
  local a = fake:alloc("a", { cpu = 2, mem = 2 })
  req:grant(a)
  assert.is_true(t:wait("running", "1s"))
  a:fail_keepalive("Fatal")
  local again = fake:next_request("1m")
  assert.equal("init", t:state())
  assert.equal(1, t:attempt())
  again:grant(fake:alloc("b", { cpu = 1, mem = 1 }))
  assert.is_true(t:wait("running", "1s"))
end)
