local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("fibers", function()
  local fake, neap

  before_each(function()
    fake = fake_core.install()
    neap = require "neap"
  end)

  local function run(fn, opts)
    local summary = fake_core.run(fn, opts)
    if not summary.ok then
      error(require("neap.errors").format(summary.err,
        { trace = summary.trace }), 0)
    end
    return summary
  end

  it("run until they wait, and end with their values", function()
    run(function()
      local log = {}
      local fiber = neap.spawn(function(a)
        log[#log + 1] = a
        neap.sleep "1s"
        log[#log + 1] = "c"
        return 1, nil, 3
      end, "a")
      log[#log + 1] = "b"
      assert.equal("waiting", fiber.state)
      assert.equal(3, select("#", fiber:await()))
      assert.equal("abc", table.concat(log))
      assert.equal("done", fiber.state)
    end)
    assert.equal(1001, fake.now)
  end)

  it("sleep at the same time", function()
    run(function()
      neap.map({ 3, 1, 2 }, function(s) neap.sleep(s) end)
    end)
    assert.equal(1003, fake.now)
  end)

  it("may be cancelled and clean up", function()
    run(function()
      local cleaned
      local fiber = neap.spawn(function()
        local ok, err = pcall(neap.sleep, 100)
        cleaned = not ok and err.kind
        error(err, 0)
      end)
      assert.is_true(fiber:cancel "enough")
      local ok, err = fiber:try()
      assert.is_nil(ok)
      assert.equal("E_CANCELLED", err.kind)
      assert.equal("E_CANCELLED", cleaned)
      assert.equal("cancelled", fiber.state)
      assert.is_false(fiber:cancel())
    end)
    assert.equal(1000, fake.now)
  end)

  it("wait inside pcall, iterators, metamethods and own coroutines", function()
    run(function()
      local object = setmetatable({}, {
        __index = function(_, k) neap.sleep(1) return k end,
        __concat = function() neap.sleep(1) return "c" end,
      })
      assert.equal("x", object.x)
      assert.equal("c", object .. "")
      local gen = coroutine.wrap(function()
        for i = 1, 3 do
          neap.sleep(1)
          coroutine.yield(i)
        end
      end)
      local got = {}
      for i in gen do got[#got + 1] = i end
      assert.same({ 1, 2, 3 }, got)
      local co = coroutine.create(function(a)
        neap.sleep(1)
        local b = coroutine.yield(a + 1)
        neap.sleep(1)
        error("x" .. b, 0)
      end)
      assert.same({ true, 2 }, { coroutine.resume(co, 1) })
      assert.same({ false, "xb" }, { coroutine.resume(co, "b") })
    end)
    assert.equal(1007, fake.now)
  end)

  it("say where they cannot wait", function()
    run(function()
      local function in_sort()
        table.sort({ 2, 1 }, function(a, b) neap.sleep(1) return a < b end)
      end
      local err = expect.raises("E_YIELD", "cannot wait here", in_sort)
      assert.truthy(err.hint:find("collect first", 1, true))
      assert.truthy(err.where:find("fibers_spec.lua", 1, true))
      expect.raises("E_YIELD", "gsub", function()
        return ("x"):gsub("x", function() neap.sleep(1) end) end)
      local shown = setmetatable({}, { __tostring = function()
        neap.sleep(1) return "" end })
      expect.raises("E_YIELD", "print of an object", function()
        return ("%s"):format(shown) end)
      package.preload["spec.waits"] = function() neap.sleep(1) end
      local ok, message = pcall(require, "spec.waits")
      assert.is_false(ok)
      assert.equal("E_YIELD", message.kind)
    end)
    assert.equal(1000, fake.now)
  end)

  it("that yield by hand end with E_YIELD", function()
    run(function()
      local _, err = neap.spawn(function() coroutine.yield(1) end):try()
      assert.equal("E_YIELD", err.kind)
    end)
  end)

  it("that wait for each other are a deadlock, with tracebacks", function()
    local summary = fake_core.run(function()
      neap.channel():get()
    end)
    assert.is_false(summary.ok)
    assert.equal("E_DEADLOCK", summary.err.kind)
    assert.equal(1, #summary.err.fibers)
    assert.truthy(summary.err.fibers[1].traceback:find("fibers_spec.lua", 1,
      true))
  end)

  it("left behind are a deadlock too", function()
    local summary = fake_core.run(function()
      local c = neap.channel()
      neap.spawn(function() c:get() end)
    end)
    assert.equal("E_DEADLOCK", summary.err.kind)
  end)

  it("that fail unseen fail the run, with a traceback", function()
    local summary = fake_core.run(function()
      neap.spawn(function() local x = nil; return x.y end)
    end)
    assert.is_false(summary.ok)
    assert.equal(1, summary.code)
    assert.truthy(tostring(summary.err):find("attempt to index", 1, true))
    assert.truthy(summary.trace:find("fibers_spec.lua", 1, true))
  end)

  it("pass values through channels in order", function()
    run(function()
      local c, got = neap.channel(2), {}
      local reader = neap.spawn(function()
        for v in c:iter() do
          got[#got + 1] = v
          neap.sleep(1)
        end
      end)
      for i = 1, 5 do c:put(i) end
      c:close()
      reader:await()
      assert.same({ 1, 2, 3, 4, 5 }, got)
      expect.raises("E_SPEC", "closed channel", function() c:put(1) end)
    end)
  end)

  it("do not lose a value when a getter is cancelled", function()
    run(function()
      local c = neap.channel()
      local first = neap.spawn(function() return c:get() end)
      local second = neap.spawn(function() return c:get() end)
      first:cancel()
      c:put "v"
      assert.equal("v", second:await())
      first:try()
    end)
  end)

  it("share semaphores", function()
    run(function()
      local s, now, most = neap.semaphore(2), 0, 0
      neap.map(neap.range(1, 6), function()
        return s:with(function()
          now = now + 1
          most = math.max(most, now)
          neap.sleep(1)
          now = now - 1
        end)
      end)
      assert.equal(2, most)
      local ok = pcall(s.with, s, function() error "x" end)
      assert.is_false(ok)
      assert.equal("Semaphore(2 of 2 free)", tostring(s))
    end)
    assert.equal(1003, fake.now)
  end)

  it("have time limits", function()
    run(function()
      local slow = neap.spawn(function() neap.sleep(10) return "late" end)
      local err = expect.raises("E_TIMEOUT", "waited 1 s", neap.timeout, "1s",
        slow)
      assert.equal(1, err.timeout)
      assert.equal("late", slow:await())
      assert.equal("late", neap.timeout(1, slow))
      local _, try_err = neap.spawn(neap.sleep, 9):try { timeout = 2 }
      assert.equal("E_TIMEOUT", try_err.kind)
    end)
  end)

  it("import files that wait", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write 'local neap = require "neap"; neap.sleep(1); return 1, 2'
    file:close()
    run(function()
      assert.same({ 1, 2 }, { neap.import(path) })
    end)
    os.remove(path)
    expect.raises("E_NOENT", "neap.import", function()
      neap.import "/nowhere/x.lua" end)
  end)

  it("turn the loop on the main thread", function()
    neap.sleep(2)
    assert.equal(1002, fake.now)
    assert.same({ 1, 4, 9 }, neap.map({ 1, 2, 3 }, function(i)
      neap.sleep(i)
      return i * i
    end))
    expect.raises("E_DEADLOCK", "every fiber waits", function()
      neap.channel():get() end)
  end)

  it("survive a random walk of waits, cancels and failures", function()
    local seed = tonumber(os.getenv "NEAP_SEED") or os.time()
    io.stderr:write("seed ", seed, "\n")
    math.randomseed(seed)
    local begun, ended = 0, 0
    local summary = fake_core.run(function()
      local function fiber(depth)
        begun = begun + 1
        local list = {}
        for _ = 1, math.random(0, depth) do
          list[#list + 1] = neap.spawn(function() fiber(depth - 1) end)
        end
        pcall(neap.sleep, math.random())
        for _, f in ipairs(list) do
          if math.random() < 0.3 then f:cancel() end
          if math.random() < 0.1 then pcall(neap.sleep, 1) end
        end
        pcall(neap.settle, list)
        ended = ended + 1
        if math.random() < 0.2 then error "random" end
      end
      neap.settle { neap.spawn(fiber, 5), neap.spawn(fiber, 5) }
      neap.sleep(100)
    end, { on_error = "continue" })
    assert.truthy(summary.ok or summary.err == "random"
      or tostring(summary.err):find("random", 1, true), tostring(summary.err))
    assert.equal(begun, ended)
    assert.equal(0, require("neap.loop").busy)
  end)

  it("have an error even if nil or false was raised", function()
    local summary = fake_core.run(function()
      local res, err = neap.spawn(error, nil):try()
      assert.is_nil(res)
      assert.equal("nil was raised, without a message", err)
      error(false)
    end)
    assert.is_false(summary.ok)
    assert.equal(1, summary.code)
    assert.equal("false was raised, without a message", summary.err)
  end)

  it("begin inside of each other, but not without end", function()
    local function down(depth)
      return depth == 0 and "deep" or neap.map({ depth - 1 }, down)[1]
    end
    run(function()
      assert.equal("deep", down(9000))
      expect.raises("E_BUDGET", "recursion without end", down, math.huge)
      assert.equal("deep", down(9000))
    end)
  end)
end)

describe("collections", function()
  local neap

  before_each(function()
    fake_core.install()
    neap = require "neap"
  end)

  it("map with a limit, in order, and stop at the first error", function()
    local seen = {}
    local summary = fake_core.run(function()
      local results = neap.map({ 3, 2, 1 }, function(s, i)
        neap.sleep(s)
        return i .. ":" .. s
      end, { max = 2 })
      assert.same({ "1:3", "2:2", "3:1" }, results)
      local ok, err = pcall(neap.map, { 1, 2, 3, 4 }, function(s)
        seen[#seen + 1] = s
        neap.sleep(s)
        if s == 2 then error("two", 0) end
        seen[#seen + 1] = -s
      end)
      assert.is_false(ok)
      assert.equal("two", err)
      local settled = neap.map({ 1, 2 }, function(s)
        if s == 1 then error("one", 0) end
        return s
      end, { settle = true })
      assert.same({ { ok = false, err = "one" }, { ok = true, value = 2 } },
        settled)
    end)
    assert.is_true(summary.ok, tostring(summary.err))
    assert.same({ 1, 2, 3, 4, -1 }, seen)
  end)

  it("reduce, fold, chunk, zip, product, group, range", function()
    local levels = {}
    local digits = { "1", "2", "3", "4", "5", "6" }
    assert.equal("((123)(45)6)", neap.reduce_tree(digits,
      function(parts, level)
        levels[#levels + 1] = level
        if level == 2 then
          return "(" .. table.concat(parts) .. "6)"
        end
        return "(" .. table.concat(parts):gsub("6", "") .. ")"
      end, { arity = 3 }))
    assert.same({ 1, 1, 2 }, levels)
    assert.is_nil(neap.reduce_tree({}, error))
    assert.equal("x", neap.reduce_tree({ "x" }, error))
    expect.raises("E_SPEC", "returned nil", neap.reduce_tree, { 1, 2 },
      function() end)
    assert.equal(6, neap.fold({ 1, 2, 3 }, 0, function(a, b) return a + b end))
    assert.same({ { 1, 2 }, { 3 } }, neap.chunk({ 1, 2, 3 }, 2))
    assert.same({ { 1, "a" }, { 2, "b" } }, neap.zip({ 1, 2 }, { "a", "b" }))
    expect.raises("E_SPEC", "differ in length", neap.zip, { 1 }, {})
    assert.same({ { a = 1, b = "x" }, { a = 1, b = "y" }, { a = 2, b = "x" },
      { a = 2, b = "y" } }, neap.product { a = { 1, 2 }, b = { "x", "y" } })
    assert.same({ 1, 3, 5 }, neap.range(1, 5, 2))
    local keys = {}
    for key, list in neap.group({ { name = "L1_1" }, { name = "L2_1" },
      { name = "L1_2" }, { name = "z" } }, "^(L%d)_") do
      keys[#keys + 1] = key .. #list
    end
    assert.same({ "L12", "L21" }, keys)
  end)

  it("say which name was meant", function()
    expect.raises("E_SPEC", "neap has no 'reduce_three' (did you mean"
      .. " 'neap.reduce_tree'?)", function() return neap.reduce_three end)
    expect.raises("E_SPEC", "must be a list", neap.map, { a = 1 }, print)
  end)
end)
