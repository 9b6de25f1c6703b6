local expect = require "support.expect"
local fake_core = require "support.fake_core"

describe("files", function()
  local fake, neap

  before_each(function()
    fake = fake_core.install()
    fake.files["/home/ada/d/a.txt"] = "one\ntwo"
    fake.files["/home/ada/d/b.txt"] = "1"
    fake.files["/home/ada/d/.hidden"] = "h"
    fake.files["/home/ada/d/sub/c.dat"] = "2"
    neap = require "neap"
  end)

  it("must be there, and be files", function()
    local err = expect.raises("E_NOENT", "there is no file 'no.txt'",
      neap.file, "no.txt")
    assert.equal("no.txt", err.path)
    expect.raises("E_SPEC", "is a directory; use neap.dir", neap.file, "d")
    expect.raises("E_NOENT", "no directory", neap.dir, "d/a.txt")
    expect.raises("E_FETCH", "not supported by this version: s3:", neap.file,
      "s3://bucket/x")
    expect.raises("E_SPEC", "unknown field 'nam'", neap.file, "d/a.txt",
      { nam = "x" })
  end)

  it("are lazy: hashed when somebody asks, once", function()
    local f, g = neap.file "d/a.txt", neap.file "./d/a.txt"
    assert.equal("File(a.txt 7 B ?)", tostring(f))
    assert.equal(0, fake.hashes)
    assert.equal("sha256:" .. fake_core.sha "one\ntwo", f.digest)
    assert.equal(f.digest, g.digest)
    assert.equal(1, fake.hashes)
    assert.equal(7, f.size)
    assert.equal("/home/ada/d/a.txt", f.path)
    assert.equal("file:///home/ada/d/a.txt", f.url)
    assert.truthy(tostring(f):find("sha256:%x%x%x%x%x%x%x%x%)$"))
  end)

  it("are equal when their digests are", function()
    local f, text = neap.file "d/b.txt", neap.text("x", "1")
    assert.is_false(f == text)
    assert.equal(f.digest, text.digest)
    assert.is_true(f == text)
    assert.is_true(f == neap.file "d/b.txt")
  end)

  it("hold their word about digests", function()
    local want = "sha256:" .. ("0"):rep(64)
    local f = neap.file("d/a.txt", { digest = want })
    local err = expect.raises("E_INTEGRITY", "'a.txt' is sha256:", function()
      return f.digest end)
    assert.equal(want, err.want)
    local summary = fake_core.run(function()
      local t = neap.task { cmd = "x {{f}}", inputs = { f = f } }
      local ok, task_err = t:try()
      assert.is_nil(ok)
      assert.equal("E_INTEGRITY", task_err.kind)
      assert.equal("r7.1", task_err.task)
    end)
    assert.is_true(summary.ok, tostring(summary.err))
    assert.is_nil(next(fake.engine.tasks))
  end)

  it("are read whole, in part, by line, as JSON", function()
    local f = neap.file "d/a.txt"
    assert.equal("one\ntwo", f:read())
    assert.equal("one", f:read(3))
    local lines = {}
    for line in f:lines() do lines[#lines + 1] = line end
    assert.same({ "one", "two" }, lines)
    assert.same({ a = { 1 } }, neap.text("j", '{"a":[1],"b":null}'):json())
    expect.raises("E_SPEC", "'j' is no JSON", function()
      neap.text("j", "{"):json() end)
    local big = {}
    for i = 1, 40000 do big[i] = ("line %d"):format(i) end
    fake.files["/home/ada/big"] = table.concat(big, "\n")
    local n = 0
    for line in neap.file("big"):lines() do
      n = n + 1
      assert(line == big[n])
    end
    assert.equal(40000, n)
  end)

  it("have a limit for reading whole", function()
    require("neap.config").current():put("read_limit", 5, "test")
    local f = neap.file "d/a.txt"
    expect.raises("E_BUDGET", ":read() takes at most 5 B", f.read, f)
    assert.equal("one", f:read(3))
    expect.raises("E_BUDGET", "at most 16 MiB", neap.text, "x",
      ("x"):rep(2 ^ 24 + 1))
  end)

  it("are saved to a path or into a folder", function()
    local f = neap.file "d/a.txt"
    assert.equal("out/x.txt", f:save "out/x.txt")
    assert.equal("out/a.txt", f:save "out/")
    assert.equal("out/a.txt", f:save "out")
    assert.equal("one\ntwo", fake.files["/home/ada/out/a.txt"])
    assert.equal("/tmp/t", neap.text("t", "T"):publish "file:///tmp/t")
    assert.equal("T", fake.files["/tmp/t"])
    expect.raises("E_TRANSFER", "not supported by this version", function()
      f:publish "s3://b/x" end)
    fake.save_fails = true
    expect.raises("E_TRANSFER", "cannot save 'a.txt' to 'x': disk full",
      function() f:save "x" end)
  end)

  it("come from globs, sorted", function()
    local names = {}
    for i, f in ipairs(neap.glob "d/*.txt") do names[i] = f.name end
    assert.same({ "a.txt", "b.txt" }, names)
    assert.same({}, neap.glob "d/*.nope")
    expect.raises("E_NOENT", "no file matches 'd/*.nope'", neap.glob,
      "d/*.nope", { required = true })
  end)

  it("come in filesets", function()
    local all = neap.dir "d"
    assert.equal(3, all:count())
    assert.equal(9, all.size)
    assert.same({ "a.txt", "b.txt", "sub/c.dat" }, all:paths())
    assert.equal("c.dat", all:get("sub/c.dat").name)
    assert.is_nil(all:get "x")
    assert.equal(2, #all:glob "*.txt")
    assert.equal(4, neap.dir("d", { hidden = true }):count())
    local some = neap.dir("d", { glob = "**/*.txt", exclude = { "b*" } })
    assert.same({ "a.txt" }, some:paths())
    local made = neap.fileset { ["x/a.txt"] = neap.file "d/a.txt" }
    assert.equal("saved", made:save "saved/")
    assert.equal("one\ntwo", fake.files["/home/ada/saved/x/a.txt"])
    assert.truthy(made.digest:find("^sha256:%x+$"))
    expect.raises("E_SPEC", "no relative path", neap.fileset,
      { ["../x"] = neap.file "d/a.txt" })
    assert.truthy(tostring(made):find("Fileset(fileset 1 files", 1, true))
  end)

  it("that go away fail their task, not the script", function()
    local f = neap.file "d/a.txt"
    fake.files["/home/ada/d/a.txt"] = nil
    local summary = fake_core.run(function()
      local t = neap.task { name = "gone", cmd = "x {{f}}", inputs = { f = f } }
      local child = neap.task { name = "child", cmd = "y", after = { t } }
      local ok, err = child:try()
      assert.is_nil(ok)
      assert.equal("E_UPSTREAM", err.kind)
      assert.equal("E_NOENT", err.cause.kind)
      assert.equal("skipped", child.state)
      assert.equal("failed", t.state)
    end)
    assert.is_true(summary.ok, tostring(summary.err))
  end)

  it("as futures wait for their task", function()
    fake.engine.behave = function()
      return { outputs = { o = "made\n", d = { ["x/1"] = "one" },
        none = false } }
    end
    local summary = fake_core.run(function()
      local t = neap.task { name = "t", cmd = "x",
        outputs = { o = "o.txt", d = "d/", none = { "n", optional = true } } }
      assert.equal("o.txt", t.out.o.name)
      assert.truthy(tostring(t.out.o):find("?", 1, true))
      assert.equal("made\n", t.out.o:read())
      assert.equal(5, t.out.o.size)
      assert.equal("one", t.out.d:get("x/1"):read())
      assert.is_true(t.out.o == t.out.o)
      expect.raises("E_SPEC", "has no method 'files'", function()
        t.out.o:files() end)
      expect.raises("E_NOENT", "optional output 'none'", function()
        t.out.none:read() end)
      expect.raises("E_SPEC", "no output 'oo' (did you mean 'o'?)", function()
        return t.out.oo end)
      assert.is_nil(t:await().out.none)
    end)
    assert.is_true(summary.ok, tostring(summary.err))
  end)
end)
