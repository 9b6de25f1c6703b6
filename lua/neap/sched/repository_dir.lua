--- Objects in a folder, the one that neap's engine and agents use:
--
--   ROOT/objects/ab/cdef…   mode 0444, 0555 if it was stored as executable
--   ROOT/tmp/               what is being written
--
-- An object is written elsewhere and renamed, so it is whole or absent. The
-- folders are made when something is stored. Methods that take hex digits are
-- for the other modules of this repository.

local args = require "neap.sched.repository_args"
local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local exchange = require "neap.sched.repository_exchange"
local file_bytes = require "neap.sched.file_bytes"
local flights = require "neap.sched.flights"
local fs = require "neap.sched.fs"
local names = require "neap.sched.repository_names"
local schemes = require "neap.sched.repository_schemes"
local tree = require "neap.sched.repository_tree"

local repository_dir = {}

local dir = {}
dir.__index = dir

local READ_ONLY, EXECUTABLE = 0x124, 0x16d -- 0444, 0555
local OLD_S = 24 * 60 * 60                 -- nobody will finish such a file

-- What killed writers have left. Errors do not matter: it is only space.
local function sweep(folder)
  for _, name in ipairs(fs.list(folder) or {}) do
    local path = folder .. "/" .. name
    local found = fs.lstat(path)
    if found and found.file and found.mtime < os.time() - OLD_S then
      fs.remove(path)
    end
  end
end

-- The end of one copy: without what only a repository that lasts needs. Its
-- clock is that of the other end.
local function at(root)
  return setmetatable({ root = root, url = "file://" .. root }, dir)
end

--- The repository in a folder.
-- @param path  the folder; it need not be there
-- @param opts  { source = function(digest) → URL or nil }: where an object also
--              lives in a blob store; { clock }: others run on it while a
--              large file is copied
function repository_dir.new(path, opts)
  path, opts = args.constructor("dir", "path", path, opts)
  if path == nil or path == "" then
    errors.raise("repository.dir: the path of a folder is needed")
  end
  local root, err = fs.absolute(path)
  if not root then
    error(err, 0)
  end
  sweep(root .. "/tmp")
  local repo = at(root)
  repo.clock, repo.source = opts.clock or clock.default(), opts.source
  repo.flights = flights.new(repo.clock)
  return repo
end

--- The file of an object, whether it is there or not.
-- @param hex  64 hex digits
function dir:path(hex)
  return ("%s/objects/%s/%s"):format(self.root, hex:sub(1, 2), hex:sub(3))
end

-- ---- looking --------------------------------------------------------------

-- The hex digits of an object that a name stands for.
local function resolve(self, name)
  local hex = names.hex(name)
  if #hex == 64 then
    return hex
  end
  local head, list = hex:sub(1, 2), {}
  for i, rest in ipairs(fs.list(self.root .. "/objects/" .. head) or {}) do
    list[i] = head .. rest
  end
  return names.pick(list, hex, self.url)
end

--- What fs.stat says of an object; or nil, err: NotExist …
function dir:look(hex)
  local found, err = fs.stat(self:path(hex))
  if found and found.file then
    return found
  elseif found or errors.is("NotExist", err) then
    err = names.missing(hex, self.url)
  end
  return nil, err
end

-- The object that a name stands for: its hex digits and what fs.stat says; or
-- nil, err.
local function find(self, name)
  local hex, err = resolve(self, name)
  if not hex then
    return nil, err
  end
  local found
  found, err = self:look(hex)
  if not found then
    return nil, err
  end
  return hex, found
end

--- What is known of an object.
-- @param name  its digest, which may be abbreviated
-- @return { id, size, source }, or nil, err: NotExist …
function dir:stat(name)
  local hex, found = find(self, name)
  if not hex then
    return nil, found
  end
  local id = "sha256:" .. hex
  return {
    id = id, size = found.size, source = self.source and self.source(id),
  }
end

