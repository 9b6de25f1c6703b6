local core = require "neap.sched.core"
local core_world = require "support.core_world"
local craft = require "neap.policy.craft"
local resources = require "neap.sched.resources"

local GiB = 2 ^ 30
local LABELS = { "cpu", "mem" }

local function task(cpu, gib)
  return { cpu = cpu, mem = gib * GiB }
end

-- Crafting as the specification writes it: one task after the other, on a
-- list. Kinds are { amounts, count }.
local function craft_slowly(kinds)
  local list = {}
  for at, kind in ipairs(kinds) do
    for _ = 1, kind.count do
      list[#list + 1] = { at = at, cpu = kind.cpu, mem = kind.mem,
        size = kind.cpu + kind.mem / (8 * GiB) }
    end
  end
  table.sort(list, function(a, b)
    if a.size ~= b.size then
      return a.size > b.size
    end
    return a.at < b.at
  end)
  local cpu, mem, min_cpu, min_mem, width = 0, 0, 0, 0, 0
  while #list > 0 do
    local lo, hi = 0, #list
    while lo < hi do
      local mid = math.floor((lo + hi) / 2)
      local t = list[mid + 1]
      if t.cpu <= cpu and t.mem <= mem then
        hi = mid
      else
        lo = mid + 1
      end
    end
    if lo == #list then
      lo = 0
      if min_cpu > 0 or min_mem > 0 then
        width = width + 1
      end
      min_cpu = math.max(min_cpu, list[1].cpu)
      min_mem = math.max(min_mem, list[1].mem)
      cpu, mem = min_cpu, min_mem
    end
    cpu, mem = cpu - list[lo + 1].cpu, mem - list[lo + 1].mem
    table.remove(list, lo + 1)
  end
  return { min_cpu, min_mem }, width
end

