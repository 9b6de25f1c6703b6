-- W25: no way to cancel a task, to ask why it waits, to change its place in the
-- queue, to submit many at once, or to use labels and several clusters.

local sched = require "neap.sched"
local world = require "support.sched_world"

local function running()
  local s, clock, fake = world.manual()
  local t = world.task { cpu = 1 }
  s:submit(t)
  local a = fake:alloc("a", { cpu = 1 })
  fake:next_request("1s"):grant(a)
  assert.is_true(t:wait("running", "1s"))
  return s, clock, fake, t, a
end

describe("W25: a task", function()
  it("can be cancelled while it waits", function()
    local s, clock, fake = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    clock:advance(1)
    local req = fake:next_request(0)
    assert.is_true(s:cancel(t, "typo in the command"))
    assert.equal("done", t:state())
    assert.equal("Canceled", t.err.kind)
    assert.truthy(tostring(t.err):find("typo in the command", 1, true))
    assert.is_true(req:wait_cancelled("1s"))
    assert.is_false(s:cancel(t, "again"))
  end)

  it("can be cancelled while it runs: it is killed first", function()
    local s, _, _, t, a = running()
    assert.is_true(s:cancel(t, "too slow"))
    assert.is_true(t:wait("done", "10s"))
    assert.equal("Canceled", t.err.kind)
    assert.equal("killed", a:execs()[1].state)
    local other = world.task { cpu = 1 }
    s:submit(other)
    assert.is_true(other:wait("running", "1s"), "its room is free")
  end)

  it("says why it waits, and for what", function()
    local s, clock = running()
    local t = world.task { cpu = 1, mem = "4GiB" }
    s:submit(t)
    clock:advance(1)
    local why = t:explain()
    assert.equal("pending", why.verdict)
    assert.equal(1, why.position)
    assert.is_true(#why.reasons >= 1)
    assert.equal("a", why.allocs[1].id)
    assert.is_false(why.allocs[1].fits)
    assert.equal(4 * 2 ^ 30, why.allocs[1].missing.mem)
    assert.same(why.verdict, s:why(t).verdict)
  end)

  it("says so when it runs and when it is done", function()
    local s, _, _, t, a = running()
    assert.equal("running", s:why(t).verdict)
    a:exec(t:id()):complete()
    t:wait "done"
    assert.equal("done", s:why(t).verdict)
  end)

  it("that fits nowhere ends with a reason", function()
    local s = world.sim {
      menu = { { name = "m", resources = { cpu = 4, mem = "8GiB" } } },
    }
    local t = world.task { cpu = 5 }
    assert.equal(1, s:submit(t))
    assert.is_true(t:wait("done", "1s"))
    assert.equal("ResourcesExhausted", t.err.kind)
  end)

  it("is one of as many as you like: all or none are accepted", function()
    local s = world.sim {}
    local tasks = world.tasks(1000, { cpu = 1 })
    assert.equal(1000, s:submit(tasks))
    assert.is_true(sched.taskset(unpack(tasks)):wait("1m"))
    assert.equal(1000, s.stats:get().done)
    local new = world.task { cpu = 1 }
    assert.has_error(function() s:submit { new, tasks[1] } end)
    assert.has_error(function() new:id() end)
    assert.equal(1, s:submit(new))
  end)

  it("can be waited for with a limit", function()
    local _, clock, _, t = running()
    local begun = clock:now()
    local ok, err = t:wait("done", "90s")
    assert.is_nil(ok)
    assert.equal("Timeout", err.kind)
    assert.equal(90, clock:now() - begun)
  end)

  it("runs on whichever of several clusters can hold it", function()
    local clock = sched.clock.virtual {}
    local function cluster(name, shape)
      return sched.cluster.sim { clock = clock, name = name,
        menu = { { name = "m", resources = shape } } }
    end
    local plain = cluster("plain", { cpu = 8 })
    local gpu = cluster("gpu", { cpu = 8, gpu = 2 })
    local s = sched.new {
      cluster = { plain, gpu }, clock = clock, labels = { team = "x" },
      repository = sched.repository.memory(),
    }
    s:start()
    local t = world.task { cpu = 1, gpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    assert.is_nil(t.err)
    assert.equal(0, #plain:allocs())
    assert.equal(1, #gpu:allocs())
  end)
end)
