local clock = require "neap.sched.clock"
local events = require "neap.sched.events"

describe("events", function()
  local time, logged, ev

  before_each(function()
    time = clock.virtual { start = 5 }
    logged = {}
    ev = events.new { clock = time, log = function(level, message)
      logged[#logged + 1] = { level = level, message = message }
    end }
  end)

  local function collect(kind)
    local got = {}
    local off = ev:on(kind, function(event)
      got[#got + 1] = event
    end)
    return got, off
  end

  it("come to those who listen for their name", function()
    local got = collect "task.done"
    ev:emit("task.done", { task = "t", attempt = 0 })
    ev:emit("task.lost", { task = "u" })
    time:advance(0)
    assert.same({ { seq = 1, at = 5, kind = "task.done", task = "t",
      attempt = 0 } }, got)
  end)

  it("come by globs, numbered without gaps and in order", function()
    local all, tasks = collect "*", collect "task.*"
    local kinds = { "task.submit", "alloc.request", "alloc.live",
      "task.start", "alloc.free" }
    for _, kind in ipairs(kinds) do
      ev:emit(kind, {})
    end
    time:advance(0)
    assert.equal(5, #all)
    for i, event in ipairs(all) do
      assert.equal(i, event.seq)
      assert.equal(kinds[i], event.kind)
    end
    assert.equal(2, #tasks)
    assert.equal(1, tasks[1].seq)
    assert.equal(4, tasks[2].seq)
  end)

  it("are told after the emitter is through", function()
    local got = collect "*"
    time:spawn(function()
      ev:emit("task.start", {})
      ev:emit("task.end", {})
      assert.equal(0, #got)
    end)
    time:advance(0)
    assert.equal(2, #got)
  end)

  it("run each in a coroutine of its own that may wait", function()
    local order = {}
    ev:on("task.*", function(event)
      if event.seq == 1 then
        time:sleep(10)
      end
      order[#order + 1] = event.seq
    end)
    ev:emit("task.start", {})
    ev:emit("task.end", {})
    time:advance(11)
    assert.same({ 2, 1 }, order)
    assert.same({}, logged)
  end)

  it("log what a listener raises and go on", function()
    local got = {}
    ev:on("*", function()
      error("broken listener")
    end)
    ev:on("*", function(event)
      got[#got + 1] = event.seq
    end)
    ev:emit("task.start", {})
    ev:emit("task.end", {})
    time:advance(0)
    assert.same({ 1, 2 }, got)
    assert.equal(2, #logged)
    assert.equal("error", logged[1].level)
    assert.truthy(logged[1].message:find("broken listener", 1, true))
    assert.truthy(logged[1].message:find("task.start", 1, true))
  end)

  it("end with unsubscribe, at once and only for that listener", function()
    local one, off = collect "*"
    local two = collect "*"
    ev:emit("task.start", {})
    off()
    off()
    ev:emit("task.end", {})
    time:advance(0)
    assert.equal(0, #one)
    assert.equal(2, #two)
    assert.equal(1, ev.count)
  end)

  it("give each listener a table of its own", function()
    ev:on("*", function(event)
      event.task = "changed"
    end)
    local got = collect "*"
    ev:emit("task.start", { task = "t" })
    time:advance(0)
    assert.equal("t", got[1].task)
  end)

  it("cost nothing when nobody listens", function()
    local spawned = 0
    local quiet = events.new { clock = {
      now = error, spawn = function()
        spawned = spawned + 1
      end,
    } }
    local fields = {}
    assert.equal(0, quiet.count)
    quiet:emit("task.start", fields)
    assert.same({}, fields)
    assert.equal(0, spawned)
    assert.equal(0, quiet.seq)
  end)

  it("refuse names that no event has, with a hint", function()
    for pattern, hint in pairs {
      ["task.don"] = "task.done", ["alloc.lives"] = "alloc.live",
      ["tusk.*"] = "task.*", [""] = "task.*",
    } do
      local ok, err = pcall(ev.on, ev, pattern, print)
      assert.is_false(ok)
      assert.equal("Invalid", err.kind)
      assert.truthy(err.message:find(hint, 1, true), err.message)
      assert.truthy(err.where:find("sched_events_spec", 1, true))
    end
    assert.is_false(pcall(ev.on, ev, nil, print))
    assert.is_false(pcall(ev.on, ev, "task.done"))
    assert.equal(0, ev.count)
  end)
end)
