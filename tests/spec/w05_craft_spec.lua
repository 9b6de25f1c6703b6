-- W5: binary search for a task that fits, over a list in which "fits" is not
-- monotone, misses tasks that fit and opens more bins than are needed.

local sched = require "neap.sched"

local R = sched.resources
local GiB = 2 ^ 30

local function list(pairs_of)
  local needs = {}
  for i, p in ipairs(pairs_of) do
    needs[i] = R { cpu = p[1], mem = p[2] * GiB }
  end
  return needs
end

describe("W5: crafting requirements", function()
  it("finds the tasks that fit, where the original did not", function()
    local needs = list { { 16, 8 }, { 4, 4 }, { 4, 1 }, { 1, 16 } }
    assert.equal(3, sched.craft_reflow(needs).width)
    assert.equal(2, sched.craft(needs).width)
  end)

  it("gives the original's answers in its own examples", function()
    local cases = {
      { { { 2, 4 }, { 6, 30 }, { 3, 3 }, { 4, 20 } }, 6, 30, 2 },
      { { { 4, 8 }, { 4, 8 }, { 4, 8 }, { 2, 2 } }, 4, 8, 3 },
      { { { 1, 60 }, { 16, 4 }, { 2, 8 } }, 16, 60, 2 },
      { { { 0, 0 }, { 0, 0 } }, 0, 0, 0 },
    }
    for _, case in ipairs(cases) do
      local q = sched.craft_reflow(list(case[1]))
      assert.equal(R { cpu = case[2], mem = case[3] * GiB }, q.min)
      assert.equal(case[4], q.width)
    end
  end)

  it("never opens more bins than the original, and holds each task",
    function()
      local clock = sched.clock.virtual { seed = 5 }
      local better = 0
      for _ = 1, 2000 do
        local needs = {}
        for i = 1, 2 + clock:random_int(6) do
          needs[i] = R {
            cpu = clock:random_int(16), mem = clock:random_int(16) * GiB,
          }
        end
        local q, old = sched.craft(needs), sched.craft_reflow(needs)
        assert.is_true(q.width <= old.width)
        better = better + (q.width < old.width and 1 or 0)
        for _, need in ipairs(needs) do
          assert.is_true(q.min:available(need))
        end
      end
      assert.is_true(better > 0, "no instance shows the difference")
    end)
end)
