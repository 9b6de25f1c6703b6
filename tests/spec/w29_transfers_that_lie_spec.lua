-- W29: whoever was moving an object took all who waited for it down with it
-- when it was called off; failures counted as done; state of every repository
-- was kept for ever; sizes and digests were not checked.

local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local repository = require "neap.sched.repository"
local support = require "support.sched_data"
local transferer = require "neap.sched.transferer"

local fails, files = support.fails, support.files

describe("W29: a transfer", function()
  local time, x, src, dst

  before_each(function()
    time = clock.virtual {}
    x = transferer { clock = time }
    src, dst = support.lua_repository "lua://src",
      support.lua_repository "lua://dst"
  end)

  -- A context, and the function that calls it off.
  local function context()
    local fns = {}
    return {
      done = function() return false end,
      on_cancel = function(_, fn) fns[#fns + 1] = fn end,
    }, function()
      for _, fn in ipairs(fns) do
        fn()
      end
    end
  end

  local function start(from, list, ctx)
    return time:spawn(x.transfer, x, dst, from, list, ctx)
  end

  it("is done once for all who want it at the same time", function()
    local list, get = files(src, "data"), src.get
    function src.get(...)
      time:sleep(1)
      return get(...)
    end
    local promises = {}
    for i = 1, 10 do
      promises[i] = start(src, list)
    end
    for i = 1, 10 do
      assert.is_true(promises[i]:wait())
    end
    assert.same({ 1, 1 }, { src.calls.get, dst.calls.put })
    assert.equal("done: 1 4B, transferring: 0 0B, waiting: 0 0B, failed: 0 0B",
      tostring(x:status()))
  end)

  it("goes on for the others when the one that does it is called off",
    function()
      local list, begun = files(src, "data"), 0
      function src.get()
        begun = begun + 1
        if begun == 1 then
          time:promise():wait() -- for ever
        end
        time:sleep(1)
        return "data"
      end
      local ctx, cancel = context()
      local first = start(src, list, ctx)
      time:advance(1)
      local others = { start(src, list), start(src, list), start(src, list) }
      time:advance(10)
      assert.equal(1, begun)
      cancel()
      fails("Canceled", "", first:wait(0.1))
      for _, other in ipairs(others) do
        assert.is_true(other:wait "2s")
      end
      assert.equal(2, begun)
      assert.equal("data", dst.objects[list[1].id])
      local status = x:status()
      assert.same({ 1, 1 }, { status.done.count, status.failed.count })
    end)

  it("goes on for the others when it ends as cancelled", function()
    local list, begun = files(src, "data"), 0
    function src.get()
      begun = begun + 1
      time:sleep(1)
      if begun == 1 then
        return nil, errors.new("Canceled", "the alloc is going away")
      end
      return "data"
    end
    local first, second, third = start(src, list), start(src, list),
      start(src, list)
    fails("Canceled", "going away", first:wait())
    assert.is_true(second:wait())
    assert.is_true(third:wait())
    assert.equal(2, begun)
  end)

  it("ends for one who only waits, when that one is called off", function()
    local list = files(src, "data")
    function src.get()
      time:sleep(10)
      return "data"
    end
    local first = start(src, list)
    local ctx, cancel = context()
    local second = start(src, list, ctx)
    time:advance(1)
    cancel()
    fails("Canceled", "", second:wait(0.1))
    assert.is_true(time:now() < 2)
    assert.is_true(first:wait())
  end)

  it("does not fail because another source is broken", function()
    local list, good = files(src, "data"), support.lua_repository "lua://good"
    good:put "data"
    function src.get()
      time:sleep(1)
      return nil, errors.new("NotAllowed", "no")
    end
    local first, second, third = start(src, list), start(good, list),
      start(src, list)
    fails("NotAllowed", "no", first:wait())
    assert.is_true(second:wait())
    fails("NotAllowed", "no", third:wait())
  end)

  it("shares the failure of a source that all have", function()
    local list, begun = files(src, "data"), 0
    function src.get()
      begun = begun + 1
      time:sleep(1)
      return nil, errors.new("NotAllowed", "no")
    end
    local first, second = start(src, list), start(src, list)
    fails("NotAllowed", "no", first:wait())
    fails("NotAllowed", "no", second:wait())
    assert.equal(1, begun)
  end)

  it("that fails is counted as failed, not as done", function()
    local list = files(src, "data", "good")
    local get = src.get
    function src.get(self, id)
      if id == list[1].id then
        return nil, errors.new("NotAllowed", "no")
      end
      return get(self, id)
    end
    fails("NotAllowed", "no", x:transfer(dst, src, { list[1] }))
    assert.is_true(x:transfer(dst, src, { list[2] }))
    local status = x:status()
    assert.same({ count = 1, bytes = 4 }, status.done)
    assert.same({ count = 1, bytes = 4 }, status.failed)
  end)

  it("leaves nothing behind of the repositories it was between", function()
    local held = setmetatable({}, { __mode = "k" })
    for i = 1, 200 do
      local from = support.lua_repository(i % 2 == 0 and "lua://" .. i or nil)
      local to = support.lua_repository()
      held[from], held[to] = true, true
      local list = files(from, "data " .. i)
      if i % 3 == 0 then
        from.objects = {}
      end
      x:transfer(to, from, list)
    end
    assert.is_nil(next(x.endpoints.by_key))
    assert.is_nil(next(x.flights.by_key))
    assert.same({}, x:status().pairs)
    collectgarbage()
    collectgarbage()
    local n = 0
    for _ in pairs(held) do
      n = n + 1
    end
    assert.is_true(n <= 2, n .. " repositories are still held")
  end)

  describe("is not believed when", function()
    local list

    before_each(function()
      list = files(src, "data")
    end)

    it("the bytes are not what their name says", function()
      function src.get() return "dat4" end
      fails("Integrity", "4 bytes have the digest " .. digest.of "dat4",
        x:transfer(dst, src, list))
      assert.is_nil(dst.calls.put)
    end)

    it("there are fewer bytes than the file has", function()
      fails("Integrity", "it should have 400",
        x:transfer(dst, src, { { id = list[1].id, size = 400 } }))
      assert.is_nil(dst.calls.put)
    end)

    it("the destination calls them something else", function()
      function dst.put() return digest.of "something else" end
      fails("Integrity", "was stored in lua://dst as",
        x:transfer(dst, src, list))
    end)

    it("the destination does not have them afterwards", function()
      function dst.put(_, data) return digest.of(data) end
      fails("Integrity", "which had taken it", x:transfer(dst, src, list))
      function dst.read_from() return true end
      fails("Integrity", "which had taken it", x:transfer(dst, src, list))
    end)

    it("the destination has another size afterwards", function()
      function dst.read_from(self, id)
        self.objects[id] = "da"
        return true
      end
      fails("Integrity", "has 2 bytes in lua://dst",
        x:transfer(dst, src, list))
    end)

    it("a method answers nothing", function()
      function dst.put() end
      fails("Fatal", "put returned nothing", x:transfer(dst, src, list))
      function src.get() return {} end
      fails("Fatal", "a table, not a text", x:transfer(dst, src, list))
    end)

    it("damage may be gone when it is read again", function()
      local get, reads = src.get, 0
      function src.get(...)
        reads = reads + 1
        return reads < 3 and "dat4" or get(...)
      end
      assert.is_true(x:transfer(dst, src, list))
      assert.equal(3, reads)
      assert.equal(1, dst.calls.put)
    end)
  end)

  it("into a folder is written once for all", function()
    local folder = support.folder()
    local dir = repository.dir { path = folder, clock = time }
    local from = support.lua_repository "slow://x"
    repository.register("slow", function() return from end)
    local list = files(from, "data")
    function from.get(self, id)
      self.calls.get = (self.calls.get or 0) + 1
      time:sleep(1)
      if self.calls.get == 1 then
        return nil, errors.new("Canceled", "going away")
      end
      return self.objects[id]
    end
    local promises = {}
    for i = 1, 4 do
      promises[i] = time:spawn(dir.read_from, dir, list[1].id, "slow://x")
    end
    fails("Canceled", "going away", promises[1]:wait())
    for i = 2, 4 do
      assert.is_true(promises[i]:wait())
    end
    assert.equal(2, from.calls.get)
    assert.equal("data", dir:get(list[1].id))
    support.remove(folder)
  end)
end)
