--- Runs the real programs for system tests: every test gets a folder of its
--- own with its own repository, state and sockets, and leaves nothing behind.
local lfs = require "lfs"
local cjson = require "cjson"
local clock = require "system"

local system = {}

local build = assert(os.getenv("NEAP_BUILD_DIR"), "NEAP_BUILD_DIR is not set")
local source = assert(os.getenv("NEAP_SOURCE_DIR"), "NEAP_SOURCE_DIR unset")
system.build, system.source = build, source
system.sanitized = os.getenv("NEAP_TEST_SANITIZE") == "1"
-- sanitized programs and their start-up are slow; bounds grow, checks stay
system.slack = system.sanitized and 6 or 1

function system.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end
local quote = system.quote

function system.read(path)
  local f = io.open(path, "rb")
  if not f then
    return nil
  end
  local text = f:read("*a")
  f:close()
  return text
end

function system.write(path, text)
  local f = assert(io.open(path, "wb"))
  assert(f:write(text))
  f:close()
  return path
end

--- Wait until `fn()` is true; looks every 20 ms.
-- @param seconds  the bound; an error names `what` when it is over
function system.eventually(what, seconds, fn)
  local deadline = clock.monotime() + seconds * system.slack
  repeat
    local value = fn()
    if value then
      return value
    end
    clock.sleep(0.02)
  until clock.monotime() > deadline
  error("not within " .. seconds * system.slack .. " s: " .. what, 2)
end

local World = {}
World.__index = World

--- A fresh place for one test.
function system.world(opts)
  opts = opts or {}
  local dir = os.tmpname()
  os.remove(dir)
  assert(lfs.mkdir(dir))
  local w = setmetatable({ dir = dir, env = {}, n = 0 }, World)
  w.env.NEAP_REPO = opts.repo or dir .. "/repo"
  w.env.NEAP_STATE = dir .. "/state"
  w.env.NEAP_RUNTIME = dir .. "/run"
  w.env.XDG_CACHE_HOME = dir .. "/cache"
  w.env.XDG_CONFIG_HOME = dir .. "/config"
  w.env.HOME = dir
  return w
end

function World:path(name)
  return self.dir .. "/" .. name
end

--- Write a file of this world; → its path.
function World:file(name, text)
  return system.write(self:path(name), text)
end

function World:environment(extra)
  local parts = { "env --default-signal=INT,QUIT,PIPE" }
  for _, from in ipairs { self.env, extra or {} } do
    for k, v in pairs(from) do
      parts[#parts + 1] = k .. "=" .. quote(v)
    end
  end
  return table.concat(parts, " ")
end

local function words(args)
  local list = {}
  for i, arg in ipairs(args) do
    list[i] = quote(arg)
  end
  return table.concat(list, " ")
end

local Process = {}
Process.__index = Process

--- Start `neap ARGS` in the background.
-- @param opts  cwd, env, stdin (path), program (instead of neap)
function World:start(args, opts)
  opts = opts or {}
  self.n = self.n + 1
  local base = self:path("process" .. self.n)
  local program = opts.program or build .. "/bin/neap"
  local script = ("cd %s && (%s %s %s <%s >%s 2>%s & echo $! >%s; wait $!;"
    .. " echo $? >%s.tmp; mv %s.tmp %s) >/dev/null 2>&1 &"):format(
    quote(opts.cwd or self.dir),
    self:environment(opts.env),
    quote(program),
    words(args),
    quote(opts.stdin or "/dev/null"),
    quote(base .. ".out"),
    quote(base .. ".err"),
    quote(base .. ".pid"),
    quote(base .. ".rc"),
    quote(base .. ".rc"),
    quote(base .. ".rc")
  )
  assert(os.execute(script) == 0)
  local p = setmetatable({ base = base }, Process)
  p.pid = system.eventually("a pid", 10, function()
    return tonumber(system.read(base .. ".pid") or "")
  end)
  return p
end

function Process:out()
  return system.read(self.base .. ".out") or ""
end

function Process:err()
  return system.read(self.base .. ".err") or ""
end

function Process:code()
  return tonumber(system.read(self.base .. ".rc") or "")
end

function Process:signal(name)
  return os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid)) == 0
end

--- Wait for the end; → { code, out, err }.
function Process:wait(seconds)
  local ok, code = pcall(system.eventually, "the end", seconds or 60, function()
    return self:code()
  end)
  if not ok then
    self:signal("KILL")
    error("no end; stderr so far:\n" .. self:err(), 2)
  end
  return { code = code, out = self:out(), err = self:err() }
end

--- Run `neap ARGS` to its end.
function World:neap(args, opts)
  return self:start(args, opts):wait(opts and opts.seconds)
end

--- Run a script given as text; → result.
function World:run(text, args, opts)
  local path = self:file("script.lua", text)
  local all = { "run" }
  for _, flag in ipairs(opts and opts.flags or {}) do
    all[#all + 1] = flag
  end
  all[#all + 1] = path
  for _, arg in ipairs(args or {}) do
    all[#all + 1] = arg
  end
  return self:neap(all, opts)
end

--- Start a script given as text in the background.
function World:start_script(text, opts)
  local all = { "run" }
  for _, flag in ipairs(opts and opts.flags or {}) do
    all[#all + 1] = flag
  end
  all[#all + 1] = self:file("script.lua", text)
  return self:start(all, opts)
end

--- `neap ARGS --json`, decoded. Nil when it failed.
function World:json(args)
  local all = { unpack(args) }
  all[#all + 1] = "--json"
  local r = self:neap(all)
  if r.code ~= 0 then
    return nil, r
  end
  return cjson.decode(r.out)
end

--- Signal the processes of this world that are called `name`; → how many.
-- @param signal  default KILL
function World:kill(name, signal)
  local n = 0
  for pid in lfs.dir("/proc") do
    local comm = pid:match("^%d+$") and system.read("/proc/" .. pid .. "/comm")
    if comm == name .. "\n" then
      local env = system.read("/proc/" .. pid .. "/environ") or ""
      if env:find("NEAP_REPO=" .. self.env.NEAP_REPO, 1, true) then
        os.execute(("kill -%s %s"):format(signal or "KILL", pid))
        n = n + 1
      end
    end
  end
  return n
end

--- Pids of anything that works in or for this world.
function World:leftovers()
  local list = {}
  for pid in lfs.dir("/proc") do
    if pid:match("^%d+$") then
      local line = system.read("/proc/" .. pid .. "/cmdline") or ""
      local env = system.read("/proc/" .. pid .. "/environ") or ""
      local own = env:find("NEAP_REPO=" .. self.env.NEAP_REPO, 1, true)
      if line:find(self.dir, 1, true) or own then
        list[#list + 1] = pid .. " " .. line:gsub("%z", " ")
      end
    end
  end
  return list
end

function World:kill_leftovers()
  for _, line in ipairs(self:leftovers()) do
    os.execute("kill -9 " .. line:match("^%d+") .. " 2>/dev/null")
  end
end

--- Nothing of this world runs any more, within a bound; what does is killed
--- before the test fails.
function World:assert_clean()
  local ok = pcall(system.eventually, "", 15, function()
    return #self:leftovers() == 0
  end)
  if not ok then
    local list = table.concat(self:leftovers(), " | ")
    self:kill_leftovers()
    error("still running: " .. list, 2)
  end
end

function World:close()
  self:kill_leftovers()
  os.execute("chmod -R u+w " .. quote(self.dir) .. " 2>/dev/null; rm -rf "
    .. quote(self.dir))
end

return system
