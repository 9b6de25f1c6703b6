--- Conformance cases: a policy is tried on made-up rounds before it decides
-- anything. Each must end without an error.

local ffi = require "ffi"

local check = {}

local GiB = 2 ^ 30
local NOW = 1.8e9

local function amounts(to, cpu, mem)
  to.cpu, to.mem = cpu, mem
end

-- n classes, every third with everything known, the others with nothing.
local function classes(n, cpu, mem, count)
  local rows = ffi.new("struct neap_class_view[?]", math.max(n, 1))
  for i = 0, n - 1 do
    local row = rows[i]
    amounts(row.res, cpu * (1 + i % 4), mem * (1 + i % 3))
    row.count, row.index, row.seq, row.attempt = count, i, i, 1
    row.id_number, row.ninputs = i, i % 2
    if i % 3 == 0 then
      row.expect, row.dur_mean, row.dur_q50, row.dur_q95 = 60, 50, 45, 90
      row.samples, row.timeout, row.rank = 5, 600, 120
      row.due, row.age, row.input_bytes = NOW - 5, 30, GiB
    end
  end
  return rows
end

local function allocs(n, cpu, mem, phase)
  local rows = ffi.new("struct neap_alloc_view[?]", math.max(n, 1))
  for i = 0, n - 1 do
    local row = rows[i]
    amounts(row.total, cpu, mem)
    amounts(row.free, cpu, mem)
    row.index, row.id_number, row.phase = i, i, phase
    row.idle, row.age = i * 1000, i * 1000
    row.life_left = i % 2 == 0 and math.huge or 20
    row.price, row.bandwidth = i % 3, i % 2 * 1e8
    row.width = phase * i
  end
  return rows
end

local function shapes(n, cpu, mem)
  local rows = ffi.new("struct neap_shape_view[?]", math.max(n, 1))
  for i = 0, n - 1 do
    amounts(rows[i].res, cpu * (i + 1), mem * (i + 1))
    rows[i].price, rows[i].elastic = i, i % 2
    rows[i].quota = i == 2 and 0 or -1
    if i == 3 then
      rows[i].elastic, rows[i].unbounded, rows[i].shrink = 1, 1, 2
      amounts(rows[i].res, 2 ^ 53 / 1000, 2 ^ 53)
    end
  end
  return rows
end

local cases = {
  { "empty queue", allocs = 3, shapes = 2 },
  { "no alloc", classes = 4, shapes = 3 },
  { "no limit", classes = 4, shapes = 4, pending = 2 },
  { "no alloc and no shape", classes = 4 },
  { "one task", classes = 1, allocs = 3, shapes = 1, count = 1 },
  { "nothing known", classes = 3, allocs = 4, pending = 2, shapes = 3 },
  { "many tasks", classes = 200, allocs = 50, shapes = 3, count = 50 },
  { "huge task", classes = 2, allocs = 3, shapes = 3, cpu = 1e6,
    mem = 2 ^ 50 },
  { "huge alloc", classes = 3, allocs = 3, shapes = 3, room = 1e6 },
  { "zero sizes", classes = 3, allocs = 3, shapes = 1, cpu = 0, mem = 0,
    room = 0 },
}

-- The view of a case, and what must stay alive while it is used.
local function make_view(case, names)
  local room = case.room or 16
  local parts = {
    classes(case.classes or 0, case.cpu or 1, case.mem or GiB,
      case.count or 3),
    allocs(case.allocs or 0, room, 4 * room * GiB, 0),
    allocs(case.pending or 0, room, 4 * room * GiB, 1),
    shapes(case.shapes or 0, 8, 32 * GiB),
  }
  local v = ffi.new("struct neap_view")
  v.now, v.max_idle, v.max_pending = NOW, 300, 5
  v.nclasses, v.nallocs = case.classes or 0, case.allocs or 0
  v.npending, v.nshapes = case.pending or 0, case.shapes or 0
  v.queue_len = v.nclasses * (case.count or 3)
  v.nlabels, v._labels = #names, names.pointers
  v._classes, v._allocs, v._pending, v._shapes = unpack(parts)
  return v, parts
end

local function label_names(names)
  local pointers = ffi.new("const char *[?]", #names)
  for i, name in ipairs(names) do
    pointers[i - 1] = name
  end
  names.pointers = pointers
  return names
end

-- The same message of several cases is told once.
local function run(problems, name, fn, ...)
  local ok, message = pcall(fn, ...)
  message = tostring(message)
  if not ok and not problems[message] then
    problems[message] = true
    problems[#problems + 1] = ('case "%s": %s'):format(name, message)
  end
end

local checks = {}

function checks.pack(problems, driver, plan, names)
  local call = driver.call()
  label_names(names)
  call._plan = ffi.cast("struct neap_plan *", plan)
  for _, case in ipairs(cases) do
    local v, parts = make_view(case, names)
    call._view, call._plan.count = v, 0
    run(problems, case[1], driver.pack)
    if v.nclasses > 0 and v.nallocs > 0 then
      call.class_row, call.alloc_row = 0, v.nallocs - 1
      run(problems, case[1], driver.explain)
    end
    parts[1] = nil -- alive until here
  end
end

local function check_keys(expect, ...)
  local n = select("#", ...)
  if n < 1 or n > 8 then
    error(("key() returned %d values; it returns 1 to 8 numbers"):format(n), 0)
  end
  for i = 1, n do
    local x = select(i, ...)
    if type(x) ~= "number" or x ~= x then
      error(("key() gave %s as value %d for a task with expect=%g")
        :format(tostring(x), i, expect), 0)
    end
  end
end

function checks.priority(problems, driver)
  local call = driver.call()
  for i, name in ipairs { "nothing known", "all known", "huge task" } do
    local task = ffi.new("struct neap_key_view")
    task.now, task.seq = NOW + i, i
    if i > 1 then
      amounts(task.res, i == 3 and 1e6 or 2, i == 3 and 2 ^ 50 or GiB)
      task.age, task.expect, task.rank, task.priority = 1e5, 60, 120, -5
      task.attempt, task.ninputs, task.input_bytes = 3, 2, GiB
    end
    call._key, call.runtime, call.ok = task, 10, i == 2 and 0 or 1
    run(problems, name, function()
      check_keys(task.expect, driver.key())
      driver.ended()
      check_keys(task.expect, driver.key())
    end)
  end
end

--- Try the policy that is open in the driver; raises all that is wrong.
-- @param kind   "pack" or "priority"
-- @param plan   pointer of a struct neap_plan to write to
-- @param names  of the labels, "cpu" first
function check.run(kind, driver, plan, names)
  local problems = {}
  checks[kind](problems, driver, plan, names)
  run(problems, "state", driver.save)
  if #problems > 0 then
    error(table.concat(problems, "\n  "), 0)
  end
end

return check