--- The bytes of an object, by its digest, which may be abbreviated.
-- @return bytes; or nil, err: NotExist, Integrity if they are damaged
function dir:get(name)
  local hex, wrong = find(self, name)
  if not hex then
    return nil, wrong
  end
  local data, err = file_bytes.read(self:path(hex))
  if not data then
    return nil, err
  end
  local got = digest.of(data)
  if got ~= "sha256:" .. hex then
    return nil, names.damaged(hex, self.url, got, #data)
  end
  return data
end

-- ---- storing --------------------------------------------------------------

--- A name for a file in ROOT/tmp; the folder is there afterwards.
function dir:temp()
  local folder = self.root .. "/tmp"
  local ok, err = fs.mkdirs(folder)
  if not ok then
    return nil, err
  end
  return folder .. "/" .. fs.unique()
end

--- Make a finished file of ours the object. It has no other name afterwards.
function dir:install(temp, hex, executable)
  local path = self:path(hex)
  local ok, err = fs.chmod(temp, executable and EXECUTABLE or READ_ONLY)
  if ok then
    ok, err = fs.mkdirs(path:match("^(.*)/"))
  end
  if ok then
    ok, err = fs.rename(temp, path)
  end
  if not ok then
    fs.remove(temp)
    return nil, err
  end
  return true
end

--- Is the object there, with this size? One of another size is a torn write.
-- @param executable  make it so if it is not
function dir:has(hex, size, executable)
  local found = self:look(hex)
  if not found or found.size ~= size then
    return false
  end
  if executable and not found.executable then
    fs.chmod(self:path(hex), EXECUTABLE)
  end
  return true
end

local function put_bytes(self, data)
  local id = digest.of(data)
  local hex = id:sub(8)
  if self:has(hex, #data) then
    return id
  end
  local temp, err = self:temp()
  if not temp then
    return nil, err
  end
  local ok
  ok, err = file_bytes.write(temp, data)
  if ok then
    ok, err = self:install(temp, hex)
  end
  return ok and id, err
end

--- Copy a file to be an object. ⏸
-- @param hex  what it must be; nil: anything
-- @return digest; or nil, err: Integrity if it is something else
function dir:take(path, hex, executable)
  local temp, err = self:temp()
  if not temp then
    return nil, err
  end
  local id, size = file_bytes.copy(self.clock, path, temp)
  if not id then
    return nil, size
  elseif hex and id ~= "sha256:" .. hex then
    fs.remove(temp)
    return nil, names.damaged(hex, path, id, size)
  end
  if self:has(id:sub(8), size, executable) then
    fs.remove(temp)
    return id
  end
  local ok
  ok, err = self:install(temp, id:sub(8), executable)
  return ok and id, err
end

--- Store bytes, or the file `{ path = p }`; that one ⏸.
-- @return digest; or nil, err
function dir:put(data)
  local bytes, path = args.data(data)
  if bytes then
    return put_bytes(self, bytes)
  end
  local found, err = fs.stat(path)
  if not found then
    return nil, err
  elseif not found.file then
    return nil, errors.new("Invalid", "'%s' is no regular file", path)
  end
  return self:take(path, nil, found.executable)
end

dir.write_to, dir.read_from = exchange.write_to, exchange.read_from
dir.scan, dir.collect, dir.materialize = tree.scan, tree.collect,
  tree.materialize

--- Move all objects of another repository of this kind here: see
-- `repository_tree.vacuum`. ⏸
function dir:vacuum(other)
  if getmetatable(other) ~= dir then
    errors.raise("vacuum: the other repository must be one of repository.dir,"
      .. " not a %s", type(other))
  elseif other.root == self.root then
    errors.raise("vacuum: %s cannot be emptied into itself", self.url)
  end
  return tree.vacuum(self, other)
end

local function path_of(url)
  local path = url:match("^file://(/.*)$")
  if not path then
    return nil, errors.new("Invalid", "'%s' is no folder: write"
      .. " file:///path", url)
  end
  return path
end

schemes.register("file", function(url)
  local path, err = path_of(url)
  return path and repository_dir.new(path), err
end, function(url)
  local path, err = path_of(url)
  return path and at(fs.absolute(path)), err
end)

return repository_dir
