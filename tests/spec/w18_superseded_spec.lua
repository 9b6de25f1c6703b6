-- W18: a lost task kept running while its resources counted as free: an alloc
-- of one cpu ran two execs.

local sched = require "neap.sched"
local world = require "support.sched_world"

-- Count what lives on the alloc; its execs cannot be waited for, and to kill
-- one takes `kill_s` seconds (nil: for ever).
local function watch(clock, a, kill_s)
  local seen = { alive = 0, most = 0, ids = {} }
  local put = a.put
  a.put = function(self, id, config)
    local x, err = put(self, id, config)
    if not x or seen.ids[id] then
      return x, err
    end
    seen.ids[id] = true
    seen.alive = seen.alive + 1
    seen.most = math.max(seen.most, seen.alive)
    local kill, dead = x.kill, false
    x.kill = function(...)
      if not kill_s then
        return clock:promise():wait()
      end
      clock:sleep(kill_s)
      seen.alive = seen.alive - (dead and 0 or 1)
      dead = true
      return kill(...)
    end
    x.wait = function()
      clock:sleep(1)
      return nil, sched.errors.new("Timeout", "no answer from the node")
    end
    return x
  end
  return seen
end

local function two_tasks(kill_s)
  local s, clock, fake = world.manual { max_pending_allocs = 1 }
  local tasks = world.tasks(2, { cpu = 1 })
  s:submit(tasks)
  local a = fake:alloc("a", { cpu = 1 }, { lease = 3600 })
  local seen = watch(clock, a, kill_s)
  fake:next_request("1s"):grant(a)
  return s, clock, fake, tasks, seen, a
end

describe("W18: a lost attempt", function()
  it("is killed before its room is used again", function()
    local s, clock, _, tasks, seen = two_tasks(5)
    assert.is_true(tasks[1]:wait("running", "1s"))
    local lost
    s:on("task.lost", function() lost = lost or clock:now() end)
    clock:advance(30)
    assert.truthy(lost, "it was never lost")
    assert.equal("init", tasks[1]:state())
    local ids = 0
    for _ in pairs(seen.ids) do
      ids = ids + 1
    end
    assert.is_true(ids >= 2, "the second task never got its turn")
    assert.equal(1, seen.most)
  end)

  it("that cannot be killed costs the alloc: nothing runs beside it",
    function()
      local _, clock, _, _, seen, a = two_tasks(nil)
      clock:advance(120)
      assert.equal(1, seen.most)
      assert.equal(1, a:calls "free")
    end)

  it("has no say in the result of a later one", function()
    local s, _, fake = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    local a = fake:alloc("a", { cpu = 1 })
    fake:next_request("1s"):grant(a)
    assert.is_true(t:wait("running", "1s"))
    local first = t:id()
    local old = a:exec(first)
    a:fail_keepalive "Fatal"
    local b = fake:alloc("b", { cpu = 1 })
    fake:next_request("2m"):grant(b)
    assert.is_true(t:wait("running", "10s"))
    assert.not_equal(first, t:id())
    assert.equal(1, t:attempt())
    old:complete { err = sched.errors.new("Exec", "of the old attempt") }
    assert.is_nil((t:wait("done", "1m")))
    b:exec(t:id()):complete()
    assert.is_true(t:wait("done", "1s"))
    assert.is_nil(t.result.err)
  end)
end)
