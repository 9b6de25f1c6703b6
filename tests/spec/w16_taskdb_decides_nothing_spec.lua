-- W16: without a task database the process crashed, and an error while log ids
-- were stored made a task that had gone well a failed or a lost one.

local sched = require "neap.sched"
local world = require "support.sched_world"

local function answer_with(answer)
  return setmetatable({}, { __index = function(_, name)
    if name == "begin" or name == "commit" or name == "rollback" then
      return nil
    end
    return answer
  end })
end

-- Databases by what they do; each made for a clock.
local databases = {
  ["is not there"] = function()
    return nil
  end,
  works = function(clock)
    return sched.taskdb.memory { clock = clock }
  end,
  ["returns errors"] = function()
    return answer_with(function()
      return nil, sched.errors.new("Unavailable", "down")
    end)
  end,
  ["returns Fatal"] = function()
    return answer_with(function()
      return nil, sched.errors.new("Fatal", "burnt")
    end)
  end,
  raises = function()
    return answer_with(function()
      error "boom"
    end)
  end,
  ["returns nothing"] = function()
    return answer_with(function() end)
  end,
  hangs = function(clock)
    return answer_with(function()
      clock:promise():wait()
    end)
  end,
  ["is slow"] = function(clock)
    return answer_with(function()
      clock:sleep(0.7)
      return true
    end)
  end,
  ["lacks methods"] = function()
    return { create_task = function()
      return true
    end }
  end,
}

local function line_of(ev)
  return ("%d %s %.9f %s %s %s %s"):format(ev.seq, ev.kind, ev.at,
    tostring(ev.task), tostring(ev.attempt), tostring(ev.alloc),
    tostring(ev.error))
end

-- A cluster whose execs and allocs fail now and then.
local function cluster_on(clock)
  return sched.cluster.sim {
    clock = clock, seed = 3, startup = 5,
    menu = { { name = "small", resources = { cpu = 6, mem = "8GiB" } } },
    fail = function(what, _, random)
      if what == "exec" and random() < 0.7 then
        return "Net", 1
      elseif what == "alloc" and random() < 0.2 then
        return "Fatal"
      end
      return nil
    end,
  }
end

-- All that happens to 40 tasks, as text: a line for each event and each end.
-- → text, tasks, log, database
local function life(make)
  local lines, logged, db = {}, {}, nil
  local opts = { log = function(level, text)
    logged[#logged + 1] = level .. " " .. text
  end }
  local s, clock = world.own(function(clock)
    db = make(clock)
    opts.taskdb = db
    return cluster_on(clock)
  end, opts)
  s:on("*", function(ev)
    lines[#lines + 1] = line_of(ev)
  end)
  local tasks = {}
  for i = 1, 40 do
    tasks[i] = world.task({ cpu = 1 + i % 3, mem = "1GiB" },
      { ident = "t" .. i, expected_duration = 5 + i % 7 })
  end
  s:submit(tasks)
  assert.is_true(sched.taskset(unpack(tasks)):wait("1h"))
  clock:advance(1)
  for i, t in ipairs(tasks) do
    lines[#lines + 1] = ("%d %d %s"):format(i, t:attempt(), tostring(t.err))
  end
  assert.is_true(s:stop { timeout = "5m" })
  return table.concat(lines, "\n"), tasks, logged, db
end

describe("W16: a task database", function()
  local expected, attempts

  setup(function()
    local tasks
    expected, tasks = life(databases["is not there"])
    attempts = 0
    for _, t in ipairs(tasks) do
      attempts = attempts + t:attempt() + 1
    end
  end)

  it("is not needed", function()
    assert.is_true(attempts > 40, "no attempt was lost: a poor example")
    local _, done = expected:gsub("task%.done", "")
    assert.equal(40, done)
  end)

  for name, make in pairs(databases) do
    it(("that %s changes nothing"):format(name), function()
      local text, _, logged = life(make)
      assert.equal(expected, text)
      local broken = name == "raises" or name:find "returns [eF]"
        or name == "lacks methods"
      local told = table.concat(logged, "\n"):find("task database", 1, true)
      assert.equal(broken and true or false, told ~= nil)
    end)
  end

  it("has a row for every attempt and every alloc", function()
    local text, tasks, _, db = life(databases.works)
    local _, live = text:gsub("alloc%.live", "")
    local rows = db:tasks()
    assert.equal(attempts, #rows)
    for _, row in ipairs(rows) do
      assert.is_number(row.end_time, row.ident)
      assert.is_true(row.end_time >= row.start_time)
    end
    assert.equal(live, #db:allocs())
    for _, alloc in ipairs(db:allocs()) do
      assert.is_number(alloc.end_time)
    end
    for _, t in ipairs(tasks) do
      local last = db:tasks { id = t:id() }[1]
      assert.is_nil(last.error)
      assert.equal(t:attempt(), last.attempt)
    end
  end)

  it("in a file has them as well", function()
    local path = os.tmpname()
    local text, _, _, db = life(function(clock)
      return assert(sched.taskdb.sqlite(path, { clock = clock }))
    end)
    assert.equal(expected, text)
    assert.equal(attempts, #db:tasks())
    db:close()
    for _, suffix in ipairs { "", "-wal", "-shm" } do
      os.remove(path .. suffix)
    end
  end)
end)
