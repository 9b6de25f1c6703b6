-- What people and clusters do wrong: objects that break the rules, and
-- arguments of every wrong kind. The first never stops the scheduler, the
-- second raises at the caller's line and says what to do.

local sched = require "neap.sched"
local world = require "support.sched_world"

local errors, R = sched.errors, sched.resources

local function raises(pattern, fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, "it did not raise")
  assert.equal("Invalid", err.kind, tostring(err))
  assert.truthy(tostring(err.where):find("sched_bad_input_spec.lua:%d+"),
    "raised at " .. tostring(err.where))
  assert.truthy(err.message:find(pattern), err.message)
end

-- ---- clusters -------------------------------------------------------------

-- A cluster of which `allocate` does something else on its first call.
local function first_call(fn)
  return function(clock)
    local inner = sched.cluster.sim { clock = clock }
    local c = { name = "odd", calls = 0, clock = clock }
    function c:allocate(...)
      self.calls = self.calls + 1
      if self.calls == 1 then
        return fn(self, inner, ...)
      end
      return inner:allocate(...)
    end
    c.inner = inner
    return c
  end
end

local odd_calls = {
  ["raises a text"] = function() error "no" end,
  ["raises a table"] = function() error { code = 7 } end,
  ["raises nothing"] = function() error() end,
  ["raises an error of another kind"] = function()
    error(errors.new("Net", "no"))
  end,
  ["returns nothing"] = function() end,
  ["returns false"] = function() return false end,
  ["returns a text"] = function() return "alloc" end,
  ["returns a text as its error"] = function() return nil, "full" end,
  ["returns a number as its error"] = function() return nil, 28 end,
  ["returns an empty table"] = function() return {} end,
  ["returns an alloc without resources"] = function(_, inner, ...)
    local a = inner:allocate(...)
    a.resources = function() return nil end
    return a
  end,
  ["returns an alloc whose resources raise"] = function(_, inner, ...)
    local a = inner:allocate(...)
    a.resources = function() error "no" end
    return a
  end,
}

describe("a cluster whose allocate", function()
  for what, fn in pairs(odd_calls) do
    it(what .. " has refused", function()
      local s, _, cluster = world.own(first_call(fn), { log = function() end })
      local t = world.task { cpu = 1 }
      s:submit(t)
      assert.is_true(t:wait("done", "1m"))
      assert.is_nil(t.err)
      assert.is_true(cluster.calls >= 2)
      assert.is_true(s:stop())
    end)
  end

  it("resolves its answer twice has granted once", function()
    local s, _, cluster = world.own(first_call(function(c, inner, ...)
      local p = c.clock:promise()
      p:resolve(inner:allocate(...))
      assert.is_false(p:resolve(nil, errors.new("Fatal", "no")))
      return p:wait()
    end))
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    assert.equal(1, cluster.calls)
    assert.equal(1, s.stats:get().total_allocs)
  end)

  it("never returns does not keep stop waiting", function()
    local s, clock = world.own(first_call(function(c)
      c.clock:promise():wait()
    end))
    local t = world.task { cpu = 1 }
    s:submit(t)
    clock:advance(100)
    assert.equal("init", t:state())
    assert.is_true(s:stop())
    assert.equal("Canceled", t.err.kind)
  end)

  it("answers after stop gets its alloc back", function()
    local freed = 0
    local s, clock = world.own(first_call(function(c, inner, ...)
      c.clock:sleep(100)
      local a = inner:allocate(...)
      local free = a.free
      function a.free(self)
        freed = freed + 1
        return free(self)
      end
      return a
    end))
    s:submit(world.task { cpu = 1 })
    clock:advance(1)
    assert.is_true(s:stop())
    clock:advance(200)
    assert.equal(1, freed)
  end)
end)

