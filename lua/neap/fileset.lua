--- Filesets: Files by relative path.

local check = require "neap.check"
local core = require "neap.core"
local digest = require "neap.digest"
local errors = require "neap.errors"
local file = require "neap.file"
local fnmatch = require "neap.fnmatch"
local units = require "neap.units"

local fileset = {}

local Fileset, properties = {}, {}
fileset.Fileset = Fileset

function Fileset.__index(self, key)
  local property = properties[key]
  if property then
    return property(self)
  end
  return Fileset[key]
end

function Fileset.__newindex(_, key)
  errors.raise("E_SPEC", ("a Fileset is a value: '%s' cannot be set"):format(
    tostring(key)), { field = key })
end

local function new(name, map)
  local paths = {}
  for path in pairs(map) do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  return setmetatable({ _name = name, _map = map, _paths = paths }, Fileset)
end

--- Is `path` clean and relative: no "", ".", ".." in it?
function fileset.place_ok(path)
  if path == "" or #path > 4096 or path:sub(1, 1) == "/"
    or path:find("%z") then
    return false
  end
  for part in (path .. "/"):gmatch("(.-)/") do
    if part == "" or part == "." or part == ".." then
      return false
    end
  end
  return true
end

--- neap.fileset(map)
function fileset.fileset(map)
  check.type(map, "table", "the map of neap.fileset")
  local copy = {}
  for path, member in pairs(map) do
    if type(path) ~= "string" or not fileset.place_ok(path) then
      check.fail(tostring(path), "%s is no relative path without '.' and '..'",
        check.show(path))
    elseif not file.is(member) then
      check.fail(path, "'%s' of neap.fileset must be a File, not %s", path,
        check.show(member))
    end
    copy[path] = member
  end
  return new("fileset", copy)
end

local function hidden(path)
  return path:find("^%.") ~= nil or path:find("/.", 1, true) ~= nil
end

local function matchers(list)
  local out = {}
  for i, glob in ipairs(list) do
    out[i] = fnmatch.compile(check.text(glob, "a pattern of exclude"))
  end
  return function(path)
    for _, matches in ipairs(out) do
      if matches(path) then
        return true
      end
    end
    return false
  end
end

--- neap.dir(path_or_url, opts)
function fileset.dir(place, opts)
  check.text(place, "the path of neap.dir")
  opts = check.opts(opts, { glob = true, exclude = true, hidden = true },
    "neap.dir")
  local path = file.local_path(place, "the path of neap.dir")
  local stat = core.stat(path)
  if not stat or stat.type ~= "dir" then
    errors.raise("E_NOENT", ("there is no directory '%s'"):format(path),
      { path = path })
  end
  local wanted = fnmatch.compile(check.text(opts.glob or "**", "glob"))
  local exclude = type(opts.exclude) == "string" and { opts.exclude }
    or check.list(opts.exclude or {}, "exclude", "exclude")
  local unwanted = matchers(exclude)
  local entries, message = core.walk(path)
  if not entries then
    errors.raise("E_NOENT", ("neap.dir '%s': %s"):format(path, message),
      { path = path })
  end
  local map, root = {}, path:gsub("/+$", "") .. "/"
  for _, entry in ipairs(entries) do
    local rel = entry.path
    if entry.type ~= "dir" and wanted(rel) and not unwanted(rel)
      and (opts.hidden or not hidden(rel)) then
      map[rel] = file.listed(root .. rel, rel:match("[^/]+$"))
    end
  end
  return new(path:match("([^/]+)/*$") or "root", map)
end

--- The Fileset of objects: list of FILE with path.
function fileset.of_objects(name, objects)
  local map = {}
  for _, object in ipairs(objects) do
    map[object.path] = file.of_object(object, object.path:match("[^/]+$"))
  end
  return new(name, map)
end

--- fs:files() → list of File, sorted by path
function Fileset:files()
  local files = {}
  for i, path in ipairs(self._paths) do
    files[i] = self._map[path]
  end
  return files
end

--- fs:paths() → sorted list
function Fileset:paths()
  return { unpack(self._paths) }
end

--- fs:get(path) → File or nil
function Fileset:get(path)
  return self._map[path]
end

--- fs:glob(pattern) → list of File, sorted by path
function Fileset:glob(pattern)
  local matches, files = fnmatch.compile(check.text(pattern, "pattern")), {}
  for _, path in ipairs(self._paths) do
    if matches(path) then
      files[#files + 1] = self._map[path]
    end
  end
  return files
end

--- fs:count() → number of files
function Fileset:count()
  return #self._paths
end

--- fs:exists() → are all files there?
function Fileset:exists()
  for _, member in pairs(self._map) do
    if not member:exists() then
      return false
    end
  end
  return true
end

--- fs:save(dir): all files below dir. → dir ⏸
function Fileset:save(dir)
  check.text(dir, "the destination of save")
  local root = file.local_path(dir, "the destination of save")
  root = root:gsub("(.)/+$", "%1")
  local ok, message = core.mkdirs(root)
  if ok == nil then
    error(errors.new("E_TRANSFER", ("cannot make '%s': %s"):format(root,
      message), { url = root }), 0)
  end
  for _, path in ipairs(self._paths) do
    self._map[path]:save(root .. "/" .. path)
  end
  return root
end

Fileset.publish = function(self, url)
  local scheme = type(url) == "string" and url:match("^(%a[%w+.%-]*)://")
  if scheme and scheme ~= "file" then
    error(errors.new("E_TRANSFER", ("not supported by this version: publishing"
      .. " to %s: URLs ('%s')"):format(scheme, url), { url = url }), 0)
  end
  return self:save(url)
end

function properties.name(self)
  return self._name
end

function properties.size(self)
  local total = 0
  for _, member in pairs(self._map) do
    total = total + member.size
  end
  return total
end

-- The digest of a Fileset is that of its listing, a line per file.
function properties.digest(self)
  if not self._listing then
    local lines = {}
    for i, path in ipairs(self._paths) do
      local member = self._map[path]
      lines[i] = ("%s %s\n"):format(member.digest, path)
    end
    rawset(self, "_listing", digest.of_text(table.concat(lines)))
  end
  return "sha256:" .. digest.wait(self._listing).sha
end

function Fileset.__eq(a, b)
  if #a._paths ~= #b._paths then
    return false
  end
  for path, member in pairs(a._map) do
    if member ~= b._map[path] then
      return false
    end
  end
  return true
end

function Fileset:__tostring()
  local total = 0
  for _, member in pairs(self._map) do
    total = total + (member._rec.size or 0)
  end
  return ("Fileset(%s %d files %s)"):format(self._name, #self._paths,
    units.format_size(total))
end

--- Is `x` a Fileset?
function fileset.is(x)
  return getmetatable(x) == Fileset
end

return fileset
