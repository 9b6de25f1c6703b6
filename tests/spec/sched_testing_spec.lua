local clocks = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"
local repository = require "neap.sched.repository"
local resources = require "neap.sched.resources"
local testing = require "neap.testing"

local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  return err
end

local function file_of(repo, data)
  return { id = assert(repo:put(data)), size = #data }
end

-- What a scheduler gives to `allocate`.
local function context()
  local fns = {}
  return {
    done = function(self) return self.cancelled end,
    on_cancel = function(_self, fn) fns[#fns + 1] = fn end,
    cancel = function(self)
      self.cancelled = true
      for _, fn in ipairs(fns) do
        fn()
      end
    end,
  }
end

local clock, cluster

before_each(function()
  clock = clocks.virtual {}
  cluster = testing.manual_cluster { clock = clock }
end)

local function ask(fields, ctx)
  local req = { min = resources { cpu = 1 }, width = 0, count = 1, index = 1 }
  for key, value in pairs(fields or {}) do
    req[key] = value
  end
  return clock:spawn(function()
    return cluster:allocate(req, { user = "u" }, ctx)
  end)
end

describe("a manual cluster", function()
  it("shows a request as it was asked and waits for the answer", function()
    local answer = ask { width = 3, count = 5, index = 2, shape = "big" }
    local req = cluster:next_request "1s"
    assert.equal(3, req.width)
    assert.equal(5, req.count)
    assert.equal(2, req.index)
    assert.equal("big", req.shape)
    assert.equal("u", req.labels.user)
    assert.is_true(req.min == resources { cpu = 1 })
    assert.equal(1, cluster:pending())
    assert.is_nil(answer:wait(60))
    local a = cluster:alloc("a", { cpu = 2 })
    assert.is_true(req:grant(a))
    assert.is_false(req:grant(a))
    assert.is_false(req:refuse())
    assert.equal(a, answer:wait())
    assert.equal(0, cluster:pending())
  end)

  it("gives requests in the order in which they came", function()
    ask { width = 1 }
    ask { width = 2 }
    local waiting = clock:spawn(function() return cluster:next_request() end)
    assert.equal(1, cluster:next_request(1).width)
    assert.equal(2, waiting:wait(1).width)
    local req, err = cluster:next_request "10s"
    assert.is_nil(req)
    assert.is_true(errors.is("Timeout", err))
    assert.equal(10, clock:now())
    ask { width = 3 }
    assert.equal(3, cluster:next_request(1).width)
    assert.equal(3, cluster:pending())
  end)

  it("refuses with an error, a kind, or Unavailable", function()
    local mine = errors.new("NotSupported", "no such shape")
    for wanted, given in pairs { Net = "Net", NotSupported = mine,
      Unavailable = false } do
      local answer = ask()
      cluster:next_request(1):refuse(given or nil)
      local alloc, err = answer:wait()
      assert.is_nil(alloc)
      assert.is_true(errors.is(wanted, err), tostring(err))
    end
  end)

  it("tells when a request is no longer wanted, and may be late", function()
    local ctx = context()
    local answer = ask(nil, ctx)
    local req = cluster:next_request(1)
    assert.is_false(req.cancelled)
    assert.is_nil((req:wait_cancelled(1)))
    ctx:cancel()
    assert.is_true(req.cancelled)
    assert.is_true(req:wait_cancelled())
    assert.equal(0, cluster:pending())
    assert.is_true(req:grant(cluster:alloc("late", { cpu = 1 })))
    assert.equal("late", answer:wait().id)
  end)

  it("does not hand out requests that were cancelled before", function()
    local ctx = context()
    ask({ width = 7 }, ctx)
    clock:advance(0)
    ctx:cancel()
    ask { width = 8 }
    assert.equal(8, cluster:next_request(1).width)
  end)

  it("has a menu only if it is given one", function()
    assert.is_nil(cluster.menu)
    assert.equal("Invalid", raised(cluster.set_menu, cluster, {}).kind)
    local shapes, changed = { { name = "small" } }, 0
    local shop = testing.manual_cluster { clock = clock, menu = shapes }
    assert.equal(shapes, shop:menu())
    shop:on_change(function() changed = changed + 1 end)
    shop:set_menu { { name = "big" } }
    assert.equal("big", shop:menu()[1].name)
    assert.equal(1, changed)
    shop:fail("menu", "Fatal", 1)
    assert.is_nil((shop:menu()))
    assert.equal("big", shop:menu()[1].name)
  end)

  it("says what it could never allocate", function()
    assert.is_true(cluster:can_allocate(resources { cpu = 1e6 }))
    local small = testing.manual_cluster {
      clock = clock,
      can_allocate = function(r)
        return r.cpu <= 2 or false, errors.new("ResourcesExhausted", "2 cpu")
      end,
    }
    assert.is_true((small:can_allocate(resources { cpu = 2 })))
    local ok, err = small:can_allocate(resources { cpu = 3 })
    assert.is_false(ok)
    assert.is_true(errors.is("ResourcesExhausted", err))
  end)

  it("belongs to the virtual clock made last", function()
    assert.equal(clock, testing.manual_cluster().clock)
  end)

  it("raises for what it does not know", function()
    assert.truthy(raised(testing.manual_cluster, { nam = "x" }).message
      :find("did you mean 'name'", 1, true))
    assert.truthy(raised(cluster.alloc, cluster, "a", {}, { leese = 1 })
      .message:find("did you mean 'lease'", 1, true))
    for i, call in ipairs {
      { cluster.alloc, cluster }, { cluster.alloc, cluster, "", {} },
      { cluster.alloc, cluster, "a", { cpu = -1 } },
      { cluster.alloc, cluster, "a", {}, { lease = "never" } },
      { cluster.fail, cluster, "alocate", "Net" },
      { cluster.fail, cluster, "allocate", "Nett" },
      { cluster.fail, cluster, "allocate", "Net", 0 },
      { cluster.answer, cluster, "allocate", 7 },
    } do
      assert.equal("Invalid", raised(unpack(call)).kind, i)
    end
  end)
end)

describe("a fake alloc", function()
  local a, repo

  before_each(function()
    a = cluster:alloc("a", { cpu = 4, mem = "4GiB" })
    repo = repository.memory()
  end)

  it("has the size that it was given", function()
    assert.equal("a", a.id)
    assert.is_true(a:resources() == resources { cpu = 4, mem = 2 ^ 32 })
    assert.same({ a }, cluster:allocs())
  end)

  it("grants its lease until it is told to fail", function()
    assert.equal(30, a:keepalive(120))
    assert.equal(10, a:keepalive(10))
    assert.equal(60, cluster:alloc("b", {}, { lease = "1m" }):keepalive(120))
    a:fail_keepalive("Net", 2)
    for _ = 1, 2 do
      local granted, err = a:keepalive(120)
      assert.is_nil(granted)
      assert.is_true(errors.is("Net", err))
    end
    assert.equal(30, a:keepalive(120))
    a:fail_keepalive()
    for _ = 1, 3 do
      assert.is_true(errors.is("Fatal", (select(2, a:keepalive(120)))))
    end
    a:heal "keepalive"
    assert.equal(30, a:keepalive(120))
    assert.equal(9, a:calls "keepalive")
  end)

  it("can leave a keepalive without answer", function()
    a:hang_keepalive()
    local answer = clock:spawn(a.keepalive, a, 120)
    assert.is_nil(answer:wait "1h")
    assert.equal(1, a:let_go "keepalive")
    assert.equal(30, answer:wait(1))
  end)

  it("loads files and counts references, once for each token", function()
    local x, y = file_of(repo, "x"), file_of(repo, "yy")
    local one = fileset { a = x, b = y, c = x }
    local two = fileset { z = y }
    assert.is_true(one == a:load(repo, one, "t/1"))
    assert.is_true(one == a:load(repo, one, "t/1"))
    a:load(repo, two, "t/2")
    assert.same({ [x.id] = 1, [y.id] = 2 }, a:refcounts())
    assert.same({ "t/1", "t/2" }, a:tokens())
    assert.equal("yy", a:repository():get(y.id))
    assert.is_true(a:unload(one, "t/1"))
    assert.is_true(a:unload(one, "t/1"))
    assert.is_true(a:unload(nil, "never used"))
    assert.same({ [y.id] = 1 }, a:refcounts())
    a:unload(two, "t/2")
    assert.same({}, a:refcounts())
  end)

  it("loads references from where they point", function()
    local fs = fileset { f = { source = "s3://b/k", size = 3, etag = "e" },
      g = file_of(repo, "g") }
    local got = a:load(repo, fs, "t")
    local loaded = got:get "f"
    assert.is_nil(loaded.source)
    assert.equal("content of s3://b/k\n", a:repository():get(loaded.id))
    assert.is_true(got == cluster:alloc("b", {}):load(repo, fs, "t"))

    local asked
    local c = cluster:alloc("c", {}, { fetch = function(url)
      asked = url
      return "from " .. url
    end })
    loaded = c:load(repo, fs, "t"):get "f"
    assert.equal("s3://b/k", asked)
    assert.equal("from s3://b/k", c:repository():get(loaded.id))
  end)

  it("keeps no reference of a load that failed", function()
    local missing = repository.memory():put "elsewhere"
    local fs = fileset {
      a = file_of(repo, "a"), z = { id = missing, size = 9 },
    }
    local got, err = a:load(repo, fs, "t")
    assert.is_nil(got)
    assert.is_true(errors.is("NotExist", err), tostring(err))
    assert.same({}, a:refcounts())

    a = cluster:alloc("b", {}, { fetch = function() return nil,
      errors.new("Net", "reset") end })
    got, err = a:load(repo, fileset { f = { source = "s3://b/k", size = 1 } },
      "t")
    assert.is_nil(got)
    assert.is_true(errors.is("Net", err))
    assert.same({}, a:refcounts())
  end)

  it("finds what is damaged and what is missing", function()
    local x, y = file_of(repo, "x"), file_of(repo, "y")
    local fs = fileset { a = x, b = y }
    a:load(repo, fs, "t")
    assert.is_true(a:verify(fs))
    a:corrupt(x.id)
    local ok, err = a:verify(fs)
    assert.is_nil(ok)
    assert.is_true(errors.is("Integrity", err))
    assert.truthy(err.message:find("damaged", 1, true))
    ok, err = cluster:alloc("b", {}):verify(fs)
    assert.is_nil(ok)
    assert.truthy(err.message:find("missing", 1, true))
  end)

  it("starts execs, each id once", function()
    local x = a:put("1", { ident = "x", resources = { cpu = 1 } })
    assert.equal(x, a:put("1", { ident = "x", resources = { cpu = 1 } }))
    assert.equal(x, a:exec "1")
    assert.is_nil(a:exec "2")
    assert.equal("x", x.config.ident)
    local y = a:put("2", {})
    assert.same({ x, y }, a:execs())
    assert.is_true(a.used == resources { cpu = 1 })
  end)

  it("starts anew what ended badly", function()
    local x = a:put("1", {})
    x:complete(nil, "Net")
    local y = a:put("1", {})
    assert.are_not.equal(x, y)
    y:complete()
    assert.equal(y, a:put("1", {}))
  end)

  it("never runs more than there is room for", function()
    local x = a:put("1", { resources = { cpu = 3 } })
    local y, err = a:put("2", { resources = { cpu = 2 } })
    assert.is_nil(y)
    assert.is_true(errors.is("ResourcesExhausted", err))
    x:kill()
    assert.truthy(a:put("2", { resources = { cpu = 2 } }))
    assert.is_true(a.used == resources { cpu = 2 })
  end)

  it("waits for an exec that somebody else will put", function()
    clock:after(5, function() a:put("late", {}) end)
    assert.equal("late", a:exec("late", "10s").id)
    assert.equal(5, clock:now())
    local x, err = a:exec("never", 1)
    assert.is_nil(x)
    assert.is_true(errors.is("Timeout", err))
    local task = { id = function() return "late" end }
    assert.equal("late", a:exec(task).id)
  end)

  it("can run its execs by itself", function()
    local b = cluster:alloc("b", { cpu = 1 }, { on_exec = function(x)
      clock:sleep(3)
      x:complete()
    end })
    assert.is_true(b:put("1", {}):wait())
    assert.equal(3, clock:now())
  end)

  it("is gone when it was freed", function()
    local x = a:put("1", {})
    local waiting = clock:spawn(x.wait, x)
    assert.is_true(a:free())
    assert.is_true(a:free())
    assert.equal(2, a:calls "free")
    assert.equal("freed", a.state)
    assert.is_true(errors.is("NotExist", select(2, waiting:wait(1))))
    for name, call in pairs {
      keepalive = { 120 }, load = { repo, fileset {}, "t" }, put = { "2", {} },
    } do
      local value, err = a[name](a, unpack(call))
      assert.is_nil(value)
      assert.is_true(errors.is("NotExist", err), name)
    end
  end)

  it("tells about itself", function()
    clock:advance(7)
    local b = cluster:alloc("b", { cpu = 1 }, { taskdb_id = "db" })
    b:keepalive(120)
    local about = b:inspect()
    assert.equal(7, about.created)
    assert.equal(37, about.expires)
    assert.equal("db", about.taskdb_id)
    assert.is_true(about.meta.want == resources { cpu = 1 })
  end)

  it("insists on tokens", function()
    assert.equal("Invalid", raised(a.load, a, repo, fileset {}).kind)
    assert.equal("Invalid", raised(a.unload, a, fileset {}).kind)
  end)
end)

describe("a fake exec", function()
  local a, x

  before_each(function()
    a = cluster:alloc("a", { cpu = 4 })
    x = a:put("1", { resources = { cpu = 1 } })
  end)

  it("runs until the spec completes it", function()
    local waiting = clock:spawn(x.wait, x)
    assert.is_nil((waiting:wait "1d"))
    assert.equal("running", x.state)
    local fs = fileset { o = file_of(a:repository(), "out") }
    assert.is_true(x:complete(fs))
    assert.is_false(x:complete())
    assert.is_true(waiting:wait(0))
    assert.is_true(x:wait())
    assert.equal("complete", x.state)
    assert.is_true(x:result().fileset == fs)
    assert.is_nil(x:result().err)
    assert.equal(86400, x:inspect().runtime)
    assert.is_true(a.used == resources {})
  end)

  it("holds its outputs in its own name once promoted", function()
    local out = file_of(a:repository(), "out")
    x:complete(fileset { o = out })
    assert.same({}, a:refcounts())
    assert.is_true(x:promote())
    assert.is_true(x:promote())
    assert.same({ [out.id] = 1 }, a:refcounts())
    assert.same({ "1" }, a:tokens())
    a:unload(nil, "1")
    assert.same({}, a:refcounts())
  end)

  it("tells the failure of the program from its own", function()
    x:complete { err = "Exec" }
    assert.is_true(x:wait())
    assert.is_true(errors.is("Exec", x:result().err))
    assert.equal(0, x:result().fileset:n())
    local y = a:put("2", {})
    y:complete(nil, errors.new("Unavailable", "gone"))
    local ok, err = y:wait()
    assert.is_nil(ok)
    assert.equal("gone", err.message)
    local result, why = y:result()
    assert.is_nil(result)
    assert.is_true(errors.is("Precondition", why))
    assert.is_nil((y:promote()))
  end)

  it("is killed, unless that hangs", function()
    x:hang("kill", 1)
    local killing = clock:spawn(x.kill, x)
    assert.is_nil((killing:wait "10s"))
    assert.equal("running", x.state)
    x:let_go()
    assert.is_true(killing:wait(1))
    assert.equal("killed", x.state)
    assert.is_true(errors.is("Canceled", select(2, x:wait())))
    assert.is_false(x:complete())
  end)

  it("can fail to be waited for while it runs", function()
    x:fail("wait", "Timeout", 1)
    assert.is_true(errors.is("Timeout", select(2, x:wait())))
    assert.equal("running", x.state)
    x:complete()
    assert.is_true(x:wait())
  end)

  it("has logs", function()
    assert.equal("", x:logs())
    x:write "one\n"
    x:write "two\n"
    x:write("oops\n", "stderr")
    assert.equal("one\ntwo\n", x:logs { stream = "stdout" })
    assert.equal("oops\n", x:logs { stream = "stderr" })
  end)

  it("completes with nothing but files and errors", function()
    assert.equal("Invalid", raised(x.complete, x, 7).kind)
    assert.equal("Invalid", raised(x.complete, x, { err = "Nix" }).kind)
    assert.equal("Invalid", raised(x.complete, x, { ["a/b"] = {} }).kind)
    assert.equal("running", x.state)
  end)
end)

describe("methods that misbehave", function()
  local a

  before_each(function()
    a = cluster:alloc("a", { cpu = 1 })
  end)

  it("raise", function()
    a:raise("inspect", "no luck", 1)
    assert.equal("no luck", raised(a.inspect, a))
    assert.truthy(a:inspect())
    a:raise "put"
    assert.truthy(raised(a.put, a, "1", {}):find("on demand", 1, true))
  end)

  it("answer what the spec wants, even nothing", function()
    a:answer("put", function(id) return id .. "!" end, 1)
    assert.equal("7!", a:put("7", {}))
    a:answer("load", function() end)
    assert.equal(0, select("#", a:load()))
    a:heal()
    assert.equal("Invalid", raised(a.load, a).kind)
  end)

  it("come back twice", function()
    a:twice("inspect", 1)
    local steps = {}
    local p = clock:spawn(function()
      a:inspect()
      steps[#steps + 1] = "inspected"
      clock:sleep(5)
      steps[#steps + 1] = clock:now()
      return "done"
    end)
    assert.equal("done", p:wait())
    assert.same({ "inspected", 5 }, steps)
  end)

  it("are counted", function()
    assert.equal(0, a:calls "put")
    a:put("1", {})
    a:fail("put", "Net")
    a:put("2", {})
    assert.equal(2, a:calls "put")
    assert.equal("Invalid", raised(a.calls, a, "putt").kind)
  end)
end)

describe("random_fileset", function()
  it("is the same for the same seed, and all in the repository", function()
    for seed = 1, 20 do
      local repo = repository.memory()
      local fs = testing.random_fileset(repo, seed)
      assert.is_true(fs == testing.random_fileset(repository.memory(), seed))
      assert.is_true(fs:n() >= 1 and fs:n() <= 100)
      for _, file in ipairs(fs:files()) do
        local data = assert(repo:get(file.id))
        assert.equal(file.size, #data)
        assert.is_true(#data >= 1 and #data <= 1024)
      end
    end
    assert.is_false(testing.random_fileset(repository.memory(), 1)
      == testing.random_fileset(repository.memory(), 2))
  end)

  it("gives back the error of its repository", function()
    local repo = testing.failing_repository()
    repo:fail("put", "ResourcesExhausted")
    local fs, err = testing.random_fileset(repo, 1)
    assert.is_nil(fs)
    assert.is_true(errors.is("ResourcesExhausted", err))
    assert.equal("Invalid", raised(testing.random_fileset).kind)
  end)
end)

describe("a failing repository", function()
  it("is a repository until it is told to fail", function()
    local inner = repository.memory()
    local repo = testing.failing_repository(inner)
    local id = repo:put "data"
    assert.equal("data", inner:get(id))
    assert.equal(inner.url, repo.url)
    repo:fail("get", "Net", 1)
    assert.is_true(errors.is("Net", select(2, repo:get(id))))
    assert.equal("data", repo:get(id))
    assert.equal(2, repo:calls "get")
    repo:hang("get", 1)
    local getting = clock:spawn(function() return repo:get(id) end)
    assert.is_nil((getting:wait(5)))
    repo:let_go()
    assert.equal("data", getting:wait(0))
    assert.equal("Invalid", raised(repo.fail, repo, "got", "Net").kind)
  end)
end)

describe("a failing store", function()
  it("fails in all of its buckets", function()
    local store = testing.failing_store()
    local one, two = store:bucket "one", store:bucket "two"
    assert.is_true(rawequal(one, store:bucket "one"))
    assert(one:put("k", "1"))
    assert(two:put("k", "2"))
    store:fail("get", "Unavailable", 2)
    assert.is_true(errors.is("Unavailable", select(2, one:get "k")))
    assert.is_true(errors.is("Unavailable", select(2, two:get "k")))
    assert.equal("1", (one:get "k"))
    assert.equal(3, store:calls "get")
    two:fail("put", "Net")
    assert.is_true(errors.is("Net", select(2, one:put("k", "3"))))
    store:heal()
    assert(one:put("k", "3"))
    store:fail("bucket", "NotExist", 1)
    assert.is_true(errors.is("NotExist", select(2, store:bucket "one")))
    assert.equal("Invalid", raised(store.fail, store, "gett", "Net").kind)
  end)
end)
