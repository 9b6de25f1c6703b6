local R = require "neap.sched.resources"
local craft = require "neap.sched.craft"
local errors = require "neap.sched.errors"
local grid = require "neap.sched.craft_grid"
local items_of = require "neap.sched.craft_items"
local room = require "neap.sched.craft_room"

local GiB = 2 ^ 30

-- Resources of rows { cpu, mem in GiB }.
local function tasks(rows)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = R { cpu = row[1], mem = row[2] * GiB }
  end
  return list
end

local function repeated(n, r)
  local list = {}
  for i = 1, n do
    list[i] = r
  end
  return list
end

-- §2.3 with a linear scan, as simple as can be: what craft must not be worse
-- than. Of tasks with one magnitude, the kind that was there first is first.
local function scanned(list)
  local first = {}
  for i, r in ipairs(list) do
    first[r:key()] = first[r:key()] or i
  end
  list = { unpack(list) }
  table.sort(list, function(a, b)
    local x, y = a:scaled_distance(), b:scaled_distance()
    if x ~= y then
      return x > y
    end
    return first[a:key()] < first[b:key()]
  end)
  local have, min, bins = R {}, R {}, 0
  while #list > 0 do
    local at
    for i, r in ipairs(list) do
      if have:available(r) then
        at = i
        break
      end
    end
    if not at then
      min, bins, at = min:max(list[1]), bins + 1, 1
      have = min
    end
    have = have - table.remove(list, at)
  end
  return bins
end

local function largest(list)
  local min = R {}
  for _, r in ipairs(list) do
    min = min:max(r)
  end
  return min
end

local function total(list)
  local sum = R {}
  for _, r in ipairs(list) do
    sum = sum + r
  end
  return sum
end

local function random_tasks(n, labels, most)
  local list = {}
  for i = 1, n do
    local map = {}
    for _, label in ipairs(labels) do
      map[label] = math.random(0, most)
    end
    list[i] = R(map)
  end
  return list
end

