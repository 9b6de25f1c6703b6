--- A blob store in a folder: ROOT/bucket/key.
--
-- The bucket without a name is ROOT itself, so that `blob.file "/"` serves the
-- usual URLs, file:///path/to/file. Files are written elsewhere and renamed.
-- Links to files are followed, links to folders only when a key goes through
-- one: a scan stays in the tree.

local blob_entry = require "neap.sched.blob_entry"
local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local file_bytes = require "neap.sched.file_bytes"
local file_hashes = require "neap.sched.file_hashes"
local folder_walk = require "neap.sched.folder_walk"
local fs = require "neap.sched.fs"

local blob_file = {}

local Store = {}
Store.__index = Store

local Bucket = {}
Bucket.__index = Bucket

local TEMP = ".neap-" -- how names of files begin that are being written

--- The store in a folder.
-- @param root  the folder; what is missing is made when something is put
-- @param opts  scheme: how its URLs begin; default: that of the first mux it
--              is given to; clock: others run on it while a large file is read
function blob_file.new(root, opts)
  if type(root) ~= "string" or root == "" then
    errors.raise("blob.file: the path of a folder is needed, not %s",
      root == "" and "''" or "a " .. type(root))
  end
  opts = blob_entry.check_options("file", opts)
  local path, err = fs.absolute(root)
  if not path then
    error(err, 0)
  end
  local time = opts.clock or clock.default()
  return setmetatable({
    root = path == "/" and "" or path, scheme = opts.scheme, clock = time,
    hashes = file_hashes.new(time),
  }, Store)
end

--- Called by a mux: the scheme under which it knows the store.
function Store:adopt(scheme)
  self.scheme = self.scheme or scheme
end

--- @param name  of a folder in the root; "": the root itself
-- @return bucket; or nil, Invalid
function Store:bucket(name)
  if type(name) ~= "string" or name:find("[/%z]") or name == "."
    or name == ".." then
    return nil, errors.new("Invalid", "'%s' is no name of a bucket: it is the"
      .. " name of a folder", tostring(name))
  end
  return setmetatable({
    store = self, name = name,
    folder = name == "" and self.root or self.root .. "/" .. name,
  }, Bucket)
end

--- "scheme://name/"
function Bucket:location()
  return ("%s://%s/"):format(self.store.scheme or "file", self.name)
end

-- ---- looking --------------------------------------------------------------

local function bad_part(part)
  return part == "" or part == "." or part == ".."
end

