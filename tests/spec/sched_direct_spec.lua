local blob = require "neap.sched.blob"
local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local direct = require "neap.sched.direct"
local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"
local mux = require "neap.sched.mux"
local repository = require "neap.sched.repository"
local support = require "support.sched_data"
local transferer = require "neap.sched.transferer"

local fails = support.fails

describe("a direct transfer", function()
  local time, m, src, dst

  before_each(function()
    time = clock.virtual { seed = 7 }
    local store = blob.memory { clock = time }
    m = mux { mem = store, other = blob.memory { clock = time } }
    src, dst = store:bucket "src", store:bucket "dst"
  end)

  local function run(opts)
    opts.clock, opts.mux = time, m
    opts.url = opts.url or "mem://dst/out"
    if opts.fs then
      opts.args, opts.fs = { { fileset = opts.fs } }, nil
    end
    return direct.run(opts)
  end

  local function snapshot(...)
    for i, key in ipairs { ... } do
      src:put(key, ("x"):rep(i))
    end
    return src:snapshot ""
  end

  local function many(n)
    for i = 1, n do
      src:put(("f%03d"):format(i), "data " .. i)
    end
    return src:snapshot ""
  end

  local function keys()
    local list = {}
    for i, entry in ipairs(dst:scan()) do
      list[i] = entry.key
    end
    return table.concat(list, " ")
  end

  -- Let `fn(src_key)` → true, or nil, err come before each copy.
  local function before_copies(fn)
    local copy_from = dst.copy_from
    function dst.copy_from(self, bucket, src_key, dst_key)
      local ok, err = fn(src_key)
      if not ok then
        return nil, err
      end
      return copy_from(self, bucket, src_key, dst_key)
    end
  end

  it("copies every file to its path beneath the URL", function()
    local fs = snapshot("a", "b/c", "b/d e")
    local result = assert(run { fs = fs })
    assert.is_nil(result.err)
    assert.equal("out/a out/b/c out/b/d e", keys())
    assert.equal("xx", dst:get "out/b/c")
    assert.equal(fs, result.fileset)
    assert.is_true(result.fileset:get("a").assertions ~= nil)
    assert.same(fs:get("a").assertions, result.fileset:get("a").assertions)
  end)

  it("takes slashes at the end of the URL for nothing", function()
    assert(run { fs = snapshot "a", url = "mem://dst/out//" })
    assert(run { fs = snapshot "a", url = "mem://dst/" })
    assert.equal("a out/a", keys())
  end)

  it("copies the file '.' to the URL itself", function()
    src:put("k", "data")
    local result = assert(run { fs = src:snapshot "k", url = "mem://dst/x/y" })
    assert.equal("x/y", keys())
    assert.is_true(result.fileset:get(".") ~= nil)
  end)

  it("does nothing for no files", function()
    local result = assert(run { fs = fileset.new {} })
    assert.same({ 0, nil }, { result.fileset:n(), result.err })
  end)

  it("finds resolved files where the repository says they are", function()
    src:put("objects/x", "data")
    local repo = repository.memory {
      source = function() return "mem://src/objects/x" end,
    }
    local id = repo:put "data"
    local said = { { namespace = "blob", subject = "s",
      properties = { etag = "e" } } }
    local fs = fileset.new { f = { id = id, size = 4, assertions = said } }
    local result = assert(run { fs = fs, repository = repo })
    assert.equal("data", dst:get "out/f")
    assert.equal(id, result.fileset:get("f").id)
    assert.same(said, result.fileset:get("f").assertions)
  end)

  it("skips what is there already", function()
    local fs = snapshot("a", "b", "c")
    dst:put("out/a", "x")
    dst:put("out/b", "not the same")
    local copied = {}
    before_copies(function(key)
      copied[#copied + 1] = key
      return true
    end)
    local seen = {}
    local result = assert(run { fs = fs, progress = function(files, bytes)
      seen[#seen + 1] = files .. ":" .. bytes
    end })
    assert.same({ "b", "c" }, copied)
    assert.equal(fs, result.fileset)
    assert.same({ "1:1", "2:3", "3:6" }, seen)
  end)

  it("copies, and says so, when it cannot tell what is there", function()
    src:put("a", "x")
    dst:put("out/a", "y")
    function dst.file() return nil, errors.new("Net", "down") end
    local lines = {}
    local result = assert(run {
      fs = fileset.new { a = { source = "mem://src/a", size = 1 } },
      log = function(level, text) lines[#lines + 1] = level .. ": " .. text end,
    })
    assert.is_nil(result.err)
    assert.equal("x", dst:get "out/a")
    assert.equal(1, #lines)
    assert.truthy(lines[1]:find("^warn: .*down"))
  end)

  describe("is not possible", function()
    it("with other than one argument, a fileset", function()
      for _, args in ipairs { {}, { {}, {} }, { { out = true } } } do
        fails("Precondition", "exactly one argument", run { args = args })
      end
      fails("Precondition", "exactly one argument", run {})
      fails("Precondition", "URL", direct.run {
        clock = time, mux = m, args = { { fileset = fileset.new {} } },
      })
    end)

    it("to or from a store that nobody serves", function()
      local fs = snapshot "a"
      fails("NotSupported", "tape", run { fs = fs, url = "tape://x/y" })
      fails("NotSupported", "tape", run {
        fs = fileset.new { a = { source = "tape://x/y", size = 1 } },
      })
      assert.equal("", keys())
    end)

    it("between stores of different kinds", function()
      fails("NotSupported", "different kinds",
        run { fs = snapshot "a", url = "other://dst/out" })
    end)

    it("for objects that are only in the repository", function()
      local repo = repository.memory()
      local fs = fileset.new { f = { id = repo:put "data", size = 4 } }
      fails("NotSupported", "only in the repository",
        run { fs = fs, repository = repo })
      local gone = fileset.new { f = { id = digest.of "gone", size = 4 } }
      fails("NotExist", "", run { fs = gone, repository = repo })
      fails("Fatal", "broken", run { fs = fs, repository = {
        stat = function() error "broken" end,
      } })
    end)
  end)

  it("keeps to the limits of the transferer", function()
    local now, most = 0, 0
    before_copies(function()
      now = now + 1
      most = math.max(most, now)
      time:sleep(1)
      now = now - 1
      return true
    end)
    local fs = many(50)
    assert(run { fs = fs })
    assert.same({ 20, 3 }, { most, time:now() })
    most, dst.entries = 0, {}
    assert(run { fs = fs, transferer = transferer {
      clock = time, default = 100, limits = { ["mem://dst/"] = 5 },
    } })
    assert.same({ 5, 13 }, { most, time:now() })
    most, dst.entries = 0, {}
    assert(run { fs = fs, transferer = {} })
    assert.equal(20, most)
  end)

  it("shares these limits with others", function()
    local x = transferer { clock = time, default = 4 }
    local now, most = 0, 0
    before_copies(function()
      now = now + 1
      most = math.max(most, now)
      time:sleep(1)
      now = now - 1
      return true
    end)
    local fs, promises = many(10), {}
    for i = 1, 3 do
      promises[i] = time:spawn(run, {
        fs = fs, transferer = x, url = "mem://dst/" .. i,
      })
    end
    for i = 1, 3 do
      assert.is_nil(promises[i]:wait().err)
    end
    assert.equal(4, most)
    assert.equal(30, #dst:scan())
  end)

  it("tries again what may go away, after a pause", function()
    local tries, times = {}, {}
    before_copies(function(key)
      tries[key] = (tries[key] or 0) + 1
      times[#times + 1] = time:now()
      if key == "b" and tries.b < 4 then
        return nil, errors.new("Net", "down")
      end
      return true
    end)
    local result = assert(run { fs = snapshot("a", "b", "c") })
    assert.is_nil(result.err)
    assert.same({ a = 1, b = 4, c = 1 }, tries)
    local pauses = { 0.1, 0.2, 0.4 }
    for i, pause in ipairs(pauses) do
      local waited = times[i + 3] - times[i + 2]
      assert.is_true(waited >= 0.8 * pause and waited <= 1.2 * pause,
        ("pause %d: %g s"):format(i, waited))
    end
  end)

  it("gives up when four rounds in a row bring nothing", function()
    local calls = 0
    before_copies(function(key)
      if key == "good" then
        return true
      end
      calls = calls + 1
      return nil, errors.new("Unavailable", "busy " .. key)
    end)
    local result, err = run { fs = snapshot("a", "b", "good") }
    assert.is_nil(err)
    -- the first round had a success
    assert.equal(2 * 5, calls)
    assert.equal("scheduler direct transfer: progress stalled for retryable"
      .. " errors [2 errs]: [unavailable: busy a], [unavailable: busy b];"
      .. " 2 incomplete transfers", result.err.message)
    assert.equal("TooManyTries", result.err.kind)
    assert.equal(1, result.fileset:n())
    assert.is_true(result.fileset:get("good") ~= nil)
  end)

  it("is not stalled as long as something moves", function()
    local allowed = {}
    before_copies(function(key)
      local n = tonumber(key:sub(2))
      allowed[n] = (allowed[n] or 0) + 1
      if allowed[n] < n then
        return nil, errors.new("Timeout", "slow")
      end
      return true
    end)
    local result = assert(run { fs = many(12) })
    assert.is_nil(result.err)
    assert.equal(12, result.fileset:n())
  end)

  it("ends at once when trying again is pointless", function()
    local calls = 0
    before_copies(function(key)
      calls = calls + 1
      if key == "f003" then
        return nil, errors.new("NotAllowed", "no")
      end
      time:sleep(1)
      return true
    end)
    local result = assert(run { fs = many(50) })
    fails("NotAllowed", "mem://src/f003 mem://dst/out/f003", nil, result.err)
    assert.same({ 3, 2, 1 }, { calls, result.fileset:n(), time:now() })
  end)

  it("does not believe a copy of another size", function()
    function dst.copy_from(self, _, _, dst_key)
      return self:put(dst_key, "too long")
    end
    local result = assert(run { fs = snapshot "a" })
    fails("Integrity", "8 bytes", nil, result.err)
    assert.equal(0, result.fileset:n())
  end)

  it("survives a store that raises", function()
    before_copies(function() error "broken" end)
    fails("Fatal", "broken", nil, run({ fs = snapshot "a" }).err)
  end)

  it("begins nothing more once nobody wants it", function()
    local calls, stop = 0, false
    before_copies(function()
      calls = calls + 1
      time:sleep(1)
      return true
    end)
    local promise = time:spawn(run, {
      fs = many(50), stopped = function() return stop end,
    })
    time:advance(0.5)
    stop = true
    fails("Canceled", "called off", promise:wait())
    assert.same({ 20, 1 }, { calls, time:now() })
    fails("Canceled", "called off", run {
      fs = many(2), stopped = function() return true end,
    })
  end)

  it("counts files and bytes as they arrive", function()
    before_copies(function(key)
      time:sleep(tonumber(key:sub(2)))
      return true
    end)
    local seen = {}
    assert(run { fs = many(3), progress = function(files, bytes)
      seen[#seen + 1] = { time:now(), files, bytes }
    end })
    assert.same({ { 1, 1, 6 }, { 2, 2, 12 }, { 3, 3, 18 } }, seen)
  end)

  it("copies between folders", function()
    local folder = support.folder()
    m = mux { file = blob.file(folder, { clock = time }) }
    m:put("file://in/a/b", "data")
    local fs = m:snapshot "file://in/"
    local result = assert(run { fs = fs, url = "file://out/x" })
    assert.is_nil(result.err)
    assert.equal("data", support.read(folder .. "/out/x/a/b"))
    local before = m:file("file://out/x/a/b").etag
    assert(run { fs = fs, url = "file://out/x" })
    assert.equal(before, m:file("file://out/x/a/b").etag)
    support.remove(folder)
  end)
end)
