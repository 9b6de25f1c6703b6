local blob = require "neap.sched.blob"
local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local mux = require "neap.sched.mux"
local support = require "support.sched_data"

local fails, invalid = support.fails, support.invalid

local function keys(list)
  local all = {}
  for i, entry in ipairs(list) do
    all[i] = entry.key
  end
  return table.concat(all, " ")
end

local kinds = {
  memory = function(_, time) return blob.memory { clock = time } end,
  file = function(folder, time) return blob.file(folder, { clock = time }) end,
}

for kind, make in pairs(kinds) do
  describe("blob." .. kind, function()
    local folder, m, bucket

    before_each(function()
      folder = support.folder()
      local store = make(folder, clock.virtual { start = 100 })
      m = mux { x = store }
      bucket = assert(store:bucket "b")
    end)

    after_each(function()
      support.remove(folder)
    end)

    it("is named by the mux that serves it", function()
      assert.equal("x://b/", bucket:location())
      assert.equal("x://b/k", bucket:put("k", "data").source)
      mux { y = m.stores.x }
      assert.equal("x://b/", bucket:location())
    end)

    it("holds data under keys", function()
      local put = bucket:put("a/b c#?.txt", "data\0")
      local entry = bucket:file "a/b c#?.txt"
      assert.same(put, entry)
      assert.equal(5, entry.size)
      assert.equal("a/b c#?.txt", entry.key)
      assert.equal("x://b/a/b c#?.txt", entry.source)
      assert.equal(digest.of "data\0", entry.content_hash)
      assert.is_number(entry.last_modified)
      local data, got = bucket:get "a/b c#?.txt"
      assert.equal("data\0", data)
      assert.equal(entry.etag, got.etag)
      assert.equal("data\0", m:get "x://b/a/b c#?.txt")
    end)

    it("says what is not there", function()
      fails("NotExist", "x://b/k", bucket:file "k")
      fails("NotExist", "x://b/k", bucket:get "k")
      fails("NotExist", "x://b/k", bucket:snapshot "k")
      fails("NotExist", "x://b/k", bucket:copy("k", "l"))
      bucket:put("dir/k", "x")
      fails("NotExist", "x://b/dir", bucket:file "dir")
      assert.same({}, bucket:scan "nothing")
    end)

    it("checks the etag that somebody expects", function()
      local old = bucket:put("k", "one").etag
      assert.equal("one", bucket:get("k", old))
      assert.equal("one", bucket:get("k", ""))
      local new = bucket:put("k", "two").etag
      assert.not_equal(old, new)
      fails("Precondition", old, bucket:get("k", old))
      assert.equal("two", bucket:get("k", new))
    end)

    it("checks the content hash that somebody gives", function()
      local entry = bucket:put("k", "one", { content_hash = digest.of "one" })
      assert.equal(digest.of "one", entry.content_hash)
      fails("Integrity", "x://b/l",
        bucket:put("l", "two", { content_hash = digest.of "one" }))
      fails("NotExist", "", bucket:file "l")
      fails("Integrity", "x://b/l",
        bucket:copy("k", "l", digest.of "two"))
      assert.equal("k", keys(bucket:scan()))
    end)

    it("lists keys in order, with content hashes only on demand", function()
      for _, key in ipairs { "b", "a/z", "a-b", "a/c/d", "ab" } do
        bucket:put(key, key)
      end
      assert.equal("a-b a/c/d a/z ab b", keys(bucket:scan()))
      assert.equal("a/c/d a/z", keys(bucket:scan "a/"))
      assert.equal("a/c/d", keys(bucket:scan "a/c"))
      assert.equal("a-b a/c/d a/z ab", keys(bucket:scan("a", true)))
      assert.is_nil(bucket:scan("b")[1].content_hash)
      assert.equal(digest.of "b", bucket:scan("b", true)[1].content_hash)
    end)

    it("makes snapshots of folders and of one key", function()
      bucket:put("in/a", "aaa")
      bucket:put("in/b/c", "cc")
      local fs = bucket:snapshot "in/"
      assert.equal(2, fs:n())
      local file = fs:get "b/c"
      local entry = bucket:file "in/b/c"
      assert.is_nil(file.id)
      assert.equal("x://b/in/b/c", file.source)
      assert.equal(2, file.size)
      assert.equal(entry.etag, file.etag)
      assert.equal(digest.of "cc", file.content_hash)
      local said = file.assertions[1]
      assert.equal("blob", said.namespace)
      assert.equal(file.source, said.subject)
      assert.equal(entry.etag, said.properties.etag)
      assert.equal("2", said.properties.size)
      assert.truthy(said.properties["last-modified"]:find("^%d+%-%d+%-%d+T"))
      assert.equal(3, m:snapshot("x://b/in/a"):file().size)
      assert.equal(0, bucket:snapshot("none/"):n())
      assert.equal(2, bucket:snapshot(""):n())
    end)

    it("copies within and between buckets", function()
      bucket:put("k", "data")
      assert.equal("data", bucket:get(bucket:copy("k", "k2").key))
      local other = assert(m.stores.x:bucket "other")
      local entry = other:copy_from(bucket, "k", "deep/k")
      assert.equal("x://other/deep/k", entry.source)
      assert.equal(4, entry.size)
      assert.equal(digest.of "data", entry.content_hash)
      assert.equal("data", other:get "deep/k")
      fails("NotSupported", "copies only", other:copy_from({}, "k", "k"))
    end)

    it("removes keys, also those that are not there", function()
      for _, key in ipairs { "a", "b", "c" } do
        bucket:put(key, key)
      end
      assert.is_true(bucket:delete("a", "none", "b"))
      assert.equal("c", keys(bucket:scan()))
      assert.is_true(m:delete("x://b/c", "x://other/none"))
      assert.equal("", keys(bucket:scan()))
    end)

    it("refuses wrong arguments", function()
      invalid("key", bucket.put, bucket, nil, "x")
      invalid("data", bucket.put, bucket, "k", nil)
      invalid("content_hash", bucket.put, bucket, "k", "x", digest.of "x")
      fails("Invalid", "a/b", m.stores.x:bucket "a/b")
      invalid("did you mean 'clock'", blob[kind],
        kind == "file" and folder or { clok = 1 }, { clok = 1 })
    end)
  end)
