-- W28: after running out of memory a task got half as much again, three times,
-- up to 800 GiB, whatever it had used and whatever machines there were.

local system = require "support.system"

-- A program that holds about 140 MB, with 64 MiB at first.
local hungry = [[
local neap = require "neap"
local t = neap.task {
  name = "hungry", mem = "64MiB",
  cmd = "head -c 150000000 /dev/zero | tail -c 140000000 | wc -c; sleep 0.5",
  retry = %s,
}
local res, err = t:try()
print(res and res.attempt or err.kind)]]

describe("W28: a task that ran out of memory", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  local function run(retry)
    local r = w:run(hungry:format(retry))
    return r.out, r.err
  end

  it("gets as much more as its script says", function()
    local out, err = run [[{ max = 3, on = "oom", delay = 0.01,
      grow = { mem = 4 } }]]
    assert.equal("2\n", out, err)
  end)

  it("never gets more than its limit", function()
    local out, err = run [[{ max = 2, on = "oom", delay = 0.01,
      grow = { mem = 4 }, limit = { mem = "70MiB" } }]]
    assert.equal("E_OOM\n", out, err)
  end)

  it("is not repeated when it does not want to be", function()
    local out, err = run [[{ max = 3, on = "timeout", grow = { mem = 4 } }]]
    assert.equal("E_OOM\n", out, err)
  end)
end)
