local clocks = require "neap.sched.clock"
local events = require "neap.sched.events"
local sched = require "neap.sched"
local world = require "support.sched_world"

describe("events", function()
  local time, logged, ev

  before_each(function()
    time = clocks.virtual { start = 5 }
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

describe("events of a scheduler", function()
  -- What each task went through, by key: "submit assign stage start …".
  local function lives(list, prefix)
    local by_key, keys = {}, {}
    for _, event in ipairs(list) do
      local word = event.kind:match("^" .. prefix .. "%.(.*)$")
      local key = word and event[prefix]
      if key then
        keys[#keys + 1] = not by_key[key] and key or nil
        by_key[key] = (by_key[key] and by_key[key] .. " " or "") .. word
      end
    end
    return by_key, keys
  end

  it("tell each life in its order, and end it once", function()
    local s, clock = world.sim({
      startup = 2, seed = 4,
      menu = { { name = "small", resources = { cpu = 4 } } },
      fail = function(what, _, random)
        if what == "exec" then
          local draw = random()
          return draw < 0.1 and "Exec" or draw < 0.8 and "Net" or nil, 1
        elseif what == "alloc" and random() < 0.2 then
          return "Fatal"
        end
      end,
    })
    local list = {}
    s:on("*", function(event)
      list[#list + 1] = event
    end)
    local tasks = world.tasks(40, { cpu = 1 }, { expected_duration = 5 })
    s:submit(tasks)
    clock:advance(4)
    assert.is_true(s:cancel(tasks[40], "no longer needed"))
    assert.is_true(sched.taskset(unpack(tasks)):wait("1h"))
    s:stop { timeout = "5m" }
    clock:advance(1)
    for i, event in ipairs(list) do
      assert.equal(i, event.seq)
      assert.is_true(i == 1 or event.at >= list[i - 1].at)
    end
    local seen = {}
    local by_key, keys = lives(list, "task")
    assert.equal(40, #keys)
    for _, key in ipairs(keys) do
      local life = by_key[key]
      local rest, lost = life:gsub("assign stage start lost ", "")
      local last = rest:match("^submit assign stage start end (%a+)$")
        or rest:match("^submit (cancelled)$")
        or rest:match("^submit assign stage end (cancelled)$")
      assert.is_truthy(last, life)
      seen[last] = true
      seen.lost = seen.lost or lost > 0
    end
    assert.same({ done = true, failed = true, cancelled = true, lost = true },
      seen)
    local allocs = lives(list, "alloc")
    for key, life in pairs(allocs) do
      local short = life:gsub(" idle", "")
      assert.truthy(short == "live free" or short == "live lost",
        key .. ": " .. life)
    end
  end)

  it("are the same whoever listens", function()
    local function life(kinds)
      local s, clock = world.sim({ seed = 4, startup = 2 },
        { log = function() end })
      local all = {}
      for _, kind in ipairs(kinds) do
        s:on(kind, function()
          clock:sleep(1)
          error "a listener that fails"
        end)
      end
      s:on("task.*", function(event)
        all[#all + 1] = ("%s %.9f %s"):format(event.kind, event.at,
          event.task)
      end)
      local tasks = world.tasks(10, { cpu = 1 }, { expected_duration = 5 })
      s:submit(tasks)
      assert.is_true(sched.taskset(unpack(tasks)):wait("1h"))
      clock:advance(0)
      return table.concat(all, "\n")
    end
    assert.equal(life {}, life { "*", "task.*", "alloc.live" })
  end)
end)
