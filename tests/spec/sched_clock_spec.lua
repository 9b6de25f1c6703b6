local clocks = require "neap.sched.clock"
local errors = require "neap.sched.errors"

local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  return err
end

describe("a virtual clock", function()
  local clock, log

  local function note(text)
    log[#log + 1] = ("%g %s"):format(clock:now(), text)
  end

  before_each(function()
    clock, log = clocks.virtual {}, {}
  end)

  it("starts where it is told to", function()
    assert.equal(0, clock:now())
    assert.equal(0, clock:now_ns())
    local later = clocks.virtual { start = 12.5 }
    assert.equal(12.5, later:now())
    assert.equal(12.5e9, later:now_ns())
  end)

  it("moves by exactly what it is told to", function()
    for _ = 1, 10 do
      clock:advance(0.1)
    end
    assert.equal(1, clock:now())
    clock:advance("1h30m")
    assert.equal(5401, clock:now())
  end)

  it("runs what becomes due in the order of time, then of creation", function()
    for i, after in ipairs { 3, 1, 2, 1, 3, 0 } do
      clock:after(after, function() note("t" .. i) end)
    end
    clock:advance(2)
    assert.same({ "0 t6", "1 t2", "1 t4", "2 t3" }, log)
    clock:advance(1)
    assert.same({ "3 t1", "3 t5" }, { log[5], log[6] })
    assert.equal(3, clock:now())
  end)

  it("runs what becomes due because of what became due", function()
    clock:after(1, function()
      note "first"
      clock:after(0, function() note "second" end)
      clock:sleep(1)
      note "third"
    end)
    clock:advance(2)
    assert.same({ "1 first", "1 second", "2 third" }, log)
  end)

  it("lets a timer be cancelled, even one of the same instant", function()
    local cancel
    clock:after(1, function()
      note "a"
      assert.is_true(cancel())
      assert.is_false(cancel())
    end)
    cancel = clock:after(1, function() note "never" end)
    local late = clock:after(2, function() note "b" end)
    clock:advance(5)
    assert.same({ "1 a", "2 b" }, log)
    assert.is_false(late())
  end)

  it("starts spawned functions first in, first out, and not at once", function()
    clock:spawn(note, "a")
    clock:spawn(function(...)
      note(table.concat({ ... }, ","))
      clock:spawn(note, "c")
    end, 1, 2, 3, 4)
    assert.same({}, log)
    clock:advance(0)
    assert.same({ "0 a", "0 1,2,3,4", "0 c" }, log)
  end)

  it("gives what a spawned function returns", function()
    local function give(...) return ... end
    assert.equal(0, select("#", clock:spawn(give):wait()))
    assert.same({ nil, false, nil, 7, n = 5 }, (function(...)
      return { n = select("#", ...), ... }
    end)(clock:spawn(give, nil, false, nil, 7, nil):wait()))
  end)

  it("does not begin what was resolved before", function()
    local p = clock:spawn(note, "never")
    assert.is_true(p:resolve("instead"))
    assert.equal("instead", p:wait())
    clock:advance(1)
    assert.same({}, log)
  end)

  it("calls at_rest when nothing else is ready, before time moves", function()
    clock:at_rest(function()
      note "rest"
      clock:spawn(note, "after rest")
      clock:at_rest(function() note "rest again" end)
    end)
    clock:after(0, function() note "due now" end)
    clock:spawn(function()
      clock:spawn(note, "b")
      note "a"
      clock:sleep(1)
      note "later"
    end)
    clock:advance(1)
    assert.same({ "0 a", "0 b", "0 due now", "0 rest", "0 after rest",
      "0 rest again", "1 later" }, log)
  end)

  it("sleeps nobody: an hour takes no time", function()
    local wall, steps = os.time(), 0
    clock:spawn(function()
      for _ = 1, 3600 do
        clock:sleep(1)
        steps = steps + 1
      end
    end)
    clock:advance("1h")
    assert.equal(3600, steps)
    assert.is_true(os.time() - wall < 60)
  end)

  it("sleeps in the main chunk, too", function()
    clock:after(1, function() note "timer" end)
    clock:sleep("1500ms")
    note "main"
    assert.same({ "1 timer", "1.5 main" }, log)
  end)

  it("runs until a condition holds", function()
    for i = 1, 5 do
      clock:after(i, function() note(i) end)
    end
    assert.is_true(clock:run(function() return #log == 3 end))
    assert.equal(3, clock:now())
    assert.is_false(clock:run(function() return #log == 9 end))
    assert.equal(5, #log)
    assert.is_false(clock:run())
  end)

  it("asks the condition before each event", function()
    clock:spawn(note, "a")
    clock:spawn(note, "b")
    assert.is_true(clock:run(function() return log[1] ~= nil end))
    assert.same({ "0 a" }, log)
  end)

  it("advances and runs in a coroutine as well", function()
    local p = clock:spawn(function()
      clock:advance(2)
      note "advanced"
      local held = clock:run(function() return #log == 3 end)
      note(tostring(held))
      held = clock:run(function() return false end)
      note(tostring(held))
    end)
    clock:after(3, function() note "x" end)
    clock:after(4, function() note "y" end)
    p:wait()
    assert.same({ "2 advanced", "3 x", "4 y", "4 true", "4 false" }, log)
  end)

  it("can be turned in a coroutine of somebody else", function()
    clock:after(1, function() note "x" end)
    local co = coroutine.create(function() clock:advance(1) end)
    assert.is_true(coroutine.resume(co))
    assert.equal("dead", coroutine.status(co))
    assert.same({ "1 x" }, log)
  end)

  it("uses coroutines again", function()
    local seen, n = {}, 0
    for _ = 1, 100 do
      clock:spawn(function()
        local co = coroutine.running()
        n = n + (seen[co] and 0 or 1)
        seen[co] = true
      end):wait()
    end
    assert.equal(1, n)
  end)

  describe("and errors", function()
    it("gives a raised one to who waits, as Fatal", function()
      local value, err = clock:spawn(error, "boom", 0):wait()
      assert.is_nil(value)
      assert.equal("Fatal", err.kind)
      assert.equal("boom", err.message)
      assert.truthy(err.trace)
    end)

    it("leaves an error what it is", function()
      local mine = errors.new("Net", "reset")
      local _, err = clock:spawn(error, mine):wait()
      assert.is_true(rawequal(mine, err))
    end)

    it("tells on_error of each", function()
      local told = {}
      clock.on_error = function(err) told[#told + 1] = err.message end
      clock:spawn(error, "spawned", 0)
      clock:after(1, function() error("timer", 0) end)
      local co = coroutine.create(function()
        clock:sleep(2)
        error("foreign", 0)
      end)
      coroutine.resume(co)
      clock:advance(3)
      assert.same({ "spawned", "timer", "foreign" }, told)
    end)

    it("raises where it is turned what nobody else can learn", function()
      clock:after(1, function() error("timer", 0) end)
      local err = raised(clock.advance, clock, 2)
      assert.equal("timer", err.message)
      clock:advance(1)
      local co = coroutine.create(function()
        clock:sleep(1)
        error("foreign", 0)
      end)
      coroutine.resume(co)
      clock:spawn(error, "somebody may ask its promise")
      err = raised(clock.sleep, clock, 5)
      assert.equal("foreign", err.message)
      assert.equal(3, clock:now())
    end)

    it("goes on after them", function()
      for i = 1, 10 do
        clock:spawn(error, i)
        clock:spawn(note, i)
      end
      clock:advance(1)
      assert.equal(10, #log)
    end)

    it("raises a deadlock instead of hanging", function()
      local p = clock:promise()
      local err = raised(p.wait, p)
      assert.equal("Invalid", err.kind)
      assert.truthy(err.message:find("deadlock", 1, true))
      assert.truthy(err.where:find("sched_clock_spec", 1, true), err.where)
      clock:after(3, function() p:resolve("late") end)
      assert.equal("late", p:wait())
    end)

    it("refuses to wait in at_rest and in conditions", function()
      clock:at_rest(function() clock:sleep(1) end)
      local err = raised(clock.advance, clock, 1)
      assert.truthy(err.message:find("at_rest", 1, true))
      err = raised(clock.run, clock, function() clock:sleep(1) end)
      assert.truthy(err.message:find("must not wait", 1, true))
      assert.equal("Invalid", err.kind)
      clock:advance(1)
    end)

    it("refuses to wait where Lua cannot yield", function()
      local _, err = clock:spawn(table.sort, { 2, 1 }, function(a, b)
        clock:sleep(1)
        return a < b
      end):wait()
      assert.truthy(err.message:find("C function", 1, true), tostring(err))
    end)
  end)

  it("raises for wrong arguments", function()
    local wrong = {
      { clock.advance, clock, -1 }, { clock.advance, clock, 0 / 0 },
      { clock.advance, clock, math.huge }, { clock.advance, clock, "soon" },
      { clock.advance, clock }, { clock.sleep, clock, {} },
      { clock.after, clock, "x", print }, { clock.after, clock, 1 },
      { clock.spawn, clock, 7 }, { clock.at_rest, clock },
      { clock.run, clock, 5 }, { clock.random_int, clock, 0 },
      { clock.random_int, clock, 1.5 }, { clock.random_int, clock },
      { clocks.virtual, 7 }, { clocks.virtual, { sed = 1 } },
      { clocks.virtual, { seed = "x" } }, { clocks.virtual, { start = 0 / 0 } },
      { clocks.real, { start = 1 } },
    }
    for i, call in ipairs(wrong) do
      local err = raised(unpack(call))
      assert.equal("Invalid", err.kind, i)
      assert.truthy(err.message, i)
    end
    assert.truthy(raised(clocks.virtual, { sed = 1 }).message
      :find("did you mean 'seed'", 1, true))
  end)

  describe("has random numbers that", function()
    local function numbers(c)
      local list = {}
      for i = 1, 50 do
        list[i] = c:random()
        list[50 + i] = c:random_int(1000)
        list[100 + i] = c:random_digest()
      end
      return list
    end

    it("are those of its seed, whatever else runs", function()
      local a = numbers(clocks.virtual { seed = 42 })
      math.randomseed(1)
      assert.same(a, numbers(clocks.virtual { seed = 42 }))
      assert.are_not.same(a, numbers(clocks.virtual { seed = 43 }))
      assert.are_not.same(a, numbers(clocks.virtual { seed = 42.5 }))
      assert.same(numbers(clocks.virtual {}), numbers(clocks.virtual {}))
    end)

    it("are spread evenly", function()
      local sum, counts, n = 0, {}, 60000
      for _ = 1, n do
        local x = clock:random()
        assert.is_true(x >= 0 and x < 1)
        sum = sum + x
        local i = clock:random_int(6)
        counts[i] = (counts[i] or 0) + 1
      end
      assert.is_true(math.abs(sum / n - 0.5) < 0.01)
      assert.equal(6, #counts)
      for i = 1, 6 do
        assert.is_true(math.abs(counts[i] / n - 1 / 6) < 0.01)
      end
    end)

    it("are never the same digest", function()
      local seen = {}
      for _ = 1, 20000 do
        local d = clock:random_digest()
        assert.is_nil(seen[d])
        seen[d] = true
      end
      assert.truthy(next(seen):find("^sha256:%x+$"))
      assert.equal(71, #next(seen))
    end)
  end)

  it("gives the same events for the same seed", function()
    local function history(seed)
      local c, lines = clocks.virtual { seed = seed }, {}
      local function worker(name)
        for i = 1, 20 do
          c:sleep(c:random())
          lines[#lines + 1] = ("%.9f %s %d"):format(c:now(), name, i)
          if c:random() < 0.3 then
            c:spawn(worker, name .. i)
          end
          if #lines > 2000 then
            return
          end
        end
      end
      c:spawn(worker, "w")
      c:run()
      return table.concat(lines, "\n")
    end
    for seed = 1, 5 do
      local first = history(seed)
      collectgarbage()
      assert.equal(first, history(seed), "seed " .. seed)
    end
    assert.are_not.equal(history(1), history(2))
  end)

  it("keeps its timers in order whatever is taken out", function()
    for seed = 1, 20 do
      local c = clocks.virtual { seed = seed }
      local due, cancels, fired = {}, {}, {}
      for i = 1, 300 do
        local at = c:random_int(50)
        due[i] = at
        cancels[i] = c:after(at, function()
          fired[#fired + 1] = i
          assert.equal(at, c:now(), "seed " .. seed)
        end)
      end
      local left = 300
      for i = 1, 300 do
        if c:random() < 0.5 then
          assert.is_true(cancels[i]())
          due[i], left = nil, left - 1
        end
      end
      c:run()
      assert.equal(left, #fired, "seed " .. seed)
      for k = 2, #fired do
        local a, b = fired[k - 1], fired[k]
        assert.is_true(due[a] < due[b] or due[a] == due[b] and a < b,
          "seed " .. seed)
      end
    end
  end)
end)

describe("a promise", function()
  local clock

  before_each(function()
    clock = clocks.virtual {}
  end)

  it("is resolved once", function()
    local p = clock:promise()
    assert.is_true(p:resolve(1, nil, 3))
    assert.is_false(p:resolve(2))
    assert.same({ 1, nil, 3, n = 3 }, (function(...)
      return { n = select("#", ...), ... }
    end)(p:wait()))
    assert.equal(1, (p:wait(0)))
  end)

  it("times out", function()
    local p = clock:promise()
    local value, err = p:wait("2s")
    assert.is_nil(value)
    assert.is_true(errors.is("Timeout", err))
    assert.equal(2, clock:now())
    value, err = clock:spawn(function() return p:wait(1) end):wait()
    assert.is_nil(value)
    assert.is_true(errors.is("Timeout", err))
    assert.equal(3, clock:now())
    p:resolve("late")
    assert.equal("late", p:wait(1))
    assert.equal(3, clock:now())
  end)

  it("wakes who waits in the order in which they began, main too", function()
    local p, order = clock:promise(), {}
    local function waiter(name, timeout)
      p:wait(timeout)
      order[#order + 1] = name
    end
    clock:spawn(waiter, "a")
    clock:spawn(waiter, "b", 10)
    clock:spawn(function()
      clock:sleep(1)
      clock:spawn(waiter, "d")
      clock:sleep(1)
      p:resolve()
    end)
    clock:advance(0)
    waiter("c", 5)
    assert.same({ "a", "b", "c" }, order)
    assert.equal(2, clock:now())
    clock:advance(0)
    assert.same({ "a", "b", "c", "d" }, order)
    assert.is_false(clock:run())
    assert.equal(2, clock:now())
  end)

  it("forgets who has waited too long", function()
    local p, woken = clock:promise(), 0
    for i = 1, 3 do
      clock:spawn(function()
        woken = woken + (p:wait(i) and 1 or 0)
      end)
    end
    clock:advance(2)
    p:resolve(true)
    clock:advance(5)
    assert.equal(1, woken)
  end)

  it("prefers its values to a timeout of the same instant", function()
    local p = clock:promise()
    clock:after(1, function() p:resolve("value") end)
    local waiter = clock:spawn(function() return p:wait(1) end)
    assert.equal("value", waiter:wait())
  end)

  it("may be resolved and waited for anywhere", function()
    local p, got = clock:promise(), {}
    local co = coroutine.create(function()
      got[1] = p:wait()
      coroutine.yield("mine")
      got[2] = "resumed by its owner"
    end)
    coroutine.resume(co)
    assert.is_nil(got[1])
    p:resolve(7)
    assert.is_nil(got[1])
    clock:advance(0)
    assert.equal(7, got[1])
    coroutine.resume(co)
    assert.equal("resumed by its owner", got[2])
  end)

  it("is not fooled by somebody who resumes a coroutine that waits", function()
    local p, q = clock:promise(), clock:promise()
    local co
    local waiter = clock:spawn(function()
      co = coroutine.running()
      local a = p:wait(100)
      local b = q:wait()
      clock:sleep(3)
      return a, b, clock:now()
    end)
    clock:advance(0)
    coroutine.resume(co)
    p:resolve("a")
    coroutine.resume(co)
    coroutine.resume(co)
    clock:advance(1)
    q:resolve("b")
    coroutine.resume(co)
    clock:advance(0)
    coroutine.resume(co)
    assert.same({ "a", "b", 4 }, { waiter:wait() })
    -- The coroutine waits in the pool now.
    coroutine.resume(co)
    assert.equal(8, clock:spawn(function() return 8 end):wait())
  end)

  it("raises for a wrong timeout", function()
    local p = clock:promise()
    for _, timeout in ipairs { -1, 0 / 0, "x", {}, true } do
      assert.equal("Invalid", raised(p.wait, p, timeout).kind)
    end
  end)
end)

describe("the real clock", function()
  it("shows the time of day, and never goes back", function()
    local clock = clocks.real()
    assert.is_true(math.abs(clock:now() - os.time()) < 2)
    local last = clock:now_ns()
    for _ = 1, 1000 do
      local now = clock:now_ns()
      assert.is_true(now >= last)
      last = now
    end
  end)

  it("waits for timers, sleeps and promises", function()
    local clock, order = clocks.real(), {}
    clock:after(0.002, function() order[#order + 1] = "b" end)
    clock:after(0.001, function() order[#order + 1] = "a" end)
    local begun = clock:now()
    clock:sleep(0.003)
    assert.is_true(clock:now() - begun >= 0.003)
    assert.same({ "a", "b" }, order)
    assert.equal(5, clock:spawn(function()
      clock:advance(0.001)
      return 5
    end):wait(10))
    local _, err = clock:promise():wait(0.001)
    assert.is_true(errors.is("Timeout", err))
    local p = clock:promise()
    assert.truthy(raised(p.wait, p).message:find("deadlock", 1, true))
  end)

  it("gives other numbers each time, unless it has a seed", function()
    assert.are_not.equal(clocks.real():random_digest(),
      clocks.real():random_digest())
    assert.equal(clocks.real { seed = 5 }:random_digest(),
      clocks.real { seed = 5 }:random_digest())
  end)

  it("lets a poll function wait for the world", function()
    local clock, p, asked
    clock = clocks.real { poll = function(seconds)
      asked = seconds
      p:resolve("from outside")
      return true
    end }
    p = clock:promise()
    assert.equal("from outside", p:wait())
    assert.equal(math.huge, asked)
    p = clock:promise()
    assert.equal("from outside", p:wait(5))
    assert.is_true(asked > 4 and asked <= 5)
  end)
end)

describe("the default clock", function()
  -- A module of its own, for the clocks of this file are still in use.
  local fresh

  setup(function()
    local name = "neap.sched.clock"
    local known = package.loaded[name]
    package.loaded[name] = nil
    fresh = require(name)
    package.loaded[name] = known
  end)

  it("is the virtual one made last that is still in use", function()
    local a = fresh.virtual {}
    local function in_between()
      local b = fresh.virtual {}
      assert.is_true(rawequal(b, fresh.default()))
    end
    in_between()
    assert.is_true(rawequal(a, fresh.default()))
  end)

  it("is the real one when there is no other", function()
    local clock = fresh.default()
    assert.is_nil(clock.virtual)
    assert.is_true(rawequal(clock, fresh.default()))
  end)
end)