end

describe("blob.file", function()
  local folder, store, bucket

  before_each(function()
    folder = support.folder()
    store = blob.file(folder)
    bucket = store:bucket "b"
  end)

  after_each(function()
    support.remove(folder)
  end)

  it("is a plain folder", function()
    bucket:put("a/b", "data")
    assert.equal("data", support.read(folder .. "/b/a/b"))
    assert.equal("a\nb",
      support.shell("cd '" .. folder .. "/b'; ls -A; ls -A a"))
    assert.equal("data", store:bucket(""):get "b/a/b")
    local m = mux { file = blob.file "/" }
    assert.equal("data", m:get("file://" .. folder .. "/b/a/b"))
    assert.equal("file://" .. folder .. "/b/a/b",
      m:scan("file://" .. folder)[1].source)
  end)

  it("keeps keys in its folder", function()
    support.write(folder .. "/secret", "x")
    for _, key in ipairs { "../secret", "a/../../secret", "", "/secret", "a//b",
      "a/", ".", "a\0b", ".neap-1" } do
      fails("Invalid", "", bucket:file(key))
      fails("Invalid", "", bucket:get(key))
      fails("Invalid", "", bucket:put(key, "x"))
      fails("Invalid", "", bucket:delete(key))
    end
    fails("Invalid", "", store:bucket "..")
    fails("Invalid", "", store:bucket ".")
    fails("Invalid", "", store:bucket(nil))
    invalid("folder", blob.file, nil)
    invalid("folder", blob.file, "")
  end)

  it("does not list unfinished files, nor follow links out of the tree",
    function()
      bucket:put("a", "x")
      support.write(folder .. "/b/.neap-123", "unfinished")
      os.execute(("ln -s / '%s/b/all'; ln -s a '%s/b/same'"):format(folder,
        folder))
      assert.equal("a same", keys(bucket:scan()))
    end)

  it("sees that a file has changed", function()
    bucket:put("k", "one")
    os.execute("touch -d '1 hour ago' '" .. folder .. "/b/k'")
    local before = bucket:file "k"
    assert.equal(digest.of "one", before.content_hash)
    support.write(folder .. "/b/k", "two")
    local after = bucket:file "k"
    assert.not_equal(before.etag, after.etag)
    assert.equal(digest.of "two", after.content_hash)
  end)

  it("says what cannot be", function()
    bucket:put("a", "x")
    bucket:put("d/e", "x")
    fails("Invalid", "cannot make folder", bucket:put("a/b", "x"))
    fails("Invalid", "rename", bucket:put("d", "x"))
    fails("Invalid", "remove", bucket:delete "d")
    assert.equal("a d/e", keys(bucket:scan()))
  end)
end)

