-- W12: a cluster that refuses at once was called 22 600 times a second, and a
-- refusal for ever never failed a task.

local sched = require "neap.sched"
local world = require "support.sched_world"

-- A cluster that refuses with `refuse(req, n)`, and knows what was asked.
local function refusing(refuse, menu)
  return function(clock)
    local c = { name = "c", times = {}, granted = {} }
    if menu then
      c.menu = function() return menu end
    end
    function c.can_allocate(_, r)
      if r.cpu > 64 then
        return false, sched.errors.new("ResourcesExhausted", "64 is all")
      end
      return true
    end
    local inner = sched.cluster.sim { clock = clock }
    function c:allocate(req, labels, ctx)
      local n = #self.times + 1
      self.times[n] = { at = clock:now(), shape = req.shape }
      local kind = refuse(req, n, clock:now())
      if kind then
        return nil, sched.errors.new(kind, "refused for a reason")
      end
      return inner:allocate({ min = sched.resources { cpu = 8 }, width = 0 },
        labels, ctx)
    end
    return c
  end
end

local function calls_until(cluster, seconds)
  local n = 0
  for _, call in ipairs(cluster.times) do
    n = n + (call.at <= seconds and 1 or 0)
  end
  return n
end

describe("W12: a cluster that refuses", function()
  for _, kind in ipairs { "Unavailable", "ResourcesExhausted", "Fatal",
    "Other", "Timeout" } do
    it("is asked with growing pauses: " .. kind, function()
      local s, clock, cluster = world.own(refusing(function()
        return kind
      end))
      local t = world.task { cpu = 1 }
      s:submit(t)
      clock:advance(1.05)
      local first = calls_until(cluster, 1.05)
      assert.is_true(first >= 2 and first <= 10, first .. " calls")
      clock:advance(600)
      local n = #cluster.times
      assert.is_true(n >= 600 / 6 and n <= 10 + 600 / 4, n .. " calls")
      for i = 3, n do
        local pause = cluster.times[i].at - cluster.times[i - 1].at
        assert.is_true(pause <= 6.001)
        assert.is_true(i < 10 or pause >= 3.999)
      end
      assert.equal("init", t:state())
    end)
  end

  it("says why in the explanation of the task", function()
    local s, clock = world.own(refusing(function() return "Unavailable" end))
    local t = world.task { cpu = 1 }
    s:submit(t)
    clock:advance(10)
    local why = t:explain()
    assert.equal("backoff", why.verdict)
    local text = {}
    for _, reason in ipairs(why.reasons) do
      text[#text + 1] = reason.text
    end
    assert.truthy(table.concat(text, "\n"):find("refused for a reason", 1,
      true), table.concat(text, "\n"))
  end)

  it("fails a task that it can never hold, with its error", function()
    local s, clock, cluster = world.own(refusing(function() end))
    local t = world.task { cpu = 65 }
    assert.equal(1, s:submit(t))
    assert.is_true(t:wait("done", "1s"))
    assert.equal("ResourcesExhausted", t.err.kind)
    assert.truthy(tostring(t.err):find("64 is all", 1, true))
    clock:advance(10)
    assert.equal(0, #cluster.times)
  end)

  it("is not asked again for a shape that it does not support", function()
    local s, clock, cluster = world.own(refusing(function(req)
      return req.shape == "cheap" and "NotSupported" or nil
    end, {
      { name = "cheap", resources = { cpu = 8 }, price = 1 },
      { name = "dear", resources = { cpu = 8 }, price = 5 },
    }))
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "10s"))
    clock:advance(30)
    local n = {}
    for _, call in ipairs(cluster.times) do
      n[call.shape] = (n[call.shape] or 0) + 1
    end
    assert.same({ cheap = 1, dear = 1 }, n)
  end)

  it("is asked at once again after it has granted", function()
    local s, clock, cluster = world.own(refusing(function(_, n)
      return n <= 8 and "Unavailable" or nil
    end), { max_alloc_idle_time = 1 })
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    clock:advance(60)
    local u, begun = world.task { cpu = 1 }, clock:now()
    s:submit(u)
    assert.is_true(u:wait("done", "1m"))
    assert.is_true(clock:now() - begun <= 0.051)
    assert.equal(10, #cluster.times)
  end)
end)