describe("a cluster", function()
  local function with(fields)
    return world.own(function(clock)
      local inner = sched.cluster.sim { clock = clock }
      local c = { name = "c" }
      function c.allocate(_, req, labels, ctx)
        return inner:allocate({ min = req.min, width = req.width }, labels, ctx)
      end
      for name, fn in pairs(fields) do
        c[name] = function(...) return fn(clock, ...) end
      end
      return c
    end, { log = function() end })
  end

  it("whose can_allocate raises has said no, with its error", function()
    local s = with { can_allocate = function() error "broken" end }
    local t = world.task { cpu = 1 }
    assert.equal(1, s:submit(t))
    assert.is_true(t:wait("done", "1s"))
    assert.equal("Fatal", t.err.kind)
    assert.truthy(tostring(t.err):find("broken", 1, true))
  end)

  it("whose can_allocate never returns is asked all the same", function()
    local s = with { can_allocate = function(clock)
      clock:promise():wait()
    end }
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    assert.is_nil(t.err)
  end)

  for what, menu in pairs {
    ["raises"] = function() error "broken" end,
    ["returns nothing"] = function() end,
    ["returns a text"] = function() return "small" end,
    ["returns a shape without a name"] = function() return { {} } end,
    ["returns a shape of NaN"] = function()
      return { { name = "a", resources = { cpu = 0 / 0 } } }
    end,
    ["returns a shape of a negative price"] = function()
      return { { name = "a", resources = { cpu = 1 }, price = -1 } }
    end,
    ["never returns"] = function(clock) clock:promise():wait() end,
  } do
    it("whose menu " .. what .. " at first is asked again", function()
      local calls = 0
      local s = with { menu = function(clock)
        calls = calls + 1
        if calls == 1 then
          return menu(clock)
        end
        return { { name = "a", resources = { cpu = 4 } } }
      end }
      local t = world.task { cpu = 1 }
      s:submit(t)
      assert.is_true(t:wait("done", "5m"))
      assert.is_nil(t.err)
      assert.equal(2, calls)
    end)
  end
end)

describe("ids that collide", function()
  it("of allocs are told apart", function()
    local s, _, fake = world.manual()
    local a, b = world.task { cpu = 1 }, world.task { cpu = 1 }
    s:submit(a)
    fake:next_request("1s"):grant(fake:alloc("same", { cpu = 1 }))
    assert.is_true(a:wait("running", "1s"))
    s:submit(b)
    fake:next_request("1s"):grant(fake:alloc("same", { cpu = 1 }))
    assert.is_true(b:wait("running", "1s"))
    local allocs, n = s.stats:get().allocs, 0
    for _ in pairs(allocs) do
      n = n + 1
    end
    assert.equal(2, n)
    assert.truthy(allocs["same"])
    assert.truthy(allocs["manual/same"])
  end)

  it("of clusters are told apart", function()
    local clock = sched.clock.virtual {}
    local one = sched.cluster.sim { clock = clock, name = "c" }
    local two = sched.cluster.sim { clock = clock, name = "c" }
    local s = sched.new { cluster = { one, two }, clock = clock,
      repository = sched.repository.memory(), min_alloc = {} }
    s:start()
    local t = world.task { cpu = 1 }
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    assert.is_true(s:stop())
  end)
end)

-- ---- stop while a call is under way ---------------------------------------

describe("stop during", function()
  -- Stop while `method` of the alloc or exec hangs; everything must end.
  local function stop_in(hang)
    local s, clock, fake = world.manual { log = function() end }
    local repo = sched.repository.memory()
    local fs = sched.fileset { f = { id = repo:put "data", size = 4 } }
    local t = world.task({ cpu = 1 }, {
      repository = repo, args = { { fileset = fs } },
    })
    s:submit(t)
    local a = fake:alloc("a", { cpu = 1 })
    local freed, free = 0, a.free
    function a.free(...)
      freed = freed + 1
      return free(...)
    end
    hang(a, clock)
    fake:next_request("1s"):grant(a)
    clock:advance(5)
    assert.not_equal("done", t:state())
    assert.is_true(s:stop { timeout = "2m" })
    assert.equal("done", t:state())
    assert.equal("Canceled", t.err.kind)
    assert.equal(1, freed)
    assert.same({}, a:refcounts())
    assert.is_true(s.stats:get().allocs.a.dead)
  end

  local function hanging(clock)
    return function() clock:promise():wait() end
  end

  it("load", function()
    stop_in(function(a, clock) a.load = hanging(clock) end)
  end)

  it("put", function()
    stop_in(function(a, clock) a.put = hanging(clock) end)
  end)

  it("wait", function()
    stop_in(function() end) -- a fake exec ends when it is told to
  end)

  it("transfer", function()
    local reached = false
    stop_in(function(a, clock)
      local put, repository = a.put, a:repository()
      function a.put(...)
        local x, err = put(...)
        if x then
          local id = repository:put "result"
          x:complete({ fileset = sched.fileset {
            r = { id = id, size = 6 },
          } })
        end
        return x, err
      end
      a.repository = function()
        return setmetatable({
          get = function()
            reached = true
            clock:promise():wait()
          end,
          write_to = function()
            return nil, errors.new("NotSupported", "not here")
          end,
        }, { __index = function(_, name)
          return name ~= "url" and repository[name] or nil
        end })
      end
    end)
    assert.is_true(reached)
  end)

  it("allocate, of two that wait for it", function()
    local s, clock, fake = world.manual()
    local list = world.tasks(2, { cpu = 1 })
    s:submit(list)
    clock:advance(1)
    assert.is_true(s:stop())
    for _, t in ipairs(list) do
      assert.equal("Canceled", t.err.kind)
    end
    assert.equal(0, fake:pending())
  end)
end)