describe("mux", function()
  local m, a

  before_each(function()
    a = blob.memory()
    m = mux { a = a, b = blob.memory(), lua = {
      bucket = function(_, name)
        if name == "none" then
          return nil, errors.new("NotExist", "no bucket")
        end
        return {
          file = function() error "broken" end,
          get = function() return nil, errors.new("Net", "down") end,
          put = function() end,
          scan = function() return { { key = "k", size = 1 } } end,
        }
      end,
    } }
  end)

  it("finds the store of a URL", function()
    m:put("a://x/k", "data")
    assert.equal("data", a:bucket("x"):get "k")
    local bucket, key, scheme = m:bucket "a://x/k/l?m#n o"
    assert.equal("a://x/", bucket:location())
    assert.same({ "k/l?m#n o", "a" }, { key, scheme })
    assert.equal("", select(2, m:bucket "a://x"))
    assert.equal("/k", select(2, m:bucket "a://x//k"))
  end)

  it("says what it does not serve", function()
    fails("NotSupported", "stores for a, b, lua", m:file "s3://x/k")
    fails("NotSupported", "no store at all", mux({}):get "s3://x/k")
    fails("Invalid", "scheme://bucket/key", m:get "x/k")
    fails("NotExist", "no bucket", m:get "lua://none/k")
    for _, method in ipairs { "file", "scan", "get", "put", "snapshot",
      "delete" } do
      fails("NotSupported", "s3", m[method](m, "s3://x/k"))
      invalid("a text", m[method], m, nil)
    end
  end)

  it("survives stores that are wrong", function()
    fails("Fatal", "broken", m:file "lua://x/k")
    fails("Net", "down", m:get "lua://x/k")
    fails("Fatal", "returned nothing", m:put("lua://x/k", "data"))
    fails("NotSupported", "snapshot", m:snapshot "lua://x/k")
    assert.equal("lua://x/k", m:scan("lua://x/")[1].source)
  end)

  it("copies within a scheme", function()
    m:put("a://x/k", "data")
    assert.is_true(m:can_transfer("a://y/k", "a://x/k"))
    assert.equal(4, m:transfer("a://y/k", "a://x/k").size)
    assert.equal("data", m:get "a://y/k")
    fails("NotExist", "a://x/none", m:transfer("a://y/k", "a://x/none"))
    for _, pair in ipairs { { "a://x/k", "b://x/k" }, { "s3://x", "a://x/k" },
      { "a://x/k", "s3://x" }, { "lua://x/k", "lua://x/l" } } do
      fails("NotSupported", "", m:can_transfer(pair[1], pair[2]))
      fails("NotSupported", "", m:transfer(pair[1], pair[2]))
    end
    fails("NotExist", "no bucket", m:can_transfer("lua://none/k", "lua://x/k"))
  end)

  it("tells whether a copy is needed", function()
    local one, two = digest.of "1", digest.of "2"
    local cases = { -- destination, source, needed
      { { size = 1 }, { size = 2 }, true },
      { { size = 1, etag = "e" }, { size = 2, etag = "e" }, true },
      { { size = 1, etag = "e" }, { size = 1, etag = "e" }, false },
      { { size = 0, etag = "e" }, { size = 2, etag = "e" }, false },
      { { size = 1, etag = "e", content_hash = one },
        { size = 1, etag = "f", content_hash = one }, false },
      { { size = 1, etag = "e", content_hash = one },
        { size = 1, etag = "f", content_hash = two }, true },
      { { size = 1, etag = "", content_hash = one },
        { size = 1, etag = "", content_hash = two }, true },
    }
    for i, case in ipairs(cases) do
      assert.equal(case[3], m:need_transfer(case[1], case[2]), "case " .. i)
    end
    invalid("two files", m.need_transfer, m, nil, {})
  end)

  it("asks for content hashes that are missing", function()
    m:put("a://x/k", "1")
    m:put("a://y/k", "1")
    m:put("a://y/l", "2")
    local src = { source = "a://x/k", size = 1, etag = "other" }
    assert.is_false(m:need_transfer({ source = "a://y/k", size = 1 }, src))
    assert.is_true(m:need_transfer({ source = "a://y/l", size = 1 }, src))
    fails("NotExist", "", m:need_transfer({ source = "a://y/m" }, src))
    fails("Fatal", "broken", m:need_transfer({ source = "lua://x/k" }, src))
  end)

  it("has a default, of the stores that were registered", function()
    local default = mux.default()
    fails("NotSupported", "", default:file "spec-blob://x/k")
    blob.register("spec-blob", blob.memory())
    assert.equal(1, default:put("spec-blob://x/k", "1").size)
    assert.equal("1", mux.default():get "spec-blob://x/k")
    blob.registered["spec-blob"] = nil
    invalid("a word", blob.register, "a://", blob.memory())
    invalid("bucket(name)", blob.register, "a", {})
    invalid("bucket(name)", blob.register, "a", nil)
  end)

  it("refuses what is no store", function()
    invalid("scheme -> store", mux, nil)
    invalid("bucket(name)", mux, { a = 5 })
    invalid("a word", mux, { blob.memory() })
  end)
end)