-- The file of a key; nil, Invalid if there can be none.
local function path_of(bucket, key)
  local bad = type(key) ~= "string" or key == "" or key:find("%z")
  if not bad then
    for part in (key .. "/"):gmatch("(.-)/") do
      bad = bad or bad_part(part) or part:sub(1, #TEMP) == TEMP
    end
  end
  if bad then
    return nil, errors.new("Invalid", "'%s' is no key of a store in a folder:"
      .. " it must be a path without empty parts, '.' and '..'", tostring(key))
  end
  return bucket.folder .. "/" .. key
end

-- Any change of the file changes it: a new file has another number, and one
-- that is written to gets another time.
local function etag_of(found)
  return ("%x-%x-%x.%09d-%x"):format(found.dev, found.ino, found.mtime,
    found.mtime_ns, found.size)
end

local function describe(bucket, key, found, hash)
  return {
    key = key, size = found.size, source = bucket:location() .. key,
    etag = etag_of(found), last_modified = found.mtime + found.mtime_ns / 1e9,
    content_hash = hash,
  }
end

-- → path, what fs.stat says; or nil, err
local function find(bucket, key)
  local path, err = path_of(bucket, key)
  if not path then
    return nil, err
  end
  local found
  found, err = fs.stat(path)
  if found and found.file then
    return path, found
  elseif found or errors.is("NotExist", err) then
    return blob_entry.missing(bucket, key)
  end
  return nil, err
end

--- What a key holds. The content hash is made by reading the file, unless that
-- was done before. ⏸
-- @return entry { key, size, source, etag, last_modified, content_hash }; or
--   nil, err: NotExist …
function Bucket:file(key)
  local path, found = find(self, key)
  if not path then
    return nil, found
  end
  local hash, err = self.store.hashes:of(path, found)
  if not hash then
    return nil, err
  end
  return describe(self, key, found, hash)
end

--- @param prefix         beginning of keys; nil or "": all
-- @param with_metadata  with content hashes: every file is read, see `file`
-- @return list of entries, in the order of keys; or nil, err ⏸
function Bucket:scan(prefix, with_metadata)
  prefix = prefix or ""
  local list, err = folder_walk(self.folder, prefix, TEMP)
  if not list then
    return nil, err
  end
  for i, item in ipairs(list) do
    local hash = nil
    if with_metadata then
      hash, err = self.store.hashes:of(item.path, item.found)
      if not hash then
        return nil, err
      end
    end
    list[i] = describe(self, item.key, item.found, hash)
  end
  return list
end

--- @param etag  what the entry's must be; nil or "": any
-- @return data, entry; or nil, err: NotExist, Precondition, Temporary if the
--   file changed while it was read
function Bucket:get(key, etag)
  local path, found = find(self, key)
  if not path then
    return nil, found
  end
  local entry = describe(self, key, found)
  local ok, err = blob_entry.check_etag(entry, etag)
  local data
  if ok then
    data, err = file_bytes.read(path)
  end
  if not data then
    return nil, err
  end
  local now = fs.stat(path)
  if not now or etag_of(now) ~= entry.etag or #data ~= entry.size then
    return nil, errors.new("Temporary", "%s changed while it was read",
      entry.source)
  end
  return data, entry
end

-- ---- changing -------------------------------------------------------------

-- Fill a new file by `fill(temp)` → digest (or nil, err) and give it its name.
-- ⏸ if `fill` is.
local function write(bucket, key, content_hash, fill)
  local path, err = path_of(bucket, key)
  if not path then
    return nil, err
  end
  local folder = path:match("^(.*)/")
  local temp = folder .. "/" .. TEMP .. fs.unique()
  local ok, hash
  ok, err = fs.mkdirs(folder == "" and "/" or folder)
  if ok then
    hash, err = fill(temp)
  end
  if not hash then
    return nil, err
  end
  ok, err = blob_entry.check_hash(bucket:location() .. key, hash, content_hash)
  if ok then
    ok, err = fs.rename(temp, path)
  end
  if not ok then
    fs.remove(temp)
    return nil, err
  end
  local found
  found, err = fs.stat(path)
  return found and describe(bucket, key, found, hash), err
end

--- @param opts  { content_hash = digest that the data must have }
-- @return entry; or nil, err: Integrity, Invalid if there can be no such file
function Bucket:put(key, data, opts)
  local content_hash = blob_entry.check_put(key, data, opts)
  return write(self, key, content_hash, function(temp)
    local ok, err = file_bytes.write(temp, data)
    return ok and digest.of(data), err
  end)
end

--- References to what is there now: see `blob_entry.snapshot`. ⏸
function Bucket:snapshot(prefix)
  return blob_entry.snapshot(self, prefix or "")
end

local function copy(from, src_key, to, dst_key, content_hash)
  local path, err = find(from, src_key)
  if not path then
    return nil, err
  end
  return write(to, dst_key, content_hash, function(temp)
    return file_bytes.copy(to.store.clock, path, temp)
  end)
end

--- Copy within the bucket. `content_hash` is checked, as by `put`. ⏸
-- @return entry; or nil, err
function Bucket:copy(src_key, dst_key, content_hash)
  return copy(self, src_key, self, dst_key, content_hash)
end

--- Copy from a bucket of this kind. ⏸
-- @return entry; or nil, err: NotSupported if it is of another kind
function Bucket:copy_from(bucket, src_key, dst_key)
  if getmetatable(bucket) ~= Bucket then
    return nil, errors.new("NotSupported", "%s copies only from buckets in"
      .. " folders", self:location())
  end
  return copy(bucket, src_key, self, dst_key)
end

--- Remove keys; those that are not there are none the less gone. Folders stay.
-- @return true; or nil and the error of the first that cannot be removed
function Bucket:delete(...)
  for i = 1, select("#", ...) do
    local path, err = path_of(self, (select(i, ...)))
    local ok = false
    if path then
      ok, err = fs.remove(path)
    end
    if not ok and not errors.is("NotExist", err) then
      return nil, err
    end
  end
  return true
end

return blob_file
