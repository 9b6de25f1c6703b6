local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"
local repository = require "neap.sched.repository"
local support = require "support.sched_data"
local transferer = require "neap.sched.transferer"

local fails, files, invalid = support.fails, support.files, support.invalid

describe("a transferer", function()
  local time, x, src, dst

  before_each(function()
    time = clock.virtual {}
    x = transferer { clock = time }
    src, dst = support.lua_repository(), support.lua_repository()
  end)

  local function numbered(n)
    local texts = {}
    for i = 1, n do
      texts[i] = "text " .. i
    end
    return files(src, unpack(texts))
  end

  -- Methods of `repo` that take a second; → function: the most at a time.
  local function slow(repo, method)
    local now, most, fn = 0, 0, repo[method]
    repo[method] = function(...)
      now = now + 1
      most = math.max(most, now)
      time:sleep(1)
      now = now - 1
      return fn(...)
    end
    return function() return most end
  end

  it("brings what is missing, and only that", function()
    local list = files(src, "a", "bb", "ccc", "")
    dst:put "bb"
    dst.calls = {}
    assert.is_true(x:transfer(dst, src, list))
    for _, file in ipairs(list) do
      assert.equal(src.objects[file.id], dst.objects[file.id])
    end
    assert.equal(3, dst.calls.put)
    assert.is_true(x:transfer(dst, src, list))
    assert.equal(3, dst.calls.put)
    assert.equal("done: 3 4B, transferring: 0 0B, waiting: 0 0B, failed: 0 0B",
      tostring(x:status()))
  end)

  it("takes filesets, and each object once", function()
    local list = files(src, "a", "a", "b")
    assert.is_true(x:transfer(dst, src, fileset.new {
      ["1"] = list[1], ["2"] = list[2], ["3"] = list[3],
    }))
    assert.equal(2, dst.calls.put)
    assert.is_true(x:transfer(dst, src, {}))
    assert.is_true(x:transfer(dst, src, fileset.new {}))
  end)

  it("works between built-in repositories", function()
    local folder = support.folder()
    local memory = repository.memory()
    local dir = repository.dir { path = folder .. "/r", clock = time }
    local second = repository.dir { path = folder .. "/s", clock = time }
    local list = files(memory, "a", "bb", "ccc")
    assert.is_true(x:transfer(dir, memory, list))
    assert.is_true(x:transfer(second, dir, list))
    local back = repository.memory()
    assert.is_true(x:transfer(back, second, list))
    for _, file in ipairs(list) do
      assert.equal(memory:get(file.id), back:get(file.id))
    end
    support.remove(folder)
  end)

  it("says which files are missing", function()
    local list = files(src, "a", "bb", "ccc")
    dst:put "bb"
    assert.same({ list[1], list[3] }, x:need_transfer(dst, list))
    assert.same({ list[1], list[3] }, x:need_transfer(dst,
      { list[1], list[1], list[2], list[3] }))
    assert.same({}, x:need_transfer(src, list))
    assert.same({}, x:need_transfer(dst, {}))
  end)

  it("takes an object of another size for missing", function()
    local list = files(src, "abc")
    dst.objects[list[1].id] = "ab"
    assert.same(list, x:need_transfer(dst, list))
    assert.is_true(x:transfer(dst, src, list))
    assert.equal("abc", dst.objects[list[1].id])
  end)

  it("takes an object for missing that it cannot ask for, and logs it",
    function()
      local lines = {}
      x = transferer { clock = time, log = function(level, text)
        lines[#lines + 1] = level .. " " .. text
      end }
      local list, stat = files(src, "a"), dst.stat
      function dst.stat() return nil, errors.new("Net", "down") end
      assert.same(list, x:need_transfer(dst, list))
      assert.truthy(lines[1]:find("^warn .*network error: down"))
      dst.stat = stat
      x:need_transfer(dst, list)
      assert.equal(1, #lines)
    end)

  it("refuses files that are not resolved", function()
    local ref = { source = "s3://b/k", size = 1 }
    fails("Invalid", "s3://b/k", x:transfer(dst, src, { ref }))
    fails("Invalid", "s3://b/k", x:need_transfer(dst, { ref }))
    fails("Invalid", "s3://b/k", x:transfer(dst, src,
      fileset.new { a = ref }))
    fails("Invalid", "not resolved", x:transfer(dst, src, { { id = "abc" } }))
  end)

  it("says when source and destination are the same", function()
    local list = files(src, "a")
    assert.is_true(x:transfer(src, src, list))
    fails("NotExist", "same repository", x:transfer(dst, dst, list))
    local one = support.lua_repository "lua://x"
    local two = support.lua_repository "lua://x"
    fails("NotExist", "same repository", x:transfer(one, two, list))
  end)

  it("names what it was doing, and keeps the kind", function()
    local list = files(src, "a")
    src.objects = {}
    local err = fails("NotExist", "", x:transfer(dst, src, list))
    assert.equal("transfer", err.op)
    assert.same({ list[1].id }, err.args)
  end)

  describe("limits", function()
    it("20 objects of a repository at a time", function()
      local most = slow(src, "get")
      assert.is_true(x:transfer(dst, src, numbered(50)))
      assert.equal(20, most())
      assert.equal(3, time:now())
    end)

    it("all transfers of a repository together, in turn", function()
      x = transferer { clock = time, default = 4 }
      local most = slow(dst, "put")
      local list = numbered(30)
      local promises = {}
      for i = 1, 3 do
        local from, part = support.lua_repository(), {}
        from.objects = src.objects
        for k = 1, 10 do
          part[k] = list[10 * (i - 1) + k]
        end
        promises[i] = time:spawn(x.transfer, x, dst, from, part)
      end
      for i = 1, 3 do
        assert.is_true(promises[i]:wait())
      end
      assert.equal(4, most())
      assert.equal(8, time:now())
    end)

    it("some repositories more than others", function()
      dst.url = "lua://dst"
      x = transferer {
        clock = time, default = 3, limits = { ["lua://dst"] = math.huge },
      }
      local most = slow(dst, "put")
      local list, promises = numbered(12), {}
      for i = 1, 4 do
        local from = support.lua_repository()
        from.objects = src.objects
        promises[i] = time:spawn(x.transfer, x, dst, from,
          { list[3 * i - 2], list[3 * i - 1], list[3 * i] })
      end
      for i = 1, 4 do
        assert.is_true(promises[i]:wait())
      end
      assert.equal(12, most())
    end)

    it("calls of stat", function()
      x = transferer { clock = time, stat = 7 }
      local most = slow(dst, "stat")
      x:need_transfer(dst, numbered(20))
      assert.equal(7, most())
      assert.equal(3, time:now())
    end)

    it("never block each other, whatever goes where", function()
      x = transferer { clock = time, default = 1 }
      local repos, promises = {}, {}
      for i = 1, 4 do
        repos[i] = support.lua_repository()
        slow(repos[i], "get")
        slow(repos[i], "put")
      end
      for from = 1, 4 do
        for to = 1, 4 do
          if from ~= to then
            local list = files(support.lua_repository(), from .. "-" .. to)
            repos[from].objects[list[1].id] = from .. "-" .. to
            promises[#promises + 1] = time:spawn(x.transfer, x, repos[to],
              repos[from], list)
          end
        end
      end
      for _, promise in ipairs(promises) do
        assert.is_true(promise:wait "1h")
      end
      assert.equal(12, x:status().done.count)
    end)
  end)

  describe("moves an object", function()
    it("by the destination, else by the source, else by itself", function()
      src.url, dst.url = "lua://src", "lua://dst"
      local list = files(src, "a")
      local calls, answers = {}, {}
      function dst.read_from(_, id, url)
        calls[#calls + 1] = "read " .. url
        dst.objects[id] = answers.read and "a" or nil
        return answers.read, errors.new("NotSupported")
      end
      function src.write_to(_, id, url)
        calls[#calls + 1] = "write " .. url
        dst.objects[id] = answers.write and "a" or nil
        return answers.write, errors.new("NotSupported")
      end
      assert.is_true(x:transfer(dst, src, list))
      assert.same({ "read lua://src", "write lua://dst" }, calls)
      assert.equal(1, src.calls.get)
      calls, answers.write, dst.objects = {}, true, {}
      assert.is_true(x:transfer(dst, src, list))
      assert.same({ "read lua://src", "write lua://dst" }, calls)
      calls, answers.read, dst.objects = {}, true, {}
      assert.is_true(x:transfer(dst, src, list))
      assert.same({ "read lua://src" }, calls)
      assert.equal(1, src.calls.get)
    end)

    it("no other way when one fails", function()
      src.url = "lua://src"
      local list = files(src, "a")
      function dst.read_from() return nil, errors.new("NotAllowed", "no") end
      fails("NotAllowed", "no", x:transfer(dst, src, list))
      assert.is_nil(src.calls.get)
    end)

    it("again if that may help, three times", function()
      local list, times = files(src, "a"), {}
      function src.get()
        times[#times + 1] = time:now()
        return nil, errors.new("Unavailable", "try later")
      end
      fails("Unavailable", "try later", x:transfer(dst, src, list))
      assert.equal(4, #times)
      for i, pause in ipairs { 0.02, 0.03, 0.045 } do
        assert.is_true(math.abs(times[i + 1] - times[i] - pause) < 1e-6)
      end
      times = {}
      function src.get()
        times[#times + 1] = time:now()
        if #times < 4 then
          return nil, errors.new("Temporary", "try later")
        end
        return "a"
      end
      assert.is_true(x:transfer(dst, src, list))
    end)

    it("only once if trying again is pointless", function()
      local calls = 0
      function src.get()
        calls = calls + 1
        error "broken"
      end
      fails("Fatal", "broken", x:transfer(dst, src, files(src, "a")))
      assert.equal(1, calls)
    end)
  end)

  it("begins nothing more after a failure, and awaits what runs", function()
    x = transferer { clock = time, default = 2 }
    local list, calls, ended = numbered(10), 0, 0
    function src.get(_, id)
      calls = calls + 1
      if calls == 2 then
        return nil, errors.new("NotAllowed", "no")
      end
      time:sleep(5)
      ended = ended + 1
      return src.objects[id]
    end
    fails("NotAllowed", "no", x:transfer(dst, src, list))
    assert.same({ 2, 1, 5 }, { calls, ended, time:now() })
    local status = x:status()
    assert.same({ 1, 1, 0, 0 }, { status.done.count, status.failed.count,
      status.waiting.count, status.transferring.count })
  end)

  it("can be called off, whatever the repositories do", function()
    local list, cancel = numbered(30), nil
    local ctx = {
      done = function() return false end,
      on_cancel = function(_, fn) cancel = fn end,
    }
    function src.get() time:promise():wait() end
    local promise = time:spawn(x.transfer, x, dst, src, list, ctx)
    time:advance(1)
    assert.equal(20, x:status().transferring.count)
    cancel()
    fails("Canceled", "called off", promise:wait(0.001))
    time:advance(0)
    assert.equal(0, x:status().transferring.count)
    assert.equal(0, x:status().waiting.count)
    src.get = nil
    src.get = function(_, id) return src.objects[id] end
    assert.is_true(x:transfer(dst, src, list))
    function ctx.done() return true end
    fails("Canceled", "", x:transfer(dst, support.lua_repository(),
      files(support.lua_repository(), "new"), ctx))
  end)

  it("shows what is under way", function()
    x = transferer { clock = time, default = 1 }
    src.url, dst.url = "lua://src", "lua://dst"
    slow(src, "get")
    local promise = time:spawn(x.transfer, x, dst, src,
      files(src, ("a"):rep(1024), ("b"):rep(2048)))
    time:advance(0.5)
    local status = x:status()
    assert.equal("done: 0 0B, transferring: 1 1KiB, waiting: 0 0B,"
      .. " failed: 0 0B", tostring(status))
    assert.equal(1, #status.pairs)
    assert.equal("lua://src", status.pairs[1].src)
    assert.equal("lua://dst", status.pairs[1].dst)
    assert.equal(1024, status.pairs[1].transferring.bytes)
    assert.is_true(promise:wait())
    assert.equal("done: 2 3KiB, transferring: 0 0B, waiting: 0 0B,"
      .. " failed: 0 0B", tostring(x:status()))
    assert.same({}, x:status().pairs)
    assert.equal(1, status.transferring.count)
  end)

  it("refuses wrong arguments", function()
    invalid("did you mean 'limits'", transferer, { limit = {} })
    invalid("whole number", transferer, { default = 0 })
    invalid("whole number", transferer, { default = 1.5 })
    invalid("whole number", transferer, { stat = -1 })
    invalid("'lua://x'", transferer, { limits = { ["lua://x"] = "many" } })
    invalid("log is a function", transferer, { log = "x" })
    invalid("a table", transferer, 5)
    invalid("destination", x.transfer, x, nil, src, {})
    invalid("source", x.transfer, x, dst, "file:///x", {})
    invalid("a list or a fileset", x.transfer, x, dst, src, nil)
    invalid("file 1", x.transfer, x, dst, src, { digest.of "a" })
    invalid("destination", x.need_transfer, x, nil, {})
  end)
end)
