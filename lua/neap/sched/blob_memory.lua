--- A blob store in memory.
--
-- The etag of an entry comes from its data, so equal data has equal etags. The
-- content hash of every entry is known.

local blob_entry = require "neap.sched.blob_entry"
local clock = require "neap.sched.clock"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"

local blob_memory = {}

local Store = {}
Store.__index = Store

local Bucket = {}
Bucket.__index = Bucket

--- An empty store. A bucket is there as soon as somebody names it.
-- @param opts  scheme: how its URLs begin; default: that of the first mux it
--              is given to; clock: whose time `last_modified` is
function blob_memory.new(opts)
  opts = blob_entry.check_options("memory", opts)
  return setmetatable({
    scheme = opts.scheme, clock = opts.clock or clock.default(), buckets = {},
  }, Store)
end

--- Called by a mux: the scheme under which it knows the store.
function Store:adopt(scheme)
  self.scheme = self.scheme or scheme
end

--- @param name  any text without "/"
-- @return bucket; or nil, Invalid
function Store:bucket(name)
  local bucket = self.buckets[name]
  if bucket then
    return bucket
  elseif type(name) ~= "string" or name == "" or name:find("/", 1, true) then
    return nil, errors.new("Invalid", "'%s' is no name of a bucket: it is a"
      .. " text without '/'", tostring(name))
  end
  bucket = setmetatable({ store = self, name = name, entries = {} }, Bucket)
  self.buckets[name] = bucket
  return bucket
end

--- "scheme://name/"
function Bucket:location()
  return ("%s://%s/"):format(self.store.scheme or "memory", self.name)
end

local function describe(bucket, key, blob, with_metadata)
  return {
    key = key, size = #blob.data, source = bucket:location() .. key,
    etag = blob.hash:sub(8, 39), last_modified = blob.last_modified,
    content_hash = with_metadata and blob.hash or nil,
  }
end

--- @return entry { key, size, source, etag, last_modified, content_hash }; or
--   nil, NotExist
function Bucket:file(key)
  local blob = self.entries[key]
  if not blob then
    return blob_entry.missing(self, key)
  end
  return describe(self, key, blob, true)
end

--- @param prefix         beginning of keys; nil or "": all
-- @param with_metadata  with content hashes
-- @return list of entries, in the order of keys
function Bucket:scan(prefix, with_metadata)
  prefix = prefix or ""
  local keys, list = {}, {}
  for key in pairs(self.entries) do
    if key:sub(1, #prefix) == prefix then
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    list[i] = describe(self, key, self.entries[key], with_metadata)
  end
  return list
end

--- @param etag  what the entry's must be; nil or "": any
-- @return data, entry; or nil, err: NotExist, Precondition
function Bucket:get(key, etag)
  local blob = self.entries[key]
  if not blob then
    return blob_entry.missing(self, key)
  end
  local entry = describe(self, key, blob, true)
  local ok, err = blob_entry.check_etag(entry, etag)
  if not ok then
    return nil, err
  end
  return blob.data, entry
end

local function store(bucket, key, data, hash)
  local blob = {
    data = data, hash = hash, last_modified = bucket.store.clock:now(),
  }
  bucket.entries[key] = blob
  return describe(bucket, key, blob, true)
end

--- @param opts  { content_hash = digest that the data must have }
-- @return entry; or nil, err: Integrity
function Bucket:put(key, data, opts)
  local content_hash = blob_entry.check_put(key, data, opts)
  local hash = digest.of(data)
  local ok, err = blob_entry.check_hash(self:location() .. key, hash,
    content_hash)
  if not ok then
    return nil, err
  end
  return store(self, key, data, hash)
end

--- References to what is there now: see `blob_entry.snapshot`.
function Bucket:snapshot(prefix)
  return blob_entry.snapshot(self, prefix or "")
end

--- Copy within the bucket. `content_hash` is checked, as by `put`.
-- @return entry; or nil, err
function Bucket:copy(src_key, dst_key, content_hash)
  local blob = self.entries[src_key]
  if not blob then
    return blob_entry.missing(self, src_key)
  end
  local ok, err = blob_entry.check_hash(self:location() .. dst_key, blob.hash,
    content_hash)
  if not ok then
    return nil, err
  end
  return store(self, dst_key, blob.data, blob.hash)
end

--- Copy from another bucket in memory.
-- @return entry; or nil, err: NotSupported if it is of another kind
function Bucket:copy_from(bucket, src_key, dst_key)
  if getmetatable(bucket) ~= Bucket then
    return nil, errors.new("NotSupported", "%s copies only from buckets in"
      .. " memory", self:location())
  end
  local blob = bucket.entries[src_key]
  if not blob then
    return blob_entry.missing(bucket, src_key)
  end
  return store(self, dst_key, blob.data, blob.hash)
end

--- Remove keys; those that are not there are none the less gone.
function Bucket:delete(...)
  for i = 1, select("#", ...) do
    self.entries[select(i, ...)] = nil
  end
  return true
end

return blob_memory
