local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local repository = require "neap.sched.repository"
local support = require "support.sched_data"

local fails, invalid = support.fails, support.invalid

local HELLO =
  "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

local function all(repo)
  local list = {}
  assert.is_true(repo:scan(function(id, size)
    list[#list + 1] = id:sub(8, 11) .. " " .. size
  end))
  return list
end

-- Two texts whose digests begin with the same byte.
local function alike()
  local seen = {}
  for i = 1, 1000 do
    local head = digest.of(tostring(i)):sub(8, 9)
    if seen[head] then
      return seen[head], tostring(i), head
    end
    seen[head] = tostring(i)
  end
end

local kinds = {
  memory = function() return repository.memory() end,
  dir = function(folder) return repository.dir(folder .. "/repo") end,
}

for kind, make in pairs(kinds) do
  describe("repository." .. kind, function()
    local folder, repo

    before_each(function()
      folder = support.folder()
      repo = make(folder)
    end)

    after_each(function()
      support.remove(folder)
    end)

    it("stores bytes under their digest", function()
      assert.equal(HELLO, repo:put "hello")
      assert.equal(HELLO, repo:put "hello")
      assert.equal("hello", repo:get(HELLO))
      assert.same({ id = HELLO, size = 5 }, repo:stat(HELLO))
      local zeros = "a\0b\0"
      assert.equal(zeros, repo:get(repo:put(zeros)))
      assert.equal("", repo:get(repo:put ""))
    end)

    it("stores files", function()
      support.write(folder .. "/file", "hello")
      assert.equal(HELLO, repo:put { path = folder .. "/file" })
      assert.equal("hello", repo:get(HELLO))
      fails("NotExist", "/none", repo:put { path = folder .. "/none" })
      fails("Invalid", "no regular file", repo:put { path = folder })
    end)

    it("says what is not there", function()
      fails("NotExist", repo.url, repo:get(HELLO))
      fails("NotExist", "2cf24dba5fb0a30e", repo:stat(HELLO))
      fails("NotExist", "2cf2", repo:stat "2cf2")
    end)

    it("finds abbreviated digests, if they are unique", function()
      local one, two, head = alike()
      repo:put "hello"
      local first = repo:put(one)
      assert.equal("hello", repo:get "sha256:2cf24dba")
      assert.equal("hello", repo:get "2CF24DBA")
      assert.equal(HELLO, repo:stat(HELLO:sub(1, 15) .. ("0"):rep(56)).id)
      assert.equal(first, repo:stat(head).id)
      repo:put(two)
      fails("Invalid", "not unique", repo:stat(head))
      fails("Invalid", "not unique", repo:get(head))
    end)

    it("refuses what is no digest", function()
      for _, bad in ipairs { "", "sha256:", "xyz", "sha256:abc", "abc",
        HELLO .. "00", "md5:abcd", ("0"):rep(64) } do
        invalid("digest", repo.stat, repo, bad)
        invalid("digest", repo.get, repo, bad)
      end
      invalid("digest", repo.stat, repo, nil)
      invalid("digest", repo.get, repo, {})
      invalid("whole digest", repo.read_from, repo, "2cf2", "memory://x")
      invalid("whole digest", repo.write_to, repo, "2cf2", "memory://x")
    end)

    it("refuses what cannot be stored", function()
      invalid("bytes", repo.put, repo, nil)
      invalid("bytes", repo.put, repo, 5)
      invalid("without a path", repo.put, repo, {})
    end)

    it("is walked in the order of digests", function()
      repo:put "hello"
      repo:put ""
      repo:put "abc"
      assert.same({ "2cf2 5", "ba78 3", "e3b0 0" }, all(repo))
    end)

    it("collects what is not live", function()
      repo:put "hello"
      repo:put "abc"
      repo:put "abcd"
      local count, size = repo:collect { [HELLO] = true }
      assert.same({ 2, 7 }, { count, size })
      assert.same({ "2cf2 5" }, all(repo))
      assert.equal(0, (repo:collect { [HELLO] = true }))
      invalid("canonical", repo.collect, repo, { [HELLO:sub(8)] = true })
      invalid("canonical", repo.collect, repo, { HELLO })
      invalid("a table", repo.collect, repo, nil)
    end)

    it("copies from and to other repositories by URL", function()
      local other = repository.memory()
      local dir = repository.dir(folder .. "/other")
      other:put "from memory"
      dir:put "from dir"
      local a, b = digest.of "from memory", digest.of "from dir"
      assert.is_true(repo:read_from(a, other.url))
      assert.is_true(repo:read_from(b, dir.url))
      assert.equal("from memory", repo:get(a))
      assert.equal("from dir", repo:get(b))
      repo:put "hello"
      assert.is_true(repo:write_to(HELLO, other.url))
      assert.is_true(repo:write_to(HELLO, dir.url))
      assert.equal("hello", other:get(HELLO))
      assert.equal("hello", dir:get(HELLO))
    end)

    it("says what it cannot copy", function()
      local other = repository.memory()
      fails("NotExist", "2cf2", repo:read_from(HELLO, other.url))
      fails("NotExist", "2cf2", repo:write_to(HELLO, other.url))
      fails("NotSupported", "s3://b/x", repo:read_from(HELLO, "s3://b/x"))
      repo:put "hello"
      fails("NotSupported", "s3://b/x", repo:write_to(HELLO, "s3://b/x"))
      fails("NotSupported", "not in this process", repo:write_to(HELLO,
        "memory://nobody has this"))
    end)

    it("does not take over bytes that are something else", function()
      local liar = support.lua_repository "liar://x"
      repository.register("liar", function() return liar end)
      liar.objects[HELLO] = "hell0"
      fails("Integrity", "5 bytes", repo:read_from(HELLO, "liar://x"))
      fails("NotExist", "", repo:stat(HELLO))
      function liar.get() error "broken" end
      fails("Fatal", "broken", repo:read_from(HELLO, "liar://x"))
      function liar.get() end
      fails("Fatal", "returned nothing", repo:read_from(HELLO, "liar://x"))
      function liar.put() return digest.of "something else" end
      repo:put "hello"
      fails("Integrity", "was stored in liar://x as",
        repo:write_to(HELLO, "liar://x"))
    end)

    it("knows where else an object is, if it is told", function()
      local named = repository[kind] {
        path = kind == "dir" and folder .. "/named" or nil,
        source = function(id) return "s3://b/" .. id:sub(8, 11) end,
      }
      named:put "hello"
      assert.equal("s3://b/2cf2", named:stat(HELLO).source)
    end)

    it("refuses wrong options", function()
      local new = repository[kind]
      invalid("did you mean 'clock'", new, "x", { clok = 1 })
      invalid("source is a function", new, "x", { source = "s3://b" })
      invalid("a text", new, 5)
      invalid("a table", new, "x", 5)
    end)
  end)
end

describe("repository.dial", function()
  it("finds repositories in memory by name, as long as they are held",
    function()
      local one = repository.memory "dialled"
      one:put "hello"
      assert.equal(one, repository.dial "memory://dialled")
      assert.equal("memory://dialled", one.url)
      local two = repository.memory "dialled"
      assert.equal(two, repository.dial "memory://dialled")
      one, two = nil, nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      fails("NotExist", "", repository.dial("memory://dialled"):get(HELLO))
    end)

  it("finds folders", function()
    local folder = support.folder()
    repository.dir(folder):put "hello"
    assert.equal("hello", repository.dial("file://" .. folder):get(HELLO))
    support.remove(folder)
  end)

  it("says what schemes there are", function()
    local err = fails("NotSupported", "file, ", repository.dial "s3://b/x")
    assert.truthy(tostring(err):find("memory", 1, true))
    fails("NotSupported", "did you mean 'file'", repository.dial "fil:///x")
    fails("Invalid", "no URL", repository.dial "/x/y")
    fails("Invalid", "file:///path", repository.dial "file://host/x")
    fails("Invalid", "memory://NAME", repository.dial "memory://")
    invalid("a text", repository.dial, nil)
  end)

  it("asks who registered the scheme", function()
    local asked
    repository.register("spec", function(url)
      asked = url
      return nil, errors.new("Net", "down")
    end)
    fails("Net", "down", repository.dial "spec://a/b")
    assert.equal("spec://a/b", asked)
    repository.register("spec", function() error "broken" end)
    fails("Fatal", "broken", repository.dial "spec://a/b")
    invalid("a word", repository.register, "a b", print)
    invalid("a word", repository.register, nil, print)
    invalid("function", repository.register, "spec", {})
  end)
end)

describe("a repository in a folder", function()
  local folder, repo, root

  before_each(function()
    folder = support.folder()
    root = folder .. "/r"
    repo = repository.dir(root)
  end)

  after_each(function()
    support.remove(folder)
  end)

  local function object(id)
    return ("%s/objects/%s/%s"):format(root, id:sub(8, 9), id:sub(10))
  end

  local function mode(path)
    return support.shell("stat -c %a '" .. path .. "'")
  end

  it("has the layout of neap's own", function()
    repo:put "hello"
    assert.equal("hello", support.read(object(HELLO)))
    assert.equal("444", mode(object(HELLO)))
    assert.equal("", support.shell("ls '" .. root .. "/tmp'"))
  end)

  it("reads what neap's own has stored, and the other way round", function()
    local core = require "neap.core"
    core.put(1, root, "hello")
    local events
    local deadline = core.mono() + 20
    repeat
      events = core.step(0.1)
    until events[1] or core.mono() > deadline
    assert.equal(HELLO, "sha256:" .. events[1].sha256)
    assert.equal("hello", repo:get(HELLO))
    local id = repo:put "from Lua"
    assert.equal(object(id), (core.object(root, id:sub(8))))
  end)

  it("keeps programs executable", function()
    local path = folder .. "/tool"
    support.write(path, "#!/bin/sh\n")
    local id = repo:put { path = path }
    assert.equal("444", mode(object(id)))
    os.execute("chmod +x '" .. path .. "'")
    assert.equal(id, repo:put { path = path })
    assert.equal("555", mode(object(id)))
  end)

  it("makes nothing before something is stored", function()
    assert.same({}, all(repo))
    assert.equal(0, (repo:collect {}))
    fails("NotExist", "", repo:stat(HELLO))
    assert.not_equal(0, os.execute("test -e '" .. root .. "'"))
  end)

  it("sees damage when it reads", function()
    repo:put "hello"
    os.execute("chmod u+w '" .. object(HELLO) .. "'")
    support.write(object(HELLO), "hellO")
    fails("Integrity", "damaged", repo:get(HELLO))
    local other = repository.dir(folder .. "/other")
    fails("Integrity", "damaged", other:read_from(HELLO, repo.url))
    fails("Integrity", "damaged", repo:write_to(HELLO, other.url))
    fails("NotExist", "", other:stat(HELLO))
  end)

  it("replaces a torn object", function()
    repo:put "hello"
    os.execute("chmod u+w '" .. object(HELLO) .. "'")
    support.write(object(HELLO), "he")
    assert.equal(HELLO, repo:put "hello")
    assert.equal("hello", repo:get(HELLO))
  end)

  it("ignores what is no object", function()
    repo:put "hello"
    support.write(root .. "/objects/readme", "x")
    support.write(root .. "/objects/2c/short", "x")
    assert.same({ "2cf2 5" }, all(repo))
    repo:collect {}
    assert.equal("x", support.read(root .. "/objects/2c/short"))
  end)

  it("says why it cannot write", function()
    support.write(folder .. "/file", "x")
    local bad = repository.dir(folder .. "/file/r")
    fails("NotExist", "cannot make folder", bad:put "hello")
  end)

  it("forgets what killed writers left, after a day", function()
    repo:put "hello"
    support.write(root .. "/tmp/old", "x")
    support.write(root .. "/tmp/new", "x")
    os.execute("touch -d '2 days ago' '" .. root .. "/tmp/old'")
    repository.dir(root)
    assert.equal("new", support.shell("ls '" .. root .. "/tmp'"))
  end)

  it("hashes large files in pieces, while others run", function()
    local time = clock.virtual {}
    local large = repository.dir { path = root, clock = time }
    local path = folder .. "/large"
    os.execute("head -c 40000000 /dev/zero > '" .. path .. "'")
    local ticks, id = 0, nil
    time:spawn(function() id = large:put { path = path } end)
    time:spawn(function()
      while not id do
        ticks = ticks + 1
        time:sleep(0)
      end
    end)
    time:run()
    assert.equal(support.shell("sha256sum < '" .. path .. "'"):sub(1, 64),
      id:sub(8))
    assert.equal(40000000, large:stat(id).size)
    assert.is_true(ticks > 1)
  end)

  describe("materialize", function()
    local tree

    before_each(function()
      tree = folder .. "/tree"
    end)

    it("lays out objects as files", function()
      local abc = repo:put "abc"
      repo:put "hello"
      assert.is_true(repo:materialize(tree, {
        ["a/b/c"] = HELLO, ["a/d"] = abc, e = HELLO,
      }))
      assert.equal("hello", support.read(tree .. "/a/b/c"))
      assert.equal("abc", support.read(tree .. "/a/d"))
      assert.equal("hello", support.read(tree .. "/e"))
      assert.equal("3", support.shell("stat -c %h '" .. tree .. "/e'"))
    end)

    it("may be repeated, and replaces what is there", function()
      local abc = repo:put "abc"
      repo:put "hello"
      assert.is_true(repo:materialize(tree, { x = HELLO }))
      assert.is_true(repo:materialize(tree, { x = HELLO }))
      assert.is_true(repo:materialize(tree, { x = abc }))
      assert.equal("abc", support.read(tree .. "/x"))
      os.remove(tree .. "/x")
      os.execute("ln -s /etc/passwd '" .. tree .. "/x'")
      assert.is_true(repo:materialize(tree, { x = abc }))
      assert.equal("abc", support.read(tree .. "/x"))
      assert.equal("x", support.shell("ls -A '" .. tree .. "'"))
    end)

    it("stays beneath the root", function()
      for _, path in ipairs { "../x", "a/../../x", "/x", "", "a/", ".",
        "a/./b", "a\0b" } do
        invalid("materialize", repo.materialize, repo, tree, { [path] = HELLO })
      end
      invalid("a whole digest", repo.materialize, repo, tree, { x = "2cf2" })
      invalid("folder", repo.materialize, repo, nil, {})
      invalid("digest", repo.materialize, repo, tree, nil)
    end)

    it("says what is not there", function()
      local err = fails("NotExist", "2cf24dba",
        repo:materialize(tree, { x = HELLO }))
      assert.equal("materialize", err.op)
      repo:put "hello"
      os.execute("mkdir -p '" .. tree .. "/x'")
      fails("Invalid", "rename", repo:materialize(tree, { x = HELLO }))
    end)
  end)

  it("takes over all of another one", function()
    local other = repository.dir(folder .. "/other")
    repo:put "hello"
    other:put "hello"
    other:put "abc"
    assert.equal(2, repo:vacuum(other))
    assert.same({ "2cf2 5", "ba78 3" }, all(repo))
    assert.same({}, all(other))
    assert.equal(0, repo:vacuum(other))
    invalid("into itself", repo.vacuum, repo, repository.dir(root .. "/"))
    invalid("repository.dir", repo.vacuum, repo, repository.memory())
  end)
end)
