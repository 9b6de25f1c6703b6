-- What users of `neap.sched` do wrong, and what their clusters do.

local errors = require "neap.sched.errors"
local sched = require "neap.sched"
local testing = require "neap.testing"

local function world(log)
  local clock = sched.clock.virtual {}
  local fake = testing.manual_cluster { clock = clock }
  local s = sched.new {
    clock = clock, cluster = fake, min_alloc = {},
    repository = sched.repository.memory(), log = log or function() end,
  }
  s:start()
  return s, clock, fake
end

-- A task that was placed on an alloc; `spoil(alloc)` comes before.
local function placed(s, clock, fake, spoil, fields)
  fields = fields or {}
  fields.ident, fields.resources = "x", { cpu = 1 }
  local t = sched.task(fields)
  s:submit(t)
  local a = fake:alloc("a", { cpu = 2 })
  spoil(a)
  fake:next_request("1s"):grant(a)
  clock:advance("1s")
  return t, a
end

describe("a wrong call", function()
  it("is told with its place", function()
    local ok, err = pcall(sched.clock.virtual {}.run, 1, 2)
    assert.is_false(ok)
    local _, raised = pcall(function()
      sched.task { cpu = 1 }
    end)
    assert.matches("sched_user_spec.lua:%d+$", raised.where)
    assert.equal("invalid: unknown field 'cpu' of a task", tostring(raised))
    assert.is_truthy(err)
  end)

  it("of swap does no harm", function()
    local s = world()
    for _, kind in ipairs { "packing", "priority" } do
      for _, name in ipairs { false, 5, {}, "" } do
        local ok, err = pcall(s.swap, s, kind, name or nil)
        assert.is_false(ok)
        assert.equal("Invalid", err.kind)
        assert.matches("^swap%('" .. kind .. "', name%)", err.message)
      end
    end
    local ok, err = pcall(s.swap, s, "packing", "spread", 5)
    assert.is_false(ok)
    assert.matches("params is a table", err.message)
    assert.is_true(s:stop())
  end)

  it("of wait says what is missing", function()
    local t = sched.task { ident = "x" }
    assert.is_true(t:wait("init"))
    local ok, err = t:wait("done", 0)
    assert.is_nil(ok)
    assert.equal("Timeout", err.kind)
    ok, err = pcall(t.wait, t, "done")
    assert.is_false(ok)
    assert.matches("was not submitted", err.message)
  end)
end)

describe("errors of other people", function()
  it("may be their own cause", function()
    local mine = { kind = "Net", message = "reset" }
    mine.cause = mine
    local err = errors.from(mine)
    assert.equal("Net", err.kind)
    assert.matches("^network error: reset", tostring(err))
    assert.is_true(errors.restartable(err))
  end)

  it("have a text, whatever their fields are", function()
    local rude = setmetatable({}, { __tostring = function() error "no" end })
    assert.equal("Fatal", errors.from(rude).kind)
    assert.matches("has no text", tostring(errors.from(rude)))
    for _, bad in ipairs { 5, {}, true, rude, "text", print } do
      for _, field in ipairs { "cause", "message", "op", "args", "where" } do
        local err = errors.from { kind = "Net", [field] = bad }
        assert.is_string(tostring(err))
        assert.is_string(errors.encode(err))
        assert.is_true(errors.decode(errors.encode(err)) == err)
      end
    end
  end)

  it("do not stop a scheduler", function()
    local clock = sched.clock.virtual {}
    local fake = testing.manual_cluster { clock = clock, menu = {
      { name = "s", resources = { cpu = 1 } },
    } }
    fake:answer("menu", function()
      error(setmetatable({}, { __tostring = function() error "no" end }))
    end)
    local s = sched.new {
      clock = clock, cluster = fake, log = function() end,
      repository = sched.repository.memory(),
    }
    s:start()
    clock:advance("1s")
    assert.is_true(s:stop())
  end)
end)

describe("a cluster that answers nonsense", function()
  it("to put ends the task", function()
    local evil = setmetatable({}, { __index = function() error "evil" end })
    for _, value in ipairs { true, 5, {}, evil, "exec", print } do
      local s, clock, fake = world()
      local t = placed(s, clock, fake, function(a)
        a:answer("put", function() return value end)
      end)
      assert.is_true(t:wait("done", "1m"))
      assert.equal("Fatal", t.err.kind)
      assert.matches("put returned a %a+ without method 'wait'",
        tostring(t.err))
      assert.is_true(s:stop())
    end
  end)

  it("that comes half made is given back", function()
    local clock = sched.clock.virtual {}
    local freed = 0
    local s = sched.new {
      clock = clock, repository = sched.repository.memory(),
      cluster = {
        allocate = function()
          return { free = function()
            freed = freed + 1
            return true
          end }
        end,
      },
    }
    s:start()
    s:submit(sched.task { resources = { cpu = 1 } })
    clock:advance(0.1)
    assert.equal(1, freed)
    assert.is_true(s:stop())
  end)

  it("raised by one of several loads is Fatal", function()
    local s, clock, fake = world()
    local function input(name)
      return { fileset = sched.fileset {
        [name] = { source = "s3://b/" .. name, size = 1 },
      } }
    end
    local t = placed(s, clock, fake, function(a)
      a:answer("load", function()
        error(sched.errors.new("Net", "raised, not returned"))
      end)
    end, { args = { input "a", input "b" } })
    assert.is_true(t:wait("done", "1m"))
    assert.equal("Fatal", t.err.kind)
  end)

  it("is told to the task's own log, which may fail", function()
    local s, clock, fake = world()
    local lines = {}
    local t, a = placed(s, clock, fake, function() end, {
      log = function(level, line)
        lines[#lines + 1] = level .. " " .. line
        if #lines == 2 then
          error "no more paper"
        end
      end,
    })
    a:fail_keepalive "Fatal"
    clock:advance "1m"
    assert.equal(1, t:attempt())
    assert.equal(2, #lines)
    assert.matches("^debug task .* goes to alloc ", lines[1])
    assert.matches("^info task .* has been lost, will retry", lines[2])
  end)

  it("to inspect that never comes holds up nothing", function()
    local s, clock, fake = world()
    local t, a = placed(s, clock, fake, function() end)
    local x = a:exec(t)
    x:hang "inspect"
    x:complete()
    assert.is_true(t:wait("done", "1m"))
    assert.is_nil(t.err)
  end)

  it("to kill is not believed", function()
    local s, clock, fake = world()
    local t, a = placed(s, clock, fake, function() end)
    local x = a:exec(t)
    x:answer("kill", function() return false end)
    s:cancel(t, "enough")
    assert.is_true(t:wait("done", "1m"))
    assert.is_true(x:calls("kill") > 1)
    assert.equal("draining", s:allocs()[1].state)
  end)

  it("to verify is taken at its word", function()
    local s, clock, fake = world()
    local inputs = sched.fileset { a = { source = "s3://b/a", size = 1 } }
    local t, a = placed(s, clock, fake, function(a)
      a:answer("verify", function() return false end)
    end, { post_use_checksum = true, args = { { fileset = inputs } } })
    a:exec(t):complete()
    assert.is_true(t:wait("done", "1m"))
    assert.equal("Integrity", t.err.kind)
  end)
end)