local function craft_runs(kinds)
  local tasks, left = {}, {}
  for i, kind in ipairs(kinds) do
    tasks[i], left[i] = { res = kind }, kind.count
  end
  return craft.requirements(craft.runs(tasks, left, LABELS), #LABELS)
end

describe("crafting by runs", function()
  it("is crafting of one task after the other", function()
    local seed = os.time()
    print("# seed " .. seed)
    math.randomseed(seed)
    for _ = 1, 3000 do
      local kinds = {}
      for i = 1, math.random(6) do
        kinds[i] = { cpu = math.random(0, 8), mem = math.random(0, 16) * GiB,
          count = math.random(12) }
      end
      local min, width = craft_slowly(kinds)
      local found, found_width = craft_runs(kinds)
      assert.same({ min[1], min[2], width },
        { found[1], found[2], found_width })
    end
  end)

  it("costs as much as there are kinds, not tasks", function()
    local kinds = { { cpu = 1, mem = GiB, count = 1e6 } }
    local _, width = craft_runs(kinds)
    assert.equal(1e6 - 1, width)
  end)
end)

describe("policy reflow", function()
  local w

  local function open(options)
    options = options or {}
    options.packing = "reflow"
    w = core_world.new(options)
    w.core:set_menu("c", nil, w.now)
    return w
  end

  after_each(function()
    assert.same({}, w.core:complaints())
    w.core:close()
  end)

  local tenth, many = { cpu = 0.1, mem = "100MiB" }, {}
  for i = 1, 100 do
    many[i] = tenth
  end
  local examples = {
    { "one bin after the other",
      { task(2, 4), task(6, 30), task(3, 3), task(4, 20) }, task(6, 30), 2 },
    { "equal tasks",
      { task(4, 8), task(4, 8), task(4, 8), task(2, 2) }, task(4, 8), 3 },
    { "W1: a bin like no task",
      { task(1, 60), task(16, 4), task(2, 8) }, task(16, 60), 2 },
    { "tasks that need nothing", { {}, {} }, {}, 0 },
    { "W4: the smallest alloc", many,
      { cpu = 1, mem = GiB, disk = GiB }, 99,
      { cpu = 1, mem = GiB, disk = GiB } },
    { "W5: what the search does not see",
      { task(16, 8), task(4, 4), task(4, 1), task(1, 16) }, task(16, 16), 3 },
  }
  for _, case in ipairs(examples) do
    it("asks for what Reflow asks for: " .. case[1], function()
      open { min_alloc = case[5] }
      w:submit(case[2])
      w:turn()
      assert.equal(1, #w.wanted)
      assert.equal(resources(case[3]), w.wanted[1].min)
      assert.equal(case[4], w.wanted[1].width)
    end)
  end

  it("W2: counts a pending request as its min", function()
    open()
    w:submit { task(4, 4), task(4, 4), task(4, 4), task(4, 4) }
    w:turn()
    assert.equal(3, w.wanted[1].width)
    w:submit { task(1, 1) }
    w:turn()
    w:submit { task(1, 1) }
    w:turn()
    assert.equal(3, #w.wanted)
    assert.equal(3, w.wanted[2].width)
    assert.equal(2, w.wanted[3].width)
  end)

  it("asks for one alloc in a round, and not without a reason", function()
    open()
    w:submit { task(4, 4), task(4, 4), task(1, 30) }
    w:turn()
    assert.equal(1, #w.wanted)
    assert.is_false(w.core:dirty(w.now + 1e9))
    assert.equal(math.huge, w.core:wake())
  end)

  it("never has more requests than allowed", function()
    open { max_pending = 2 }
    for _ = 1, 4 do
      w:submit { task(4, 4) }
      w:turn()
    end
    assert.equal(2, #w.wanted)
  end)

  it("puts the smallest task on the smallest alloc", function()
    open()
    w:submit { task(8, 8) }
    w:turn()
    w:grant(1, task(16, 16)) -- a1, 8 cores left
    w:submit { task(9, 9) }
    w:turn()
    w:grant(2, task(12, 12)) -- a2, 3 cores left
    assert.same({ 1, 2 }, w.on)
    w:submit { task(3, 3), task(1, 1), task(2, 2) }
    w:turn()
    assert.same({ 1, 2, 1, 2, 2 }, w.on)
  end)

  it("W6: has all wait behind one that fits nowhere", function()
    open()
    w:submit({ task(1, 1) }, { priority = 5 })
    w:turn()
    w:grant(1, task(8, 8))
    w:submit({ task(16, 1) }, { priority = 1 })
    w:submit({ task(1, 1) }, { priority = 2 })
    w:turn()
    assert.is_nil(w.on[3]) -- although 7 cores are idle
    w:turn(3600) -- nor does an hour change it
    assert.is_nil(w.on[3])
  end)

  it("leaves an alloc alone that was too small for a task before", function()
    open()
    w:submit { task(2, 2) }
    w:turn()
    w:grant(1, task(3, 12)) -- 1 core, 10 GiB left
    w:submit { task(1, 11) } -- too much memory
    w:turn()
    w:grant(2, task(8, 30))
    w:submit({ task(1, 12) }, { priority = -1 })
    w:submit({ task(1, 1) }, { priority = 1 })
    w:turn()
    assert.equal(2, w.on[3])
    assert.equal(2, w.on[4]) -- not a1, which the one before did not fit on
  end)

  it("W20: gives idle allocs back at ticks of half the idle time", function()
    open { max_idle_ns = 100e9 }
    local begin = w.now
    w:submit { task(1, 1) }
    w:turn()
    w:grant(1)
    w:turn(30)
    w:finish(1)
    w:turn()
    assert.equal(begin + 150e9, w.core:wake())
    w:turn(118)
    assert.equal(0, w:count(core.RELEASE))
    w.now = begin + 150e9 - 1e6
    w:turn(0.001)
    assert.equal(1, w:count(core.RELEASE))
  end)

  it("asks a menu for the largest task when a bin is too large", function()
    open()
    w.core:set_menu("c", {
      { name = "cpu", res = resources(task(16, 8)) },
      { name = "mem", res = resources(task(2, 64)) },
    }, w.now)
    w:submit { task(16, 4), task(1, 60) }
    w:turn()
    assert.equal("cpu", w.wanted[1].shape)
    assert.equal(0, w.wanted[1].width)
  end)
end)
