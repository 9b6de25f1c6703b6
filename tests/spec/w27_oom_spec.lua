-- W27: exit 137 always counted as out of memory, also after a kill by the user,
-- and real cases were found only by one old text of the kernel's log.
-- Real processes; every case of the verdict is in unit/cluster/test_verdict.

local system = require "support.system"

-- Ends with "E_OOM" or whatever the script's task failed with.
local code = [[
local neap = require "neap"
local function code_of(spec)
  local t = neap.task(spec)
  local ok, err = pcall(t.await, t)
  return ok and "ok" or err.code
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
    local r = w:run(code .. [[
print(code_of { cmd = "kill -9 $$" })
print(code_of { cmd = "exit 137" })
print(code_of { cmd = "sh -c 'kill -9 $$'; exit 0" })]])
    local first, second, third = r.out:match "^(%S+)\n(%S+)\n(%S+)\n$"
    assert.not_equal("E_OOM", first)
    assert.not_equal("E_OOM", second)
    assert.equal("ok", third, r.err)
  end)

  it("is not what a cancelled task ended with", function()
    local r = w:run(code .. [[
local t = neap.task { cmd = "trap '' TERM; echo up; sleep 1000" }
t:wait("running")
t:cancel("not needed")
local ok, err = pcall(t.await, t)
print(ok, err.code)]])
    assert.matches("^false\tE_CANCEL", r.out, nil, nil, r.err)
  end)

  it("is what exceeds the memory that was asked for", function()
    local r = w:run(code .. [[
print(code_of { mem = "64MiB",
  cmd = "head -c 400000000 /dev/zero | tail -c 390000000 | wc -c; sleep 1" })
]])
    assert.equal("E_OOM\n", r.out, r.err)
  end)
end)
