-- W26: wrong counts aborted the node, a failed load left references behind, one
-- bad task could disturb its neighbours, memory was not enforced by default.
-- The agent is a real process here; its own cases are unit/cluster/test_agent.

local sched = require "neap.sched"
local system = require "support.system"
local testing = require "neap.testing"

describe("W26: a node", function()
  it("takes wrong releases without harm", function()
    local clock = sched.clock.virtual {}
    local fake = testing.manual_cluster { clock = clock }
    local a = fake:alloc("a", { cpu = 1 })
    local repo = sched.repository.memory()
    local fs = sched.fileset { f = { id = repo:put "x", size = 1 } }
    assert.truthy(a:load(repo, fs, "t"))
    for _ = 1, 3 do
      assert.is_true(a:unload(fs, "t"))
      assert.is_true(a:unload(fs, "never used"))
    end
    assert.same({}, a:refcounts())
  end)

  it("keeps nothing of a load that failed half way", function()
    local clock = sched.clock.virtual {}
    local fake = testing.manual_cluster { clock = clock }
    local a = fake:alloc("a", { cpu = 1 })
    local repo = sched.repository.memory()
    local fs = sched.fileset {
      good = { id = repo:put "x", size = 1 },
      bad = { id = sched.digest.of "not there", size = 9 },
    }
    local got, err = a:load(repo, fs, "t")
    assert.is_nil(got)
    assert.equal("NotExist", err.kind)
    assert.same({}, a:refcounts())
  end)

  describe("of real processes", function()
    local w

    before_each(function()
      w = system.world()
    end)
    after_each(function()
      w:assert_clean()
      w:close()
    end)

    it("enforces memory, and only against who took too much", function()
      local r = w:run [[
local neap = require "neap"
local good = neap.task { name = "good", mem = "64MiB",
  cmd = "sleep 2; echo fine" }
local bad = neap.task { name = "bad", mem = "64MiB",
  cmd = "head -c 400000000 /dev/zero | tail -c 390000000 | wc -c; sleep 1" }
local _, err = bad:try()
print(err.kind)
io.write(good:await().stdout:read())]]
      assert.equal("E_OOM\nfine\n", r.out, r.err)
    end)

    it("survives a task that cannot start", function()
      local r = w:run [[
local neap = require "neap"
local bad = neap.task { cmd = { "./no-such-program" } }
print(bad:try())
io.write(neap.task { cmd = "echo on" }:await().stdout:read())]]
      assert.matches("^nil\t.*no%-such%-program.*\non\n$", r.out, nil, nil,
        r.err)
    end)
  end)
end)
