-- W10: at most one request was issued for each event, so a cluster grew as fast
-- as events came; requests that were no longer needed were never taken back.

local sched = require "neap.sched"
local world = require "support.sched_world"

-- A cluster that answers when the spec says so.
local function waiting(clock)
  local c = { name = "c", open = {}, freed = 0 }
  function c.menu()
    return { { name = "node", resources = { cpu = 16 }, price = 1 } }
  end
  function c.can_allocate()
    return true
  end
  function c:allocate(req, _, ctx)
    local r = { req = req, at = clock:now(), answer = clock:promise(),
      ctx = ctx, cancelled = 0 }
    self.open[#self.open + 1] = r
    ctx:on_cancel(function() r.cancelled = r.cancelled + 1 end)
    return r.answer:wait()
  end
  function c:cancelled()
    local n = 0
    for _, r in ipairs(self.open) do
      assert.equal(r.cancelled == 1, r.ctx:done())
      n = n + r.cancelled
    end
    return n
  end
  return c
end

local function five(opts)
  local s, clock, cluster = world.own(waiting, opts)
  local tasks = world.tasks(5, { cpu = 16 })
  s:submit(tasks)
  clock:advance(1)
  return s, clock, cluster, tasks
end

describe("W10: requests", function()
  it("of a round go out together", function()
    local _, _, cluster = five {}
    assert.equal(5, #cluster.open)
    for i, r in ipairs(cluster.open) do
      assert.equal(cluster.open[1].at, r.at)
      assert.equal(5, r.req.count)
      assert.equal(i, r.req.index)
      assert.equal("node", r.req.shape)
      assert.equal(0, r.req.width)
    end
  end)

  it("went out one by one in the original", function()
    local _, _, cluster = five { packing = "reflow" }
    assert.equal(1, #cluster.open)
  end)

  it("are cancelled once nobody needs them", function()
    local s, clock, cluster, tasks = five {}
    for i = 1, 3 do
      assert.is_true(s:cancel(tasks[i], "changed my mind"))
    end
    clock:advance(1)
    assert.equal(3, cluster:cancelled())
    for i = 4, 5 do
      s:cancel(tasks[i], "all of it")
    end
    clock:advance(1)
    assert.equal(5, cluster:cancelled())
  end)

  it("that are granted all the same are used, or given back", function()
    local s, clock, cluster, tasks = five {}
    for i = 1, 5 do
      s:cancel(tasks[i], "changed my mind")
    end
    clock:advance(1)
    local helper = require("neap.testing").manual_cluster { clock = clock }
    local freed = {}
    local function grant(i)
      local a = helper:alloc("late" .. i, { cpu = 16 })
      a.free = function()
        freed[i] = (freed[i] or 0) + 1
        return true
      end
      cluster.open[i].answer:resolve(a)
    end
    grant(1)
    clock:advance(1)
    assert.same({ 1 }, freed)
    local t = world.task { cpu = 1 }
    s:submit(t)
    grant(2)
    assert.is_true(t:wait("running", "1s"))
    assert.same({ 1 }, freed)
    assert.equal(sched.state.running, s.stats:get().tasks[t:id()].state)
  end)
end)
