--- Misuse: one clear error, the right exit code, nothing lost.
local system = require "support.system"

local head = "local neap = require 'neap'\n"

describe("bad input", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  local function fails(code, text, ...)
    local r = w:run(text)
    assert.equal(code, r.code, r.err)
    for _, pattern in ipairs { ... } do
      assert.matches(pattern, r.err)
    end
    return r
  end

  it("an unknown field names the field, the line and a remedy", function()
    fails(1, head .. "neap.task { name = 'x', cmd = 'true', memm = 1 }",
      "error%[E_SPEC%]", "'memm'", "did you mean 'mem'", "script.lua:2")
  end)

  it("a wrong unit", function()
    fails(1, head .. "neap.task { cmd = 'true', mem = '12 parsec' }",
      "error%[E_UNIT%]", "12 parsec", "script.lua:2")
  end)

  it("an unknown name in a template", function()
    fails(1, head .. [[
neap.task {
  name = "count", inputs = { text = neap.file "/etc/passwd" },
  cmd = "wc -l < {{txt}}",
}]], "error%[E_TEMPLATE%]", "{{txt}}", "did you mean '{{text}}'",
      "script.lua:%d")
  end)

  it("a missing file", function()
    fails(1, head .. "neap.file 'no/such/file'", "error%[E_NOENT%]",
      "no/such/file", "script.lua:2")
  end)

  it("an output that leaves the work directory, by name", function()
    fails(1, head .. "neap.task { cmd = 'true', outputs = { a = '../x' } }",
      "error%[E_SPEC%]", "script.lua:2")
  end)

  it("an output that leaves the work directory, by a link", function()
    fails(1, head .. [[
neap.task { cmd = "ln -s /etc/passwd {{a}}", outputs = { a = "a" } }:await()]],
      "error%[E_OUTPUT%]", "'a'", "script.lua:2")
  end)

  it("an output that was not made", function()
    fails(1, head .. [[
neap.task { name = "lazy", cmd = "true", outputs = { a = "a" } }:await()]],
      "error%[E_OUTPUT%]", "lazy", "'a'", "script.lua:2")
  end)

  it("a command that is not found, with a shell and without", function()
    fails(1, head .. "neap.task { cmd = 'no-such-program' }:await()",
      "error%[E_EXIT%]", "127", "no%-such%-program")
    fails(1, head .. "neap.task { cmd = 'no-such-program; :' }:await()",
      "error%[E_EXIT%]", "127", "no%-such%-program")
  end)

  it("a task larger than the machine", function()
    fails(5, head .. "neap.task { name = 'big', cmd = 'true', "
      .. "mem = '900TiB' }:await()", "error%[E_UNSCHEDULABLE%]", "big",
      "900", "local")
  end)

  it("a script with a syntax error", function()
    fails(2, head .. "local x = = 1", "script.lua:2")
  end)

  it("a script that is not there", function()
    local r = w:neap { "run", "nowhere.lua" }
    assert.equal(3, r.code, r.err)
    assert.matches("nowhere.lua", r.err)
  end)

  it("a policy that is not there: named, and no socket is left", function()
    local r = w:run(head .. "neap.task { cmd = 'true' }", nil,
      { flags = { "--policy", "nope" } })
    assert.equal(1, r.code, r.err)
    assert.matches("there is no policy 'nope'", r.err)
    for name in require("lfs").dir(w:path "run") do
      assert.matches("^%.+$", name)
    end
  end)

  it("closed standard files", function()
    local script = w:file("closed.lua", head .. [[
io.open("wrote", "w"):write(neap.task { cmd = "echo x" }:await().exit)
print "lost"]])
    local r = w:neap({ "-c", system.build .. "/bin/neap run " .. script
      .. " <&- >&- 2>&-" }, { program = "/bin/sh" })
    assert.equal(0, r.code, r.err)
    assert.equal("0", system.read(w:path "wrote"))
  end)

  it("a task that fails, awaited by nobody", function()
    local r = fails(1, head .. [[
neap.task { name = "loner", cmd = "echo oops >&2; exit 3" }
print("the script went on")]], "loner", "oops")
    assert.equal("the script went on\n", r.out)
  end)

  it("10 MB of stderr are kept whole, the tail is shown", function()
    local r = w:run(head .. [[
local t = neap.task {
  name = "loud",
  cmd = "head -c 10000000 /dev/zero | tr '\\0' e >&2; echo >&2; "
    .. "echo last line >&2",
}
local res = t:await()
local n = res.stderr.size
print(n)
neap.task { name = "loud2", cmd = "head -c 10000000 /dev/zero | "
  .. "tr '\\0' e >&2; echo >&2; echo last line >&2; exit 7" }:await()]])
    assert.equal(1, r.code, r.err)
    assert.equal("10000011\n", r.out)
    assert.matches("last line", r.err)
    assert.is_true(#r.err < 20000, #r.err)
  end)

  it("file names with spaces, newlines and UTF-8", function()
    local names = { "a b", "new\nline", "käse ☕", "-rf", "$(x)", "'q'", "*" }
    for i, name in ipairs(names) do
      w:file(name, "content " .. i .. "\n")
    end
    local r = w:run(head .. [[
local list = {}
for i, name in ipairs { "a b", "new\nline", "käse ☕", "./-rf", "$(x)", "'q'",
    "*" } do
  local t = neap.task {
    inputs = { x = neap.file(name) },
    outputs = { y = "out of " .. i .. "/ü x" },
    cmd = "cat {{x}} > {{y}}",
  }
  list[i] = t.out.y
end
local all = neap.task { inputs = { l = list }, cmd = "cat {{l}}" }
io.write(all:await().stdout:read())
for i, f in ipairs(list) do
  f:save("saved " .. i)
end]])
    assert.equal(0, r.code, r.err)
    local want = {}
    for i in ipairs(names) do
      want[i] = "content " .. i .. "\n"
      assert.equal(want[i], system.read(w:path("saved " .. i)))
    end
    assert.equal(table.concat(want), r.out)
  end)

  it("an input that changes after it was hashed", function()
    w:file("in.txt", "one")
    local r = w:run(head .. [[
local f = neap.file "in.txt"
local first = neap.task { inputs = { f = f }, cmd = "sleep 1; cat {{f}}" }
first:await()
local h = io.open("in.txt", "w")
h:write("two")
h:close()
local again = neap.task { inputs = { f = f }, cmd = "cat {{f}}" }
io.write(again:await().stdout:read())]])
    -- never the old digest with the new bytes: either it is hashed anew, or
    -- the task says that the file changed
    if r.code == 0 then
      assert.equal("two", r.out)
    else
      assert.equal(1, r.code)
      assert.matches("error%[E_INTEGRITY%]", r.err)
    end
  end)
end)

describe("a loop in the script", function()
  it("stops nobody: tasks that were submitted go on", function()
    local w = system.world()
    finally(function()
      w:close()
    end)
    local mark = w:path "mark"
    local p = w:start_script(head .. ([[
local t = neap.task { cmd = "sleep 0.3; touch %s" }
while t.state ~= "running" do
  neap.sleep(0.01)
end
while true do end]]):format(mark))
    system.eventually("the task ends although the script loops", 20, function()
      return system.read(mark)
    end)
    assert.is_nil(p:code())
    system.eventually("^C thrice ends it", 10, function()
      p:signal "INT"
      return p:code()
    end)
    assert.equal(130, p:code())
    w:assert_clean()
  end)

  it("ends at --timeout, and by TERM, which it cannot see", function()
    local w = system.world()
    finally(function()
      w:close()
    end)
    local r = w:run("while true do end", nil,
      { flags = { "--timeout", "1s" }, seconds = 40 })
    assert.equal(124, r.code, r.err)
    assert.matches("never waits", r.err)
    local p = w:start_script("io.stderr:write('on') while true do end")
    system.eventually("the script runs", 20, function()
      return p:err():find("on", 1, true)
    end)
    p:signal "TERM"
    r = p:wait(40)
    assert.equal(143, r.code, r.err)
    w:assert_clean()
  end)
end)

describe("a full disk", function()
  it("fails the task that could not store its output, by name", function()
    local w = system.world()
    local mount = w:path "small"
    os.execute("mkdir " .. mount)
    if os.execute("mount -t tmpfs -o size=3m tmpfs " .. mount
      .. " 2>/dev/null") ~= 0 then
      w:close()
      pending("mounting a tmpfs needs root")
      return
    end
    finally(function()
      os.execute("umount -l " .. mount)
      w:close()
    end)
    w.env.NEAP_REPO = mount .. "/repo"
    local r = w:run(head .. [[
local ok = neap.task { name = "small", cmd = "echo fits > {{a}}",
  outputs = { a = "a" } }
io.write(ok:await().out.a:read())
local big = neap.task { name = "large", outputs = { a = "a" },
  cmd = "head -c 20000000 /dev/urandom > {{a}}" }
local res, err = big:try()
assert(not res)
io.write(ok.out.a:read())
error(err)]], nil, { seconds = 120 })
    assert.equal(1, r.code, r.err)
    assert.equal("fits\nfits\n", r.out)
    assert.matches("large", r.err)
    assert.matches("[Nn]o space left", r.err)
    w:assert_clean()
  end)
end)
