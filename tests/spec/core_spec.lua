--- neap.core, against real files, real processes and a stand-in engine.

local core = require "neap.core"
local ffi = require "ffi"

ffi.cdef "int kill(int pid, int signum);"

local LUAJIT = "/usr/bin/luajit"
local source = os.getenv "NEAP_SOURCE_DIR" or "."

local next_id = 0
local function new_id()
  next_id = next_id + 1
  return next_id
end

local dir

local function temp_dir()
  local pipe = assert(io.popen "mktemp -d /tmp/neap-core-XXXXXX")
  local path = pipe:read "*l"
  pipe:close()
  return path
end

-- Turn the loop until `enough(event)` for one of them; all events until then.
local function events_until(enough, limit_s)
  local seen, deadline = {}, core.mono() + (limit_s or 20)
  repeat
    local done = false
    for _, event in ipairs(core.step(math.max(0, deadline - core.mono()))) do
      seen[#seen + 1] = event
      done = done or enough(event)
    end
    if done then
      return seen[#seen], seen
    end
  until core.mono() >= deadline
  error("nothing came within the limit")
end

local function event_of(id)
  return (events_until(function(event) return event.id == id end))
end

local function is_type(name)
  return function(event) return event.type == name end
end

before_each(function()
  dir = temp_dir()
end)

after_each(function()
  os.execute("rm -rf " .. dir)
  collectgarbage()
end)

describe("core.step", function()
  it("returns timers in the order of their times", function()
    local early, late = new_id(), new_id()
    core.timer(late, 0.03)
    core.timer(early, 0.01)
    local _, seen = events_until(function(event) return event.id == late end)
    assert.equal(early, seen[1].id)
    assert.same({ type = "timer", id = late }, seen[2])
  end)

  it("returns at once when nothing is under way", function()
    assert.same({}, core.step())
    assert.same({}, core.step(0))
  end)

  it("waits no longer than it is told", function()
    local id = new_id()
    core.timer(id, 1000)
    local start = core.mono()
    assert.same({}, core.step(0.05))
    local waited = core.mono() - start
    assert.is_true(waited >= 0.045 and waited < 5)
    core.cancel(id)
    assert.same({}, core.step())
  end)

  it("drops what was canceled, and knows no canceled id", function()
    local id = new_id()
    core.timer(id, 0)
    core.cancel(id)
    core.cancel(id)
    core.timer(id, 0)
    assert.same({ { type = "timer", id = id } }, core.step(1))
  end)

  it("refuses ids in use and values that are none", function()
    local id = new_id()
    core.timer(id, 1000)
    assert.has_error(function() core.timer(id, 1) end)
    core.cancel(id)
    assert.has_error(function() core.timer(1.5, 1) end)
    assert.has_error(function() core.timer("x", 1) end)
    assert.has_error(function() core.timer(new_id(), -1) end)
    assert.has_error(function() core.step(-1) end)
  end)
end)

describe("the engine as a child", function()
  local socket

  local function spawn(arguments)
    local argv = { source .. "/tests/support/tiny_engine.lua", socket }
    return assert(core.spawn_engine(LUAJIT, arguments or argv, "{}"))
  end

  local function end_engine()
    core.close_lifeline()
    return (events_until(is_type "engine_end"))
  end

  before_each(function()
    socket = dir .. "/e.sock"
  end)

  it("says its line and ends with its lifeline", function()
    assert.is_true(spawn() > 1)
    local event = events_until(is_type "engine")
    assert.equal('{"socket":"' .. socket .. '"}', event.line)
    local pid, message, code = core.spawn_engine(LUAJIT, {}, "{}")
    assert.is_nil(pid)
    assert.equal("Unavailable", code)
    assert.matches("has an engine", message)
    assert.equal(0, end_engine().status)
  end)

  it("reports the last words before the end, and the status", function()
    core.spawn_engine("/bin/sh", { "-c", "printf 'a\\nb' >&3; exit 7" }, "{}")
    local last, seen = events_until(is_type "engine_end")
    assert.equal(7, last.status)
    assert.same({ "a", "b" }, { seen[1].line, seen[2].line })
  end)

  it("reports a signal", function()
    core.spawn_engine("/bin/sh", { "-c", "kill -9 $$" }, "{}")
    local last = events_until(is_type "engine_end")
    assert.same({ type = "engine_end", status = 137, signal = 9 }, last)
  end)

  it("gives it a session of its own and no descriptor but four", function()
    local held = assert(io.open("/dev/null")) -- not close-on-exec
    core.spawn_engine("/bin/sh", { "-c", "exec >&3; ls /proc/$$/fd;"
      .. "echo $$; cut -d' ' -f6 /proc/$$/stat" }, "{}")
    local _, seen = events_until(is_type "engine_end")
    held:close()
    for fd = 0, 3 do
      assert.equal(tostring(fd), seen[fd + 1].line)
    end
    local pid, session = seen[5].line, seen[6].line
    assert.is_true(tonumber(pid) > 3)
    assert.equal(pid, session)
  end)

  it("writes its standard error to the log", function()
    core.spawn_engine("/bin/sh", { "-c", "echo oops >&2" }, "{}",
      { log = dir .. "/log" })
    events_until(is_type "engine_end")
    assert.equal("oops\n", core.read(dir .. "/log"))
  end)

  it("says which program is not there", function()
    local pid, message, code = core.spawn_engine("/no/engine", {}, "{}")
    assert.is_nil(pid)
    assert.matches("/no/engine", message, 1, true)
    assert.equal("NotExist", code)
    assert.has_error(function() core.spawn_engine(LUAJIT, { 1 }, "{}") end)
  end)

  describe("over HTTP", function()
    before_each(function()
      spawn()
      events_until(is_type "engine")
    end)

    after_each(end_engine)

    it("answers a request", function()
      local id = new_id()
      core.http(id, socket, "POST", "/v1/x?y=1", '{"a":1}')
      local event = event_of(id)
      assert.same({ 200, 'POST /v1/x?y=1 {"a":1}', "yes" },
        { event.status, event.body, event.headers["x-tiny"] })
    end)

    it("streams ten thousand events in few batches", function()
      local id, want, batches = new_id(), 0, 0
      core.sse(id, socket, "/events/10000", "0")
      local last, seen = events_until(is_type "sse_end")
      for i = 1, #seen - 1 do
        batches = batches + 1
        for _, text in ipairs(seen[i].data) do
          want = want + 1
          assert.equal('{"seq":' .. want .. "}", text)
        end
        assert.equal(want, seen[i].last)
      end
      assert.equal(10000, want)
      assert.is_true(batches < 1000)
      assert.same({ type = "sse_end", id = id, status = 200 }, last)
    end)

    it("gives the words of a refused stream", function()
      local id = new_id()
      core.sse(id, socket, "/refuse")
      local event = event_of(id)
      assert.same({ "sse_end", 404, "GET /refuse " },
        { event.type, event.status, event.body })
      assert.is_string(event.error)
    end)

    it("cancels a request that hangs", function()
      local id = new_id()
      core.http(id, socket, "GET", "/hang")
      assert.same({}, core.step(0.05))
      core.cancel(id)
      assert.same({}, core.step(0.01))
    end)

    it("tells which sockets are alive", function()
      assert.is_true(core.write(dir .. "/dead.sock", ""))
      assert.is_true(core.write(dir .. "/e.agent.sock", ""))
      assert.same({
        { name = "dead", path = dir .. "/dead.sock", alive = false },
        { name = "e", path = socket, alive = true },
      }, core.sockets(dir))
    end)
  end)

  it("reports an engine that ends in the middle of a request", function()
    local id, err, status = new_id(), nil, nil
    spawn()
    events_until(is_type "engine")
    core.http(id, socket, "GET", "/quit/3")
    events_until(function(event)
      err = event.type == "http" and event or err
      status = event.type == "engine_end" and event.status or status
      return err and status
    end)
    assert.equal(3, status)
    assert.equal("Net", err.code)
  end)

  it("reports a socket that is not there as an event", function()
    local id = new_id()
    core.http(id, dir .. "/no.sock", "GET", "/")
    local event = event_of(id)
    assert.equal("Net", event.code)
    assert.matches("no.sock", event.error, 1, true)
    assert.same({}, core.sockets(dir .. "/nothing"))
  end)
end)

describe("files", function()
  it("are written whole, read in pieces, looked at", function()
    local path = dir .. "/a"
    assert.is_true(core.write(path, "hello\0world"))
    assert.equal("hello\0world", core.read(path))
    assert.equal("llo", core.read(path, 2, 3))
    assert.equal("", core.read(path, 100))
    local st = core.stat(path)
    assert.same({ "file", 11, false }, { st.type, st.size, st.x })
    assert.is_true(math.abs(st.mtime - core.wall()) < 60)
    assert.same({ "a" }, core.list(dir))
  end)

  it("that are not there are named", function()
    for _, fn in ipairs { "stat", "read", "realpath", "list", "walk",
                          "remove" } do
      local result, message, code = core[fn](dir .. "/none")
      assert.is_nil(result, fn)
      assert.matches("/none", message, 1, true)
      assert.equal("NotExist", code, fn)
    end
  end)

  it("are found by walking and by patterns", function()
    core.mkdirs(dir .. "/x/y")
    core.write(dir .. "/x/y/b.txt", "")
    core.write(dir .. "/x/.hidden.txt", "")
    core.write(dir .. "/x/a.txt", "")
    assert.same({
      { path = "x", type = "dir" },
      { path = "x/.hidden.txt", type = "file" },
      { path = "x/a.txt", type = "file" },
      { path = "x/y", type = "dir" },
      { path = "x/y/b.txt", type = "file" },
    }, core.walk(dir))
    assert.same({ dir .. "/x/a.txt", dir .. "/x/y/b.txt" },
      core.glob(dir .. "/**/*.txt"))
    assert.same({}, core.glob(dir .. "/*.none"))
  end)

  it("have paths that are strings without NUL", function()
    assert.has_error(function() core.stat "" end)
    assert.has_error(function() core.stat "a\0b" end)
    assert.has_error(function() core.stat {} end)
  end)
end)

describe("core.save", function()
  local function mode(path)
    return ("%o"):format(core.stat(path).mode)
  end

  it("makes parents and replaces what was there", function()
    core.write(dir .. "/src", "new")
    core.mkdirs(dir .. "/d")
    core.write(dir .. "/d/dest", "old")
    assert.is_true(core.save(dir .. "/src", dir .. "/d/dest"))
    assert.is_true(core.save(dir .. "/src", dir .. "/p/q/dest"))
    assert.equal("new", core.read(dir .. "/d/dest"))
    assert.equal("new", core.read(dir .. "/p/q/dest"))
    assert.same({ "dest" }, core.list(dir .. "/d"))
  end)

  it("leaves a read-only object alone", function()
    core.write(dir .. "/object", "bytes")
    os.execute("chmod 444 " .. dir .. "/object")
    assert.is_true(core.save(dir .. "/object", dir .. "/copy"))
    assert.same({ "444", "644" }, { mode(dir .. "/object"),
                                    mode(dir .. "/copy") })
    local file = assert(io.open(dir .. "/copy", "r+"))
    file:write "B"
    file:close()
    assert.equal("bytes", core.read(dir .. "/object"))
  end)

  it("moves, and keeps a program executable", function()
    core.write(dir .. "/prog", "#!/bin/sh\n")
    os.execute("chmod 700 " .. dir .. "/prog")
    assert.is_true(core.save(dir .. "/prog", dir .. "/moved", { move = true }))
    assert.is_nil(core.stat(dir .. "/prog"))
    assert.equal("755", mode(dir .. "/moved"))
  end)

  it("refuses a folder as source or destination", function()
    core.write(dir .. "/src", "x")
    core.mkdirs(dir .. "/folder")
    assert.is_nil(core.save(dir .. "/folder", dir .. "/dest"))
    assert.is_nil(core.save(dir .. "/src", dir .. "/folder"))
    assert.same({ "folder", "src" }, core.list(dir))
  end)
end)

describe("the store", function()
  local hello =
    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

  it("hashes files in the pool", function()
    core.write(dir .. "/a", "hello")
    local first, second = new_id(), new_id()
    core.hash(first, dir .. "/a")
    core.hash(second, dir .. "/a")
    local found = {}
    events_until(function(event)
      found[event.id] = event
      return found[first] and found[second]
    end)
    for _, event in pairs(found) do
      assert.equal(hello, event.sha256)
      assert.equal(5, event.size)
      assert.is_false(event.x)
      for _, key in ipairs { "dev", "ino", "mtime_ns", "ctime_ns" } do
        assert.matches("^%d+$", event[key])
      end
    end
  end)

  it("reports what cannot be hashed", function()
    local id = new_id()
    core.hash(id, dir .. "/none")
    local event = event_of(id)
    assert.same({ "hash", "NotExist" }, { event.type, event.code })
  end)

  it("stores text and finds the object", function()
    local id, repo = new_id(), dir .. "/repo"
    assert.is_nil(core.object(repo, hello))
    assert.is_nil(core.stat(repo))
    core.put(id, repo, "hello")
    assert.same({ type = "put", id = id, sha256 = hello, size = 5 },
      event_of(id))
    assert.equal("hello", core.read(core.object(repo, hello)))
    assert.is_nil(core.object(repo, hello:gsub("^2", "3")))
    assert.is_nil(core.object(repo, "../../etc/passwd"))
  end)

  it("forgets jobs that were canceled", function()
    for _ = 1, 50 do
      local id = new_id()
      core.hash(id, "/usr/bin/luajit")
      core.cancel(id)
    end
    assert.same({}, core.step())
  end)
end)

describe("signals", function()
  after_each(function() core.default_signals() end)

  -- os.execute would not do: it ignores SIGINT while it waits
  it("end the waiting and are counted", function()
    assert.is_true(core.catch_signals())
    core.signal_pending()
    assert(core.spawn_engine("/bin/sh",
      { "-c", "kill -INT $PPID; kill -WINCH $PPID" }, "{}"))
    local names = {}
    events_until(function(event)
      names[event.name or event.type] = true
      return names.INT and names.WINCH and names.engine_end
    end)
    assert.equal(1, core.signal_pending())
    assert.equal(0, core.signal_pending())
  end)

  it("that come while Lua computes are remembered", function()
    core.catch_signals()
    ffi.C.kill(core.pid(), 15)
    ffi.C.kill(core.pid(), 2)
    assert.equal(1, core.signal_pending())
    local _, seen = events_until(is_type "signal")
    assert.same({ "TERM", "INT" }, { seen[1].name, seen[2].name })
  end)
end)

describe("the rest", function()
  it("counts runs", function()
    local state = dir .. "/state"
    assert.equal(1, core.next_run(state))
    assert.equal(2, core.next_run(state))
    core.write(state .. "/next_run", "99\n")
    assert.equal(99, core.next_run(state))
    assert.equal("100\n", core.read(state .. "/next_run"))
    core.write(state .. "/next_run", "what?")
    local number, message, code = core.next_run(state)
    assert.is_nil(number)
    assert.matches("next_run", message)
    assert.equal("Integrity", code)
  end)

  it("writes everything into a full pipe that does not block", function()
    -- cat is slow to start, the pipe takes 64 KiB, the text is larger
    local text = ("x"):rep(300000) .. "\n"
    core.write(dir .. "/script.lua", [[
      package.cpath = arg[1]
      local core = require "neap.core"
      assert(core.output(1, ("x"):rep(300000) .. "\n"))
    ]])
    os.execute(("%s %s/script.lua '%s' | cat > %s/out"):format(LUAJIT, dir,
      package.cpath, dir))
    assert.equal(text, core.read(dir .. "/out"))
  end)

  it("survives a reader that has gone", function()
    core.write(dir .. "/script.lua", [[
      package.cpath = arg[1]
      local core = require "neap.core"
      repeat
        local ok, message, code = core.output(1, ("x"):rep(100000))
      until not ok
      core.write(arg[2], tostring(select(3, core.output(1, "y"))))
    ]])
    os.execute(("%s %s/script.lua '%s' %s/code | true"):format(LUAJIT, dir,
      package.cpath, dir))
    local deadline = core.mono() + 20
    repeat
      core.step(0.01)
    until core.stat(dir .. "/code") or core.mono() > deadline
    assert.equal("Net", core.read(dir .. "/code"))
  end)

  it("knows where it is", function()
    assert.equal("0.1.0", core.version)
    assert.matches("^/", core.build_dir)
    assert.matches("^/", core.cwd())
    assert.is_number(core.uid())
    assert.is_true(#core.user() > 0 and #core.host() > 0)
    assert.is_true(core.wall() > 1.6e9)
    core.write(dir .. "/f", "")
    local file = assert(io.open(dir .. "/f"))
    file:close()
    assert.is_boolean(core.isatty(0))
  end)

  it("closes with its state, whatever is under way", function()
    core.write(dir .. "/script.lua", [[
      package.cpath = arg[1]
      local core = require "neap.core"
      core.timer(1, 1000)
      core.hash(2, "/usr/bin/luajit")
      core.http(3, "/tmp/no/such.sock", "GET", "/")
      core.catch_signals()
      assert(core.spawn_engine("/bin/sh", { "-c", "read x <&3; echo > "
        .. arg[2] }, "{}"))
      core.timer(4, 0)
      core.step(1)
    ]])
    assert.equal(0, os.execute(("%s %s/script.lua '%s' %s/ended"):format(
      LUAJIT, dir, package.cpath, dir)))
    local deadline = core.mono() + 20
    repeat -- the child saw the end of its lifeline
      core.step(0.01)
    until core.stat(dir .. "/ended") or core.mono() > deadline
    assert.is_table(core.stat(dir .. "/ended"))
  end)
end)
