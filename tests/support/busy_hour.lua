--- A busy virtual hour: thousands of tasks, machines that fail, people who
-- change their minds. Everything depends on the seed only, so that the hour
-- can be lived again, here or in another process.
--
--   luajit -e 'print(require("support.busy_hour").live(1))'

local dice = require "support.random_world.dice"
local sched = require "neap.sched"

local busy_hour = {}

local HOUR = 3600

local MENU = {
  { name = "small", resources = { cpu = 4, mem = "16GiB" }, price = 1 },
  { name = "large", resources = { cpu = 32, mem = "128GiB" }, price = 7,
    startup = 60, walltime = 1800 },
}

local KINDS = { "Net", "Unavailable", "Fatal", "Temporary" }

-- Now and then a request is refused, a machine dies, an exec is lost.
local RATES = { allocate = 0.05, alloc = 0.05, exec = 0.01 }

local function make_cluster(clock, seed)
  return sched.cluster.sim {
    clock = clock, seed = seed, menu = MENU,
    startup = function(shape, _, random)
      return (shape.startup or 20) * (0.5 + random())
    end,
    fail = function(what, _, random)
      if random() < RATES[what] then
        return KINDS[1 + math.floor(random() * #KINDS)], random() * 600
      end
    end,
  }
end

local function make_task(d, n)
  return sched.task {
    ident = "t" .. n, cmd = "true", priority = d:int(-2, 2),
    resources = { cpu = d:int(1, 8) / 2, mem = d:int(1, 8) * 2 ^ 30 },
    expected_duration = d:between(0, 90), run_id = "run-" .. d:int(1, 9),
  }
end

-- One second of it.
local function second(s, d, tasks)
  local list = {}
  for i = 1, d:int(0, 9) do
    list[i] = make_task(d, #tasks + 1)
    tasks[#tasks + 1] = list[i]
  end
  s:submit(list)
  local some = #tasks > 0 and d:pick(tasks)
  if some and d:chance(0.05) then
    s:cancel(some, "no longer wanted")
  elseif some and some:state() == "init" then
    some.priority = d:int(-5, 5)
  end
  if d:chance(0.01) then
    s:set { max_pending_allocs = d:int(1, 20) }
  end
end

local function line(event)
  return ("%d %.9f %s %s %s %s %s"):format(event.seq, event.at, event.kind,
    event.task or "-", event.attempt or "-", event.alloc or "-",
    event.error or "-")
end

--- Live the hour of a seed.
-- @param seconds  only the first so many of it
-- @return digest of the text of all events, how many there were, the text
function busy_hour.live(seed, seconds)
  seconds = seconds or HOUR
  local clock = sched.clock.virtual { seed = seed }
  local d, lines, tasks = dice.new(seed), {}, {}
  local s = sched.new {
    clock = clock, cluster = make_cluster(clock, seed), log = function() end,
    repository = sched.repository.memory(), max_pending_allocs = 10,
  }
  s:on("*", function(event)
    lines[#lines + 1] = line(event)
  end)
  s:start()
  for at = 1, seconds do
    clock:after(at, function() second(s, d, tasks) end)
  end
  clock:advance(seconds)
  assert(s:stop())
  clock:advance(0)
  local text = table.concat(lines, "\n")
  return sched.digest.of(text), #lines, text
end

return busy_hour
