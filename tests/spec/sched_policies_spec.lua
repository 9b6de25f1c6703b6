-- Policies of neap.sched run in VMs of their own, under a guard, also in a
-- stock luajit, where LuaJIT is part of the program.

local core = require "neap.sched.core"
local core_world = require "support.core_world"
local resources = require "neap.sched.resources"

local ONE = { cpu = 1, mem = "1GiB" }

describe("policies of the core", function()
  local w, path

  before_each(function()
    w = core_world.new()
    w.core:set_menu("c", nil, w.now)
    path = os.tmpname()
    os.remove(path)
    path = path .. ".lua"
  end)

  after_each(function()
    w.core:close()
    os.remove(path)
  end)

  local function write(fields)
    local file = assert(io.open(path, "w"))
    file:write('local policy = require "neap.policy"\n',
      'return policy.pack "made" { api = 1,\n', fields, "\n}\n")
    file:close()
    return path
  end

  it("are loaded by name, path and with parameters", function()
    assert.matches("^default@%x%x%x%x$",
      (w.core:load_policy("packing", "default")))
    assert.matches("^reflow@%x+$", (w.core:load_policy("packing", "reflow")))
    assert.matches("^fifo@%x+$", (w.core:load_policy("priority", "fifo")))
    assert.equal("by_priority",
      (w.core:load_policy("priority", "default")))
    assert.matches("^default@%x+$", (w.core:load_policy("packing", "default",
      { gib_per_core = 4 })))
    write "cost = function() return 1 end"
    assert.matches("^made@%x+$", (w.core:load_policy("packing", path)))
    local rows = w.core:policies()
    assert.same({ "packing", "active", path, "cost" },
      { rows[1].kind, rows[1].state, rows[1].path, rows[1].hooks })
    assert.same({ "priority", "built in", "by_priority" },
      { rows[2].kind, rows[2].state, rows[2].name })
  end)

  it("that are wrong leave the one before at work", function()
    w.core:load_policy("packing", "default")
    local wrong = {
      { "there is no policy 'nothing'; there are: ", "nothing" },
      { "unknown parameter 'gib'", "default", { gib = 1 } },
      { "unknown field 'costs' of policy.pack %(did you mean 'cost'",
        write "costs = function() end" },
      { "'fifo' is a priority policy, not a pack policy", "fifo" },
    }
    for _, case in ipairs(wrong) do
      local name, err = w.core:load_policy("packing", case[2], case[3])
      assert.is_nil(name)
      assert.matches(case[1], err.message)
    end
    assert.matches("^default@", w.core:policies()[1].name)
    assert.error_matches(function()
      w.core:load_policy("pack", "default")
    end, "no kind of policy 'pack'")
  end)

  it("that never come back are stopped, and the round goes on", function()
    -- compiled long before it hangs; harmless while it is checked
    assert(w.core:load_policy("packing", write [[
      cost = function(task, alloc)
        local x = 0
        while task.name == "hang" do
          x = x + 1
        end
        return x - alloc.ntasks
      end]]))
    w:submit { ONE }
    w:turn()
    w:grant(1, { cpu = 100, mem = "100GiB" })
    assert.equal(1, w.on[1])
    assert.same({}, w.core:complaints())
    for round = 1, 2 do
      w:submit({ ONE, ONE }, { name = "hang" })
      local start = os.clock()
      w:turn()
      assert.is_true(os.clock() - start < 2)
      assert.equal(core.STAGING, w.state[#w.tasks]) -- placed in C
      local complaints = w.core:complaints()
      assert.equal(1, #complaints)
      assert.matches("^policy made@%x+: ran for more than %d+ ms and was "
        .. "stopped$", complaints[1])
      assert.equal(round, w.core:stats().policy_errors)
    end
    w:submit({ ONE }, { name = "harmless" })
    w:turn()
    assert.equal(core.STAGING, w.state[#w.tasks])
    assert.equal(2, w.core:stats().policy_errors) -- its VM is a new one
  end)

  it("that fail three times are in quarantine until the next load", function()
    assert(w.core:load_policy("packing", write [[
      cost = function(task)
        if task.name == "bad" then
          error "no idea"
        end
        return 1
      end]]))
    w:submit { ONE }
    w:turn()
    w:grant(1, { cpu = 100, mem = "100GiB" })
    for _ = 1, 4 do
      w:submit({ ONE }, { name = "bad" })
      w:turn()
    end
    local said = table.concat(w.core:complaints(), "\n")
    assert.matches("no idea", said)
    assert.matches("is in quarantine", said)
    assert.equal("quarantined", w.core:policies()[1].state)
    assert.equal(5, w.core:stats().staging)
    assert(w.core:load_policy("packing", "default"))
    assert.equal("active", w.core:policies()[1].state)
  end)

  it("may loop in their file or eat all memory", function()
    for text, problem in pairs {
      ["while true do end"] = "was stopped",
      ["local t = {} while true do t[#t + 1] = ('x'):rep(1e6) end"] =
        "not enough memory",
      ["local function f() return pcall(f) end while true do f() end"] =
        "was stopped",
    } do
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
      local name, err = w.core:load_policy("packing", path)
      assert.is_nil(name)
      assert.matches(problem, err.message)
    end
    assert.equal("best_fit", w.core:policies()[1].name)
  end)

  it("of many cores come and go in any order", function()
    local worlds = {}
    for i = 1, 6 do
      worlds[i] = core_world.new { packing = "default" }
      worlds[i].core:set_menu("c", nil, worlds[i].now)
    end
    for _, i in ipairs { 2, 6, 1, 5, 3 } do
      worlds[i].core:close()
      worlds[4]:submit { ONE }
      worlds[4]:turn()
      assert.same({}, worlds[4].core:complaints())
    end
    worlds[4].core:close()
  end)

  it("see what a task needs and answer why", function()
    assert(w.core:load_policy("packing", write [[
      cost = function(task)
        if task.labels.shy then
          return nil, "%s is shy of %d", task.name, task.res.tokens
        end
        return 1
      end]]))
    w:submit { ONE }
    w:turn()
    w:grant(1, { cpu = 100, mem = "100GiB", tokens = 9 })
    w:submit({ { cpu = 1, tokens = 2 } }, { labels = { shy = "yes" } })
    w:turn()
    local why = w.core:why(w.tasks[2], w.now, 1.8e9)
    assert.equal("policy", why.verdict)
    assert.equal("x is shy of 2", why.allocs[1].refused)
    assert.equal(resources {}, why.allocs[1].missing)
  end)
end)