describe("crafting", function()
  local examples = {
    { { { 2, 4 }, { 6, 30 }, { 3, 3 }, { 4, 20 } }, 6, 30, 2 },
    { { { 4, 8 }, { 4, 8 }, { 4, 8 }, { 2, 2 } }, 4, 8, 3 },
    { { { 1, 60 }, { 16, 4 }, { 2, 8 } }, 16, 60, 2 },
    { { { 0, 0 }, { 0, 0 } }, 0, 0, 0 },
    { {}, 0, 0, 0 },
  }

  it("gives the worked examples, both ways", function()
    for _, case in ipairs(examples) do
      for _, fn in ipairs { craft.craft, craft.craft_reflow } do
        local q = fn(tasks(case[1]))
        assert.is_true(q.min == R { cpu = case[2], mem = case[3] * GiB })
        assert.equal(case[4], q.width)
        assert.is_true(q:max() == q.min * (1 + case[4]))
      end
    end
  end)

  it("finds tasks that a binary search misses (W5)", function()
    local list = tasks { { 16, 8 }, { 4, 4 }, { 4, 1 }, { 1, 16 } }
    assert.equal(3, craft.craft_reflow(list).width)
    assert.equal(2, craft.craft(list).width)
    assert.equal(2, craft(list).width)
  end)

  it("packs into the smallest bundle that there is (W4)", function()
    local list = repeated(100, R { cpu = 0.1, mem = "100MiB" })
    local floor = R { cpu = 1, mem = "1GiB", disk = "1GiB" }
    assert.equal(99, craft(list).width)
    local q = craft(list, floor)
    assert.is_true(q.min == floor)
    assert.equal(9, q.width)
    assert.equal(0, craft({}, floor).width)
    assert.is_true(craft({}, floor).min == floor)
  end)

  it("takes tables of amounts, and any label", function()
    local q = craft { { licence = 2 }, { licence = 1, cpu = 1 }, { cpu = 1 } }
    assert.is_true(q.min == R { cpu = 1, licence = 2 })
    assert.equal(1, q.width)
  end)

  it("is never worse than a true scan of §2.3, and never wrong", function()
    local seed = 5
    math.randomseed(seed)
    local better = 0
    for round = 1, 300 do
      local labels = { "cpu", "mem", "disk", "a", "b", "c" }
      for i = #labels, math.random(1, 6) + 1, -1 do
        labels[i] = nil
      end
      local list = random_tasks(math.random(0, 60), labels,
        math.random(1, 20))
      local what = ("seed %d round %d"):format(seed, round)
      local q, theirs = craft(list), craft.craft_reflow(list)
      assert.is_true(q.min == largest(list), what)
      assert.is_true(q.min == theirs.min, what)
      assert.is_true(1 + q.width <= math.max(1, scanned(list)), what)
      assert.is_true(q:max():available(total(list)), what)
      better = better + (q.width < theirs.width and 1 or 0)
    end
    assert.is_true(better > 10, better .. " of 300 better than reflow")
  end)

  it("packs exactly when tasks fill bundles exactly", function()
    local list = {}
    for i = 1, 600 do -- 3 per bundle, and amounts near the largest
      list[i] = R { mem = math.floor(2 ^ 53 / 3) }
    end
    list[601] = R { mem = 3 * math.floor(2 ^ 53 / 3) }
    assert.equal(200, craft(list).width)
  end)

  it("lets into a bin what fits to the last part", function()
    local labels = { "cpu", "mem", "disk", "gpu", "x", "y" }
    for used = 1, #labels do
      local small, bin, map = {}, {}, {}
      for k = 1, used do
        small[labels[k]], bin[labels[k]] = 3, 10
      end
      local items = items_of.collect({ R(small), R(bin) }, R {})
      local left = room.new()
      room.fill(left, items)
      assert.is_true(room.fits(left, items, 2))
      assert.equal(3, room.times(left, items, 1, 9))
      room.take(left, items, 1, 3)
      assert.is_false(room.fits(left, items, 1))
      for k = 1, used do -- one label alone is short
        for j = 1, used do
          map[labels[j]] = j == k and 4 or 3
        end
        items = items_of.collect({ R(small), R(map), R(bin) }, R {})
        room.fill(left, items)
        room.take(left, items, 1, 2)
        assert.is_true(room.fits(left, items, 2))
        room.take(left, items, 2, 1)
        assert.is_false(room.fits(left, items, 1))
        assert.equal(0, room.times(left, items, 2, 5))
      end
    end
  end)

  it("is exact in bins of many kinds", function()
    -- pairs that fill a bundle: a grid cell is no excuse to put too much in
    local list, n = {}, 4000
    for i = 1, n do
      list[2 * i - 1] = R { cpu = 0.001 * i, mem = i }
      list[2 * i] = R { cpu = 0.001 * (n - i), mem = n - i }
    end
    local q = craft(list)
    assert.is_true(q:max():available(total(list)))
    assert.is_true(1 + q.width <= n * 1.05, "width " .. q.width)
  end)

  it("counts as many bins for many kinds as fit, roughly", function()
    local seed = 9
    math.randomseed(seed)
    for _, labels in ipairs { { "cpu", "mem" }, { "mem", "disk", "x" },
      { "cpu" }, { "a", "b", "c", "d", "e", "f" } } do
      local list = random_tasks(3000, labels, 1000)
      local bins = grid.pack((items_of.collect(list, R {})))
      local items = items_of.collect(list, R {})
      local what = ("seed %d, %d labels: %d bins, bound %d"):format(seed,
        #labels, bins, items.bound)
      assert.is_true(bins >= items.bound, what)
      assert.is_true(1 + craft(list).width
        <= 1.05 * (1 + craft.craft_reflow(list).width), what)
      assert.is_true(#labels > 2 or bins <= 1.12 * items.bound, what)
    end
  end)

  it("gives the same answer for the same list", function()
    math.randomseed(3)
    local list = random_tasks(5000, { "cpu", "mem", "x" }, 1000)
    local first = craft(list)
    craft(random_tasks(20000, { "cpu", "mem", "y", "z" }, 1000))
    assert.is_true(craft(list) == first)
  end)

  it("joins equal tasks, however they were made", function()
    local list = {}
    for i = 1, 1000 do
      list[i] = R { cpu = i % 4, x = i % 3, mem = i % 2 * GiB }
    end
    local items, bin = items_of.collect(list, R {})
    assert.equal(11, items.n) -- 12 kinds, one of which needs nothing
    assert.is_true(bin == R { cpu = 3, x = 2, mem = GiB })
    local count = 0
    for i = 1, items.n do
      count = count + items.count[i]
    end
    assert.equal(1000 - 83, count)
  end)

  it("costs less than reflow's for many tasks (W11)", function()
    math.randomseed(1)
    local list = {}
    for i = 1, 50000 do
      list[i] = R { cpu = math.random(16000) / 1000,
                    mem = math.random(2 ^ 30) }
    end
    local function best(fn)
      local least = math.huge
      for _ = 1, 3 do
        local start = os.clock()
        fn(list)
        least = math.min(least, os.clock() - start)
      end
      return least
    end
    assert.is_true(best(craft.craft) < best(craft.craft_reflow))
  end)

  it("refuses what is no list of tasks", function()
    for _, case in ipairs {
      { 7, "not 7" }, { R { cpu = 1 }, "not resources" },
      { { cpu = 1 }, "a list of resources" }, { { 1 }, "not 1" },
      { { { cpu = -1 } }, "cpu" }, { { R {} - R { mem = 1 } }, "negative" },
      { { R {} - R { x = 1 } }, "negative" },
    } do
      local ok, err = pcall(craft.craft, case[1])
      assert.is_false(ok)
      assert.is_true(errors.is("Invalid", err), tostring(err))
      assert.truthy(err.message:find(case[2], 1, true), err.message)
      assert.is_string(err.where)
    end
    assert.is_false(pcall(craft.craft, {}, 7))
    assert.is_false(pcall(craft.craft_reflow, 7))
  end)
end)