-- ---- arguments ------------------------------------------------------------

describe("sched.new", function()
  local function new(fields)
    return function()
      local given = { cluster = sched.cluster.sim {} }
      for name, value in pairs(fields) do
        given[name] = value
      end
      return sched.new(given)
    end
  end

  it("takes a table with a cluster", function()
    raises("table", sched.new, 7)
    raises("table", sched.new)
    raises("needs a cluster", sched.new, {})
  end)

  for name, case in pairs {
    cluster = { "sim", "allocate" }, repository = { 7, "stat" },
    clock = { "now", "spawn" }, transferer = { {}, "transfer" },
    mux = { {}, "transfer" }, taskdb = { {}, "create_task" },
    log = { "stderr", "function" }, packing = { 7, "policy" },
    priority = { "", "policy" }, max_pending_allocs = { -1, "whole number" },
    max_alloc_idle_time = { "soon", "max_alloc_idle_time" },
    drain_timeout = { -1, "drain_timeout" }, max_attempts = { 0, "whole" },
    stats_keep = { 1.5, "whole" }, labels = { { 1 }, "labels" },
    min_alloc = { { cpu = -1 }, "cpu" },
  } do
    it("raises for a bad " .. name, function()
      raises(case[2], new { [name] = case[1] })
    end)
  end

  it("names the nearest field", function()
    raises("max_attempts", new { max_atempts = 3 })
    raises("cluster", sched.new, { clustr = sched.cluster.sim {} })
  end)

  it("raises for a policy that there is not", function()
    raises("no%-such", new { packing = "no-such" })
  end)
end)

describe("sched.task", function()
  local function task(fields)
    return function() return sched.task(fields) end
  end

  it("takes a table", function()
    raises("table", sched.task, "true")
  end)

  for name, case in pairs {
    type = { "job", "exec" }, ident = { 7, "ident" }, cmd = { {}, "cmd" },
    image = { 7, "image" }, url = { 7, "url" }, args = { "x", "args" },
    priority = { 1.5, "whole" }, expected_duration = { "soon", "expected" },
    run_id = { 7, "run_id" }, flow_id = { 7, "flow_id" },
    labels = { { a = 1 }, "labels" }, log = { 7, "log" },
    resources = { "2 cores", "resources" },
  } do
    it("raises for a bad " .. name, function()
      raises(case[2], task { [name] = case[1] })
    end)
  end

  for what, amounts in pairs {
    ["negative"] = { cpu = -1 }, ["NaN"] = { cpu = 0 / 0 },
    ["infinite"] = { mem = math.huge }, ["overflowing"] = { mem = 2 ^ 80 },
    ["textual nonsense"] = { mem = "lots" },
  } do
    it("raises for resources that are " .. what, function()
      raises("^resources", task { resources = amounts })
    end)
  end

  it("raises for arguments that are none", function()
    raises("args%[1%]", task { args = { {} } })
    raises("args%[2%]", task { args = { { out = true, index = 0 }, 7 } })
  end)

  it("names the nearest field", function()
    raises("did you mean", task { resorces = {} })
  end)

  it("does not let its fields be set", function()
    local t = sched.task {}
    raises("cannot be set", function() t.ident = "x" end)
    raises("whole", function() t.priority = "high" end)
  end)

  it("has no id, nothing to wait for, before it was submitted", function()
    local t = sched.task {}
    raises("submit", function() return t:id() end)
    raises("submitted", function() return t:wait("done") end)
  end)
end)

