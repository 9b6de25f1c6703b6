-- W27: exit 137 always counted as out of memory, also after a kill by the user,
-- and real cases were found only by one old text of the kernel's log.
-- Real processes; every case of the verdict is in unit/cluster/test_verdict.

local system = require "support.system"

local head = [[
local neap = require "neap"
local function kind_of(spec)
  local res, err = neap.task(spec):try()
  return res and "ok" or err.kind
end
]]

describe("W27: out of memory", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  it("is not what a program does to itself", function()
    local r = w:run(head .. [[
print(kind_of { cmd = "kill -9 $$" })
print(kind_of { cmd = "exit 137" })
print(kind_of { cmd = "sh -c 'kill -9 $$' || true" })]])
    assert.equal("E_SIGNAL\nE_EXIT\nok\n", r.out, r.err)
  end)

  it("is not what a cancelled task ended with", function()
    local r = w:run(head .. [[
local t = neap.task { cmd = "trap '' TERM; while :; do sleep 0.1; done" }
while t.state ~= "running" do
  neap.sleep(0.05)
end
t:cancel("not needed")
local _, err = t:try()
print(err.kind)]])
    assert.equal("E_CANCELLED\n", r.out, r.err)
  end)

  it("is what exceeds the memory that was asked for", function()
    local r = w:run(head .. [[
print(kind_of { mem = "64MiB",
  cmd = "head -c 400000000 /dev/zero | tail -c 390000000 | wc -c; sleep 1" })
]])
    assert.equal("E_OOM\n", r.out, r.err)
  end)
end)
