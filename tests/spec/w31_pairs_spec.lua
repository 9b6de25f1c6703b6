-- W31: the span of a failed allocation was only written when it was cancelled,
-- that of a task's last stage never ended: begin and end must come in pairs.

local sched = require "neap.sched"
local world = require "support.sched_world"

local SEEDS = { 1, 2, 3, 4, 5 }

-- A cluster in which requests, allocs and execs fail now and then.
local function shaky(seed)
  return {
    seed = seed, startup = 20,
    menu = { { name = "m", resources = { cpu = 4 }, max = 5, price = 1 } },
    fail = function(what, _, random)
      if what == "allocate" then
        return random() < 0.3 and "Unavailable" or nil, 3
      elseif what == "alloc" then
        return "Fatal", -400 * math.log(1 - random())
      end
      local draw = random()
      return draw < 0.1 and "Exec" or draw < 0.2 and "Net" or nil
    end,
  }
end

-- All events of a run with 120 tasks, some cancelled.
local function events_of(seed)
  local s, clock = world.sim(shaky(seed), { max_alloc_idle_time = 30 })
  local log = {}
  s:on("*", function(ev) log[#log + 1] = ev end)
  local tasks = {}
  for i = 1, 120 do
    tasks[i] = world.task({ cpu = 1 + i % 3 }, { expected_duration = i })
  end
  s:submit(tasks)
  clock:advance(100)
  for i = 10, 120, 10 do
    s:cancel(tasks[i], "by the spec")
  end
  assert.is_true(sched.taskset(unpack(tasks)):wait("10h"))
  s:stop()
  clock:advance(1)
  return log
end

-- Each `first` of a subject is followed by exactly one of `last`.
local function assert_pairs(log, field, first, last)
  local open, n = {}, 0
  for _, ev in ipairs(log) do
    local key = ev[field]
    if ev.kind == first then
      assert.is_nil(open[key], first .. " twice of " .. tostring(key))
      open[key], n = true, n + 1
    elseif last[ev.kind] then
      assert.is_true(open[key] or last.alone,
        ev.kind .. " without " .. first .. " of " .. tostring(key))
      open[key] = nil
    end
  end
  assert.is_nil((next(open)), first .. " without an end")
  return n
end

describe("W31: events", function()
  for _, seed in ipairs(SEEDS) do
    it("come in pairs, seed " .. seed, function()
      local log = events_of(seed)
      assert.equal(120, assert_pairs(log, "task", "task.submit",
        { ["task.done"] = true, ["task.failed"] = true,
          ["task.cancelled"] = true }))
      assert.is_true(assert_pairs(log, "task", "task.assign",
        { ["task.end"] = true, ["task.lost"] = true, alone = true }) >= 100)
      assert.is_true(assert_pairs(log, "alloc", "alloc.live",
        { ["alloc.free"] = true, ["alloc.lost"] = true }) > 3)
      for i, ev in ipairs(log) do
        assert.equal(i, ev.seq - log[1].seq + 1)
        assert.is_true(i == 1 or ev.at >= log[i - 1].at)
      end
    end)
  end
end)