describe("methods of a scheduler", function()
  it("raise when they are called as functions", function()
    local s = world.manual()
    raises("method", function() return s.submit() end)
  end)

  it("submit takes tasks, each once", function()
    local s = world.manual()
    local t = world.task { cpu = 1 }
    raises("argument 1", function() return s:submit(7) end)
    raises("argument 2", function() return s:submit(t, {}) end)
    raises("twice", function() return s:submit(t, t) end)
    assert.equal("init", t:state())
    assert.equal(1, s:submit(t))
    raises("before", function() return s:submit(t) end)
    raises("before", function()
      return s:submit(world.task { cpu = 1 }, t)
    end)
    assert.equal(1, s.stats:get().total_tasks)
  end)

  it("submit needs a repository", function()
    local clock = sched.clock.virtual {}
    local s = sched.new { clock = clock,
      cluster = sched.cluster.sim { clock = clock } }
    raises("repository", function()
      return s:submit(world.task { cpu = 1 })
    end)
    assert.equal(0, s.stats:get().total_tasks)
  end)

  it("cancel and why take a task of this scheduler", function()
    local s = world.manual()
    local t = world.task { cpu = 1 }
    for _, name in ipairs { "cancel", "why" } do
      raises("task", function() return s[name](s, "t1") end)
      raises("not submitted", function() return s[name](s, t) end)
    end
    local other = world.manual()
    other:submit(t)
    raises("another scheduler", function() return s:cancel(t) end)
  end)

  it("set takes limits", function()
    local s = world.manual()
    raises("table", function() return s:set() end)
    raises("did you mean", function() return s:set { max_atempts = 3 } end)
    raises("whole", function() return s:set { max_attempts = "many" } end)
    raises("unknown limit", function() return s:set { cluster = {} } end)
  end)

  it("swap takes a kind and a policy", function()
    local s = world.manual()
    raises("packing", function() return s:swap("pack", "default") end)
    local done, err = s:swap("packing", "no-such-policy")
    assert.is_nil(done)
    assert.truthy(tostring(err):find("no-such-policy", 1, true))
  end)

  it("stop takes a mode and a timeout", function()
    local s = world.manual()
    raises("stop takes", function() return s:stop "abort" end)
    raises("abort", function() return s:stop { mode = "quickly" } end)
    raises("timeout", function() return s:stop { timeout = "soon" } end)
    raises("unknown field", function() return s:stop { force = true } end)
    assert.is_true(s:stop())
  end)

  it("on takes the name of an event and a function", function()
    local s = world.manual()
    raises("no event", function() return s:on("task.finished", print) end)
    raises("function", function() return s:on("task.done") end)
  end)

  it("wait knows the states", function()
    local s = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    raises("no state", function() return t:wait "finished" end)
  end)
end)

describe("values", function()
  it("filesets have no cycles, negative sizes, or files of nothing",
    function()
      local tree = {}
      tree[1] = tree
      raises("fileset", sched.fileset, tree)
      raises("size", sched.fileset, { f = { source = "x://y", size = -1 } })
      raises("f", sched.fileset, { f = {} })
      raises("fileset", sched.fileset, 7)
    end)

  it("digests are whole", function()
    local whole = sched.digest.of "data"
    for _, n in ipairs { 0, 6, 7, 20, #whole - 1 } do
      local cut = whole:sub(1, n)
      local parsed, err = sched.digest.parse(cut)
      assert.is_true(parsed == nil or parsed ~= cut, cut)
      assert.is_true(parsed ~= nil or err == nil or err.kind == "Invalid")
    end
    raises("digest", sched.fileset, { f = { id = whole:sub(1, 40), size = 1 } })
    raises("digest", sched.fileset, { f = { id = "nonsense", size = 1 } })
  end)

  it("resources are amounts", function()
    for _, bad in ipairs { -1, 0 / 0, math.huge, "lots", true } do
      raises("cpu", R, { cpu = bad })
    end
    raises("resources", R, 7)
    local parsed, err = R.parse "{cpu:lots}"
    assert.is_nil(parsed)
    assert.equal("Invalid", err.kind)
  end)
end)
