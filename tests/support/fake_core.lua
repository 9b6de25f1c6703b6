--- A pure-Lua neap.core for specs: files in memory, a virtual clock, and an
-- engine of its own (support.fake_engine) behind core.http and core.sse.
--
--   local fake = fake_core.install()   fresh; unloads neap.* and neap.core
--   fake.files[path] = text            absolute paths; folders are implied
--   fake.engine.behave = fn(spec, attempt) -> { exit=, after=, outputs=, … }
--   fake.output                        what was written to stderr

local fake_engine = require "support.fake_engine"

local fake_core = {}

-- A stand-in for SHA-256: equal texts, equal digests, 64 hex digits.
local function pseudo_sha(text)
  local h = { 7, 11, 13, 17 }
  for i = 1, #text do
    for k = 1, 4 do
      h[k] = (h[k] * (29 + 2 * k) + text:byte(i) + k) % 4294967291
    end
  end
  local hex = {}
  for k = 1, 4 do
    hex[k] = ("%08x%08x"):format(h[k], (h[k] * 48271 + k) % 4294967296)
  end
  return table.concat(hex)
end
fake_core.sha = pseudo_sha

local function parent_is_dir(files, path)
  local prefix = path:gsub("/+$", "") .. "/"
  for other in pairs(files) do
    if other:sub(1, #prefix) == prefix then
      return true
    end
  end
  return false
end

local function new()
  local self = {
    now = 1000, files = {}, objects = {}, dirs = {}, events = {}, timers = {},
    output = "", hashes = 0, cancelled = {}, cwd = "/home/ada", links = {},
  }
  local core = { version = "0.1.0", libexec = "/libexec", build_dir = "/build" }
  self.core = core

  function self.emit(event)
    self.events[#self.events + 1] = event
  end

  function self.at(seconds, fn)
    self.seq = (self.seq or 0) + 1
    table.insert(self.timers, { at = self.now + seconds, fn = fn,
                                seq = self.seq })
  end

  local function next_timer()
    table.sort(self.timers, function(a, b)
      return a.at < b.at or a.at == b.at and a.seq < b.seq
    end)
    return self.timers[1]
  end

  local function abs(path)
    if path:sub(1, 1) ~= "/" then
      path = self.cwd .. "/" .. path
    end
    return (path:gsub("/%./", "/"):gsub("(.)/+$", "%1"))
  end
  self.abs = abs

  function core.step(timeout)
    while #self.events == 0 do
      local timer = next_timer()
      if not timer or timeout and timer.at > self.now + timeout then
        if timeout == nil then
          error("fake core: nothing will ever happen")
        end
        self.now = self.now + timeout
        break
      end
      table.remove(self.timers, 1)
      self.now = math.max(self.now, timer.at)
      timer.fn()
    end
    local events, kept = self.events, {}
    self.events = {}
    for _, event in ipairs(events) do
      if not (event.id and self.cancelled[event.id]) then
        kept[#kept + 1] = event
      end
    end
    return kept
  end

  function core.cancel(id) self.cancelled[id] = true end
  function core.timer(id, seconds)
    self.at(seconds, function() self.emit { type = "timer", id = id } end)
  end

  function core.hash(id, path)
    self.hashes = self.hashes + 1
    self.at(self.hash_delay or 0, function()
      local text = self.files[abs(path)]
      if not text then
        self.emit { type = "hash", id = id, error = "no such file",
                    code = "NotExist" }
        return
      end
      self.emit { type = "hash", id = id, sha256 = pseudo_sha(text),
        size = #text, dev = "1", ino = "2", mtime_ns = "1000000000000000",
        ctime_ns = "1000000000000000", x = false }
    end)
  end

  function core.put(id, _repo, text)
    self.at(0, function()
      local sha = pseudo_sha(text)
      self.objects[sha] = text
      self.emit { type = "put", id = id, sha256 = sha, size = #text }
    end)
  end

  function core.object(_repo, sha)
    return self.objects[sha] and "/repo/" .. sha or nil
  end

  local function content(path)
    local sha = path:match("^/repo/(%x+)$")
    return sha and self.objects[sha] or self.files[abs(path)]
  end

  function core.stat(path)
    local text = content(path)
    if text then
      return { type = "file", size = #text, mode = 420, mtime = 1, x = false }
    elseif self.dirs[abs(path)] or parent_is_dir(self.files, abs(path)) then
      return { type = "dir", size = 0, mode = 493, mtime = 1 }
    end
    return nil, "no such file or directory", "NotExist"
  end

  function core.read(path, offset, n)
    local text = content(path)
    if not text then
      return nil, "no such file", "NotExist"
    end
    offset = offset or 0
    return text:sub(offset + 1, n and offset + n or -1)
  end

  function core.write(path, text)
    self.files[abs(path)] = text
    return true
  end

  function core.save(src, dest)
    if self.save_fails then
      return nil, "disk full", "ResourcesExhausted"
    end
    self.files[abs(dest)] = content(src)
    return true
  end

  function core.mkdirs(path)
    self.dirs[abs(path)] = true
    return true
  end

  function core.walk(dir)
    local root, list = abs(dir):gsub("/+$", "") .. "/", {}
    for path in pairs(self.files) do
      if path:sub(1, #root) == root then
        list[#list + 1] = { path = path:sub(#root + 1), type = "file" }
      end
    end
    table.sort(list, function(a, b) return a.path < b.path end)
    return list
  end

  function core.glob(pattern)
    local matches = require("neap.fnmatch").compile(abs(pattern))
    local list = {}
    for path in pairs(self.files) do
      if matches(path) then
        list[#list + 1] = path
      end
    end
    table.sort(list)
    return list
  end

  function core.realpath(path) return abs(path) end
  function core.cwd() return self.cwd end
  function core.wall() return self.now end
  function core.mono() return self.now end
  function core.pid() return 42 end
  function core.uid() return 1000 end
  function core.user() return "ada" end
  function core.host() return "box" end
  function core.isatty() return false end
  function core.columns() return nil end
  function core.catch_signals() end
  function core.default_signals() end
  function core.deadline() end
  function core.sockets() return self.running or {} end
  function core.output(_fd, text)
    self.output = self.output .. text
    return true
  end

  self.engine = fake_engine.new(self)
  return self
end

--- A fresh fake in place of neap.core; neap's modules are loaded anew.
function fake_core.install()
  for name in pairs(package.loaded) do
    if name == "neap" or name:find("^neap%.") then
      package.loaded[name] = nil
    end
  end
  local self = new()
  package.loaded["neap.core"] = self.core
  local config = require "neap.config"
  config.set(config.load { getenv = function() return nil end })
  return self
end

--- Run a chunk as `neap run` does. → summary
function fake_core.run(fn, opts)
  return require("neap.main").run_chunk(fn, opts)
end

return fake_core
