--- File values: a name and a content, hashed only when somebody needs it.

local check = require "neap.check"
local core = require "neap.core"
local digest = require "neap.digest"
local errors = require "neap.errors"
local json = require "neap.json"
local config = require "neap.config"
local promise = require "neap.promise"
local units = require "neap.units"

local file = {}

local TEXT_MAX = 16 * units.MiB
local READ_LIMIT = 64 * units.MiB
local CHUNK = 64 * 1024

local File, properties = {}, {}
file.File = File

function File.__index(self, key)
  local property = properties[key]
  if property then
    return property(self)
  end
  return File[key]
end

function File.__newindex(_, key)
  errors.raise("E_SPEC", ("a File is a value: '%s' cannot be set"):format(
    tostring(key)), { field = key })
end

local function new(name, record, asserted)
  return setmetatable({ _name = name, _rec = record, _want = asserted }, File)
end

local function no_such(path, message)
  errors.raise("E_NOENT", ("there is no file '%s'%s"):format(path,
    message and ": " .. message or ""), { path = path })
end

local function absolute(path)
  if path:sub(1, 1) == "/" then
    return path
  end
  return core.cwd():gsub("/$", "") .. "/" .. path:gsub("^%./", "")
end

--- The local path of a path or file: URL; raises for what is remote.
function file.local_path(place, what)
  check.text(place, "string", what)
  local scheme, rest = place:match("^(%a[%w+.%-]*)://(.*)$")
  if scheme == "file" then
    return (rest:gsub("^localhost/", "/"):gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end))
  elseif scheme then
    errors.raise("E_FETCH", ("not supported by this version: %s: URLs ('%s');"
      .. " files must be on this machine"):format(scheme, place),
      { url = place })
  end
  return place
end

local function check_name(name)
  check.text(name, "name of a file", "name")
  if name == "" or name == "." or name == ".." or name:find("/", 1, true)
    or #name > 255 then
    check.fail("name", "%s is no file name", check.show(name))
  end
  return name
end

local function check_digest(text)
  check.type(text, "string", "digest", "digest")
  local hex = text:match("^sha256:(%x+)$")
  if not hex or #hex ~= 64 then
    check.fail("digest", "a digest is 'sha256:' and 64 hex digits, not %s",
      check.show(text))
  end
  return hex:lower()
end

--- neap.file(path_or_url, opts)
function file.file(place, opts)
  check.text(place, "the path of neap.file")
  opts = check.opts(opts, { digest = true, name = true, follow = true },
    "neap.file")
  if opts.follow == false then
    check.fail("follow", "not supported by this version: follow = false")
  end
  local path = file.local_path(place, "the path of neap.file")
  local stat, message = core.stat(path)
  if not stat then
    no_such(path, message)
  elseif stat.type == "dir" then
    errors.raise("E_SPEC", ("'%s' is a directory; use neap.dir"):format(path))
  elseif stat.type ~= "file" then
    check.fail(nil, "'%s' is a %s, not a file", path, tostring(stat.type))
  end
  local name = opts.name or path:match("([^/]+)/*$")
  return new(check_name(name), digest.of_file(absolute(path), stat),
    opts.digest and check_digest(opts.digest))
end

--- A File of a path that was just listed, or nil if it is no regular file.
function file.listed(path, name)
  local stat = core.stat(path)
  if not stat or stat.type ~= "file" then
    return nil
  end
  return new(name or path:match("[^/]+$"), digest.of_file(absolute(path), stat))
end

