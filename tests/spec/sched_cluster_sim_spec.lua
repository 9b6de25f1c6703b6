-- The simulated cluster by itself: what it grants, when, for how long, and at
-- what price. No scheduler is involved.

local clocks = require "neap.sched.clock"
local cluster_sim = require "neap.sched.cluster_sim"
local fileset = require "neap.sched.fileset"
local digest = require "neap.sched.digest"
local resources = require "neap.sched.resources"

local R = resources
local SEED = 7

describe("the simulated cluster", function()
  local clock

  before_each(function()
    clock = clocks.virtual { seed = SEED }
  end)

  local function sim(opts)
    opts.clock = clock
    return cluster_sim.new(opts)
  end

  local function elastic(cpu, opts)
    return sim(opts or {}):allocate { min = R { cpu = cpu }, width = 0 }
  end

  local small = { name = "small", resources = { cpu = 4, mem = "8GiB" } }

  local function menu(extra)
    local shape = { name = small.name, resources = small.resources }
    for k, v in pairs(extra or {}) do
      shape[k] = v
    end
    return { shape }
  end

  local function ask(c, ctx)
    return c:allocate({ shape = "small", count = 1, index = 1 }, {}, ctx)
  end

  describe("grants", function()
    it("min times one more than the width when it is elastic", function()
      local c = sim {}
      assert.is_nil(c.menu)
      for width = 0, 3 do
        local a = c:allocate { min = R { cpu = 2, mem = 10 }, width = width }
        assert.equal(R { cpu = 2 * (1 + width), mem = 10 * (1 + width) },
          a:resources())
      end
    end)

    it("no more than the cap, and never less than min", function()
      local c = sim { cap = { cpu = 8, mem = 100 } }
      local a = c:allocate { min = R { cpu = 3, mem = 10 }, width = 9 }
      assert.equal(R { cpu = 8, mem = 100 }, a:resources())
      local none, err = c:allocate { min = R { cpu = 9 }, width = 0 }
      assert.is_nil(none)
      assert.equal("ResourcesExhausted", err.kind)
      local can, why = c:can_allocate(R { cpu = 9 })
      assert.is_false(can)
      assert.equal("ResourcesExhausted", why.kind)
      assert.is_true(c:can_allocate(R { cpu = 8 }))
    end)

    it("shapes of its menu, after their start-up", function()
      local c = sim { menu = menu { startup = "1m" } }
      assert.equal("small", c:menu()[1].name)
      assert.equal(60, c:menu()[1].startup)
      local a = ask(c)
      assert.equal(60, clock:now())
      assert.equal(R(small.resources), a:resources())
      local none, err = c:allocate { shape = "huge" }
      assert.is_nil(none)
      assert.equal("NotSupported", err.kind)
    end)

    it("one after another at the times that a function says", function()
      local asked = {}
      local c = sim {
        menu = menu { startup = 5 },
        startup = function(shape, n)
          asked[#asked + 1] = shape.name .. n
          return 10 * n
        end,
      }
      ask(c)
      ask(c)
      assert.equal(30, clock:now())
      assert.same({ "small1", "small2" }, asked)
    end)

    it("not more than max at a time; an end makes room", function()
      local c = sim { menu = menu { max = 2 } }
      local a = ask(c)
      assert.truthy(ask(c))
      local none, err = ask(c)
      assert.is_nil(none)
      assert.equal("Unavailable", err.kind)
      assert.is_true(a:free())
      assert.truthy(ask(c))
    end)

    it("nothing when the request is cancelled meanwhile", function()
      local c = sim { menu = menu { max = 1 }, startup = 100 }
      local cancel
      local ctx = { on_cancel = function(_, fn) cancel = fn end }
      local answer = clock:spawn(ask, c, ctx)
      clock:advance(10)
      cancel()
      local a, err = answer:wait()
      assert.is_nil(a)
      assert.equal("Canceled", err.kind)
      assert.equal(10, clock:now())
      assert.same({}, c:allocs())
      assert.truthy(ask(c))
    end)

    it("nothing at all where the start-up never ends", function()
      local c = sim { startup = function() return math.huge end }
      local cancel
      local ctx = { on_cancel = function(_, fn) cancel = fn end }
      local answer = clock:spawn(function()
        return c:allocate({ min = R { cpu = 1 }, width = 0 }, {}, ctx)
      end)
      clock:advance(1e6)
      assert.same({}, c:allocs())
      cancel()
      assert.equal("Canceled", select(2, answer:wait()).kind)
    end)

    it("a refusal for each kind that fail gives", function()
      local c = sim {
        fail = function(what, at)
          return what == "allocate" and at < 5 and "Temporary" or nil, 2
        end,
        menu = menu { max = 1 },
      }
      for t = 2, 6, 2 do
        local a, err = ask(c)
        assert.is_nil(a)
        assert.equal("Temporary", err.kind)
        assert.equal(t, clock:now())
      end
      assert.truthy(ask(c))
    end)
  end)

  describe("an alloc", function()
    it("lives while its lease is renewed, and no longer", function()
      local c = sim { lease = 30 }
      local a = c:allocate { min = R { cpu = 1 }, width = 0 }
      assert.equal(30, a:keepalive(120))
      clock:advance(29)
      assert.equal(10, a:keepalive(10))
      clock:advance(9.5)
      assert.equal("live", c:allocs()[1].state)
      clock:advance(1)
      local row = c:allocs()[1]
      assert.equal("dead", row.state)
      assert.equal(39, row.ended)
      local granted, err = a:keepalive(120)
      assert.is_nil(granted)
      assert.equal("NotExist", err.kind)
    end)

    it("ends with its walltime; what runs there ends, too", function()
      local c = sim { menu = menu { walltime = 100 } }
      local a = ask(c)
      assert.equal(100, a:keepalive(120))
      local x = a:put("x", { resources = R { cpu = 1 },
        expected_duration = 500 })
      local done, err = x:wait()
      assert.is_nil(done)
      assert.equal("Unavailable", err.kind)
      assert.equal(100, clock:now())
      assert.equal("dead", c:allocs()[1].state)
    end)

    it("dies when fail has announced it, of that kind", function()
      local asked = 0
      local a = elastic(1, {
        fail = function(what, _, _, alloc)
          if what == "alloc" then
            asked = asked + 1
            return alloc.id == "a1" and "Net" or nil, 70
          end
        end,
      })
      assert.equal(120, a:keepalive(120))
      local x = a:put("x", { expected_duration = 500 })
      clock:advance(60)
      assert.equal(120, a:keepalive(120))
      assert.is_nil((x:wait()))
      assert.equal(70, clock:now())
      local granted, err = a:keepalive(120)
      assert.is_nil(granted)
      assert.equal("Net", err.kind)
      assert.equal(1, asked)
    end)

    it("survives a keepalive that fails for a moment", function()
      local kinds = { "Timeout", "Temporary" }
      local a = elastic(1, {
        fail = function(what)
          return what == "alloc" and table.remove(kinds, 1) or nil
        end,
      })
      for _, kind in ipairs { "Timeout", "Temporary" } do
        local granted, err = a:keepalive(120)
        assert.is_nil(granted)
        assert.equal(kind, err.kind)
      end
      assert.equal(120, a:keepalive(120))
    end)

    it("is freed once; then everything on it fails", function()
      local c = sim {}
      local a = c:allocate { min = R { cpu = 1 }, width = 0 }
      local x = a:put("x", { expected_duration = 10 })
      assert.is_true(a:free())
      assert.is_nil((a:free()))
      assert.is_nil((x:wait()))
      for call, kind in pairs { keepalive = "NotExist",
        load = "Unavailable", put = "Unavailable" } do
        local none, err = a[call](a, 10, {}, "t")
        assert.is_nil(none, call)
        assert.equal(kind, err.kind)
      end
      clock:advance(1000)
      assert.equal("released", c:allocs()[1].state)
    end)

    it("may be freed after it died", function()
      local a = elastic(1)
      a:die("power cut")
      assert.is_true(a:free())
      assert.is_nil((a:free()))
    end)

    it("counts references by token", function()
      local a = elastic(1)
      local one, two = digest.of "1", digest.of "2"
      local fs = fileset { x = { id = one, size = 1 } }
      local both = fileset {
        x = { id = one, size = 1 }, y = { id = two, size = 1 },
      }
      a:load(nil, fs, "t1")
      a:load(nil, fs, "t1")
      a:load(nil, both, "t2")
      assert.same({ [one] = 2, [two] = 1 }, a:refcounts())
      assert.is_true(a:unload(fs, "t1"))
      assert.is_true(a:unload(fs, "t1"))
      assert.is_true(a:unload(fs, "never"))
      assert.same({ [one] = 1, [two] = 1 }, a:refcounts())
      a:unload(nil, "t2")
      assert.same({}, a:refcounts())
    end)

    it("resolves references when it loads", function()
      local a = elastic(1)
      local fs = a:load(nil, fileset {
        x = { source = "s3://b/k", size = 3, etag = "e" },
      }, "t")
      assert.truthy(fs:get("x").id)
      assert.equal(3, fs:get("x").size)
    end)
  end)

  describe("an exec", function()
    it("lasts for the expected duration", function()
      local a = elastic(2)
      local x = a:put("x", { ident = "t", expected_duration = 90 })
      assert.is_true(x:wait())
      assert.equal(90, clock:now())
      assert.is_true(x:wait())
      assert.is_true(x:promote())
      assert.equal(90, x:inspect().runtime)
      assert.is_nil(x:result().err)
      assert.is_true(x:result().fileset:empty())
    end)

    it("lasts for what runtime says, which sees task and alloc", function()
      local c = sim {
        name = "lab", price = 3,
        runtime = function(task, alloc)
          assert.equal("sort", task.name)
          assert.equal(2, task.res.cpu)
          assert.equal(7, task.expect)
          assert.equal("lab", alloc.pool)
          assert.equal(3, alloc.price)
          assert.equal(R { cpu = 4 }, alloc.free)
          return 11
        end,
      }
      local a = c:allocate { min = R { cpu = 4 }, width = 0 }
      a:put("x", { ident = "sort", resources = R { cpu = 2 },
        expected_duration = 7 }):wait()
      assert.equal(11, clock:now())
    end)

    it("is found again by its id, also by several that wait", function()
      local a = elastic(1)
      local config = { resources = R { cpu = 1 }, expected_duration = 10 }
      local x = a:put("x", config)
      assert.equal(x, a:put("x", config))
      local p1 = clock:spawn(x.wait, x)
      local p2 = clock:spawn(x.wait, x)
      clock:advance(4)
      assert.is_true(x:kill())
      for _, p in ipairs { p1, p2 } do
        local done, err = p:wait()
        assert.is_nil(done)
        assert.equal("Canceled", err.kind)
      end
      assert.equal(4, clock:now())
      assert.not_equal(x, a:put("x", config))
    end)

    it("is refused when the alloc has no room for it", function()
      local a = elastic(3)
      local two = { resources = R { cpu = 2 }, expected_duration = 10 }
      assert.truthy(a:put("x", two))
      local none, err = a:put("y", two)
      assert.is_nil(none)
      assert.equal("ResourcesExhausted", err.kind)
      assert.truthy(tostring(err):find("a1", 1, true))
      clock:advance(10)
      assert.truthy(a:put("y", two), "x is over, though nobody waited")
    end)

    it("fails as fail says: the program, or the wait", function()
      local a = elastic(8, {
        fail = function(what, _, _, config)
          return what == "exec" and config.ident or nil, config.after
        end,
      })
      local bad = a:put("x", { ident = "Exec", expected_duration = 5 })
      assert.is_true(bad:wait())
      assert.equal("Exec", bad:result().err.kind)
      local lost = a:put("y", { ident = "Net", expected_duration = 5,
        after = 2 })
      local done, err = lost:wait()
      assert.is_nil(done)
      assert.equal("Net", err.kind)
      assert.equal(7, clock:now())
    end)
  end)

  describe("accounts", function()
    it("cost price times lifetime, from grant to end", function()
      local c = sim { menu = menu { price = 2, startup = 600 }, lease = 7200 }
      local a = ask(c)
      assert.equal(0, c:cost())
      local b = ask(c) -- 600 s later
      assert.is_near(2 / 6, c:cost(), 1e-9)
      a:keepalive(120)
      a:free()
      clock:advance(100)
      b:die()
      assert.is_near(2 / 6 + 2 * 100 / 3600, c:cost(), 1e-9)
      clock:advance(1000)
      assert.is_near(2 / 6 + 2 * 100 / 3600, c:cost(), 1e-9)
      local sum = 0
      for _, row in ipairs(c:allocs()) do
        sum = sum + row.cost
      end
      assert.is_near(c:cost(), sum, 1e-9)
    end)

    it("ask a function for the price of what has none", function()
      local c = sim {
        price = function(total) return total.cpu * 0.5 end, lease = 7200,
      }
      c:allocate { min = R { cpu = 4 }, width = 0 }
      clock:advance(3600)
      assert.is_near(2, c:cost(), 1e-9)
    end)
  end)

  it("is the same twice for the same seed", function()
    local function history(seed)
      clock = clocks.virtual { seed = SEED }
      local log = {}
      local c = sim {
        seed = seed,
        startup = function(_, _, random) return 10 * random() end,
        fail = function(what, _, random)
          return random() < 0.3 and (what == "alloc" and "Fatal" or "Net")
            or nil
        end,
        runtime = function(_, _, random) return random() end,
      }
      for i = 1, 50 do
        local a, err = c:allocate { min = R { cpu = 1 }, width = 0 }
        local granted = a and a:keepalive(60)
        local x = granted and a:put("x" .. i, {})
        log[i] = ("%s %s %s %.17g"):format(tostring(err), tostring(granted),
          tostring(x and x:wait()), clock:now())
      end
      return table.concat(log, "\n")
    end
    assert.equal(history(1), history(1))
    assert.not_equal(history(1), history(2))
  end)

  it("raises what makes no sense, with names and values", function()
    local cases = {
      { { menue = {} }, "did you mean 'menu'" },
      { { menu = {} }, "menu is empty" },
      { { menu = { { name = "x" } } }, "name and resources" },
      { { menu = { small, small } }, "called 'small'" },
      { { menu = { { name = "x", resources = { cpu = 1 }, prize = 1 } } },
        "did you mean 'price'" },
      { { menu = { { name = "x", resources = { cpu = -1 } } } }, "1" },
      { { lease = 0 }, "lease" }, { { lease = "soon" }, "'soon'" },
      { { startup = -1 }, "-1" }, { { startup = {} }, "startup" },
      { { price = 0 / 0 }, "price" }, { { runtime = 5 }, "runtime" },
      { { cap = 5 }, "5" }, { { seed = "x" }, "seed" },
    }
    for i, case in ipairs(cases) do
      local ok, err = pcall(cluster_sim.new, case[1])
      assert.is_false(ok, "case " .. i)
      assert.equal("Invalid", err.kind)
      assert.truthy(tostring(err):find(case[2], 1, true), tostring(err))
    end
    local a = elastic(1, { runtime = function() return -5 end })
    assert.has_error(function() a:put("x", {}) end)
  end)
end)