--- neap.glob(pattern, opts)
function file.glob(pattern, opts)
  check.text(pattern, "the pattern of neap.glob")
  opts = check.opts(opts, { required = true }, "neap.glob")
  pattern = file.local_path(pattern, "the pattern of neap.glob")
  local paths, message = core.glob(pattern)
  if not paths then
    errors.raise("E_NOENT", ("neap.glob '%s': %s"):format(pattern, message),
      { path = pattern })
  end
  local files = {}
  for _, path in ipairs(paths) do
    files[#files + 1] = file.listed(path)
  end
  if #files == 0 and opts.required then
    errors.raise("E_NOENT", ("no file matches '%s'"):format(pattern),
      { path = pattern })
  end
  return files
end

--- neap.text(name, string)
function file.text(name, text)
  check_name(name)
  check.type(text, "string", "the text of neap.text")
  if #text > TEXT_MAX then
    errors.raise("E_BUDGET", ("the text of '%s' has %s; at most %s (write a"
      .. " file and use neap.file)"):format(name, units.format_size(#text),
      units.format_size(TEXT_MAX)), { limit = TEXT_MAX })
  end
  return new(name, digest.of_text(text))
end

--- The File of an object in the repository.
-- @param object  FILE of the protocol
function file.of_object(object, name)
  if not object.sha256 then
    return new(name, digest.of_text(""))
  end
  return new(name or object.name, digest.of_object(object))
end

-- Wait for digest and size; check what was asserted. ⏸
local function known(self)
  local record = digest.wait(self._rec)
  file.assert_digest(self)
  return record
end

--- Raise E_INTEGRITY when the file is not what its opts.digest said.
function file.assert_digest(self)
  if self._want and self._want ~= self._rec.sha then
    error(errors.new("E_INTEGRITY", ("'%s' is sha256:%s, not sha256:%s"):format(
      self._name, self._rec.sha, self._want),
      { want = "sha256:" .. self._want, got = "sha256:" .. self._rec.sha }), 0)
  end
end

--- FILE of the protocol as JSON; the digest must be known.
-- @param path  its path below the input's place, for files of a Fileset
function file.to_json(self, path)
  if not path and self._json then
    return self._json
  end
  local r = self._rec
  -- put together by hand: this is done for every file of every task
  local text = ('{"name":%s,"sha256":"%s","size":%d'):format(
    json.encode(self._name), r.sha, r.size) .. (r.x and ',"x":true' or "")
  if r.path then
    text = text .. (',"source":%s,"dev":"%s","ino":"%s","mtime_ns":"%s",'
      .. '"ctime_ns":"%s"'):format(json.encode(r.path), r.dev, r.ino,
      r.mtime_ns, r.ctime_ns)
  end
  if path then
    return text .. ',"path":' .. json.encode(path) .. "}"
  end
  text = text .. "}"
  rawset(self, "_json", text)
  return text
end

function properties.name(self) return self._name end
function properties.size(self) return self._rec.size or known(self).size end
function properties.digest(self) return "sha256:" .. known(self).sha end
function properties.url(self)
  local path = self.path
  return path and "file://" .. path:gsub("[^%w/._~-]", function(char)
    return ("%%%02X"):format(char:byte())
  end)
end
function properties.path(self)
  if self._rec.text then
    known(self)
  end
  return (digest.path(self._rec))
end

local function readable(self)
  local path, err = digest.path(self._rec)
  if not path then
    error(err, 0)
  end
  return path
end

local function read_at(self, path, offset, n)
  local data, message, code = core.read(path, offset, n)
  if not data then
    error(errors.new(code == "NotExist" and "E_NOENT" or "E_FETCH",
      ("cannot read '%s': %s"):format(self._name, message), { path = path }), 0)
  end
  return data
end

local function read_all(self, path, total)
  local parts, offset = {}, 0
  while offset < total do
    local data = read_at(self, path, offset, total - offset)
    if data == "" then
      break
    end
    parts[#parts + 1], offset = data, offset + #data
  end
  return table.concat(parts)
end

--- f:read(n): the content, or its first n bytes. ⏸
function File:read(n)
  local limit = config.current():get("read_limit") or READ_LIMIT
  local size = self._rec.size
  if n ~= nil then
    check.integer(n, "the argument of read", nil, 0)
  end
  local want = math.min(n or size, size)
  if want > limit then
    error(errors.new("E_BUDGET", ("'%s' has %s; :read() takes at most %s"
      .. " (use :lines(), or set read_limit)"):format(self._name,
      units.format_size(size), units.format_size(limit)),
      { limit = limit }), 0)
  end
  if self._rec.text then
    return self._rec.text:sub(1, want)
  elseif want == 0 then
    return ""
  end
  return read_all(self, readable(self), want)
end

--- f:lines(): iterator over lines without their newline; no limit. ⏸
function File:lines()
  local path = not self._rec.text and self._rec.size > 0 and readable(self)
  local rest, offset, ended = self._rec.text or "", 0, not path
  local at = 1
  return function()
    while true do
      local newline = rest:find("\n", at, true)
      if newline then
        local line = rest:sub(at, newline - 1)
        at = newline + 1
        return line
      elseif ended then
        local line = rest:sub(at)
        rest, at = "", 1
        return line ~= "" and line or nil
      end
      local data = read_at(self, path, offset, CHUNK)
      offset, ended = offset + #data, data == ""
      rest, at = rest:sub(at) .. data, 1
    end
  end
end

--- f:json(): the value of its JSON. ⏸
function File:json()
  local value, message = json.decode(self:read())
  if value == nil then
    error(errors.new("E_SPEC", ("'%s' is no JSON: %s"):format(self._name,
      message)), 0)
  end
  return value
end

--- f:exists() → boolean
function File:exists()
  if self._rec.text then
    return true
  elseif not self._rec.path then
    return self._rec.size == 0 or digest.path(self._rec) ~= nil
  end
  return core.stat(self._rec.path) ~= nil
end

local function fail_save(self, dest, message)
  error(errors.new("E_TRANSFER", ("cannot save '%s' to '%s': %s"):format(
    self._name, dest, message), { url = dest }), 0)
end

--- f:save(dest): "dest/" is a folder. → the path that was written ⏸
function File:save(dest)
  check.text(dest, "the destination of save")
  local path = file.local_path(dest, "the destination of save")
  local stat = core.stat(path)
  if path:sub(-1) == "/" or stat and stat.type == "dir" then
    path = path:gsub("/+$", "") .. "/" .. self._name
  end
  local parent = path:match("^(.*)/[^/]*$")
  local ok, message = true, nil
  if parent and parent ~= "" then
    ok, message = core.mkdirs(parent)
  end
  if ok == nil then
    fail_save(self, path, message)
  end
  local text = self._rec.text or self._rec.size == 0 and ""
  if text then
    ok, message = core.write(path, text)
  else
    ok, message = core.save(readable(self), path)
  end
  if ok == nil then
    fail_save(self, path, message)
  end
  return path
end

--- f:publish(url): like save; URLs other than file: are not in this version. ⏸
function File:publish(url)
  local scheme = type(url) == "string" and url:match("^(%a[%w+.%-]*)://")
  if scheme and scheme ~= "file" then
    error(errors.new("E_TRANSFER", ("not supported by this version: publishing"
      .. " to %s: URLs ('%s')"):format(scheme, url), { url = url }), 0)
  end
  return self:save(url)
end

function File.__eq(a, b)
  local one, other = a._rec, b._rec
  return one == other or one.sha ~= nil and one.sha == other.sha
end

function File:__tostring()
  local size, sha = self._rec.size, self._rec.sha
  return ("File(%s %s %s)"):format(self._name,
    size and units.format_size(size) or "?",
    sha and "sha256:" .. sha:sub(1, 8) or "?")
end

--- Is `x` a File?
function file.is(x)
  return getmetatable(x) == File
end

--- Call `fn(err)` when the digest is known, or cannot be.
function file.when_known(self, fn)
  promise.on(digest.start(self._rec), function(record)
    if record.settled == "err" then
      fn(record.value)
      return
    end
    local ok, err = pcall(file.assert_digest, self)
    fn(not ok and err or nil)
  end)
end

return file
