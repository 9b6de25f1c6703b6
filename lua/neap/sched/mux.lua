--- Blob stores by the scheme of their URLs.
--
-- A URL is `scheme://bucket/key`: the key is everything after the bucket, so
-- "#", "?" and spaces belong to it. What stores raise is returned as Fatal.

local ask = require "neap.sched.ask"
local blob = require "neap.sched.blob"
local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"

local mux = {}

local Mux = {}
Mux.__index = Mux

--- A mux.
-- @param stores  scheme → store: built in, or a table with `bucket(name)`
function mux.new(stores)
  if type(stores) ~= "table" then
    errors.raise("mux: the stores are a table, scheme -> store, not a %s",
      type(stores))
  end
  local own = {}
  for scheme, store in pairs(stores) do
    blob.check(scheme, store)
    own[scheme] = store
  end
  return setmetatable({ stores = own }, Mux)
end

--- The mux of the stores given to `blob.register`, before and after this call.
function mux.default()
  return setmetatable({ stores = blob.registered }, Mux)
end

-- ---- URLs -----------------------------------------------------------------

local function known(stores)
  local list = {}
  for scheme in pairs(stores) do
    list[#list + 1] = scheme
  end
  table.sort(list)
  return #list > 0 and "there are stores for " .. table.concat(list, ", ")
    or "there is no store at all"
end

local function split(url)
  if type(url) ~= "string" then
    errors.raise("the URL of a blob is a text, not a %s", type(url))
  end
  local scheme, name, key = url:match("^(%a[%w+.-]*)://([^/]*)/?(.*)$")
  if not scheme then
    return nil, errors.new("Invalid", "'%s' is no URL of a blob; write"
      .. " scheme://bucket/key", url)
  end
  return scheme, name, key
end

--- The bucket of a URL, and the key in it. ⏸ if the store's `bucket` is.
-- @return bucket, key, scheme; or nil, err: NotSupported if there is no store
--   for the scheme, Invalid if the text is no URL
function Mux:bucket(url)
  local scheme, name, key = split(url)
  if not scheme then
    return nil, name
  end
  local store = self.stores[scheme]
  if not store then
    return nil, errors.new("NotSupported", "no store for %s: %s%s", url,
      known(self.stores), suggest.hint(scheme, self.stores))
  end
  local bucket, err = ask(store, "bucket", name)
  if not bucket then
    return nil, err
  end
  return bucket, key, scheme
end

--- Where a URL is stored, "scheme://bucket/": what limits of copies count by.
-- @return text; or nil, Invalid
function mux.location(url)
  local scheme, name = split(url)
  if not scheme then
    return nil, name
  end
  return ("%s://%s/"):format(scheme, name)
end

-- ---- one URL --------------------------------------------------------------

-- An entry knows its URL, whoever wrote the store.
local function with_source(entry, location)
  if type(entry) == "table" and entry.source == nil and entry.key then
    entry.source = location .. entry.key
  end
  return entry
end

--- @return entry { key, size, source, etag, last_modified, content_hash }; or
--   nil, err: NotExist … ⏸
function Mux:file(url)
  local bucket, key = self:bucket(url)
  if not bucket then
    return nil, key
  end
  local entry, err = ask(bucket, "file", key)
  return entry and with_source(entry, mux.location(url)), err
end

--- The entries whose URLs begin with `url`, in the order of keys. ⏸
-- @param with_metadata  with content hashes, as far as the store has them
function Mux:scan(url, with_metadata)
  local bucket, key = self:bucket(url)
  if not bucket then
    return nil, key
  end
  local list, err = ask(bucket, "scan", key, with_metadata)
  if not list then
    return nil, err
  end
  local location = mux.location(url)
  for _, entry in ipairs(list) do
    with_source(entry, location)
  end
  return list
end

--- @param etag  what the entry's must be, else Precondition; nil or "": any
-- @return data, entry; or nil, err ⏸
function Mux:get(url, etag)
  local bucket, key = self:bucket(url)
  if not bucket then
    return nil, key
  end
  return ask(bucket, "get", key, etag)
end

--- @param opts  { content_hash = digest of the data }
-- @return entry; or nil, err ⏸
function Mux:put(url, data, opts)
  local bucket, key = self:bucket(url)
  if not bucket then
    return nil, key
  end
  return ask(bucket, "put", key, data, opts)
end

--- References to what is there: a URL that ends in "/" is a folder, any other
-- one blob, as ".". ⏸
-- @return fileset; or nil, err
function Mux:snapshot(url)
  local bucket, key = self:bucket(url)
  if not bucket then
    return nil, key
  end
  return ask(bucket, "snapshot", key)
end

--- Remove blobs. ⏸
-- @return true; or nil and the error of the first that could not be
function Mux:delete(...)
  for i = 1, select("#", ...) do
    local bucket, key = self:bucket((select(i, ...)))
    if not bucket then
      return nil, key
    end
    local ok, err = ask(bucket, "delete", key)
    if not ok then
      return nil, err
    end
  end
  return true
end

-- ---- two URLs -------------------------------------------------------------

local function both(self, dst_url, src_url)
  local dst, dst_key, dst_scheme = self:bucket(dst_url)
  if not dst then
    return nil, dst_key
  end
  local src, src_key, src_scheme = self:bucket(src_url)
  if not src then
    return nil, src_key
  elseif dst_scheme ~= src_scheme or getmetatable(dst) ~= getmetatable(src) then
    return nil, errors.new("NotSupported", "the stores of %s and %s are of"
      .. " different kinds, no copy from one to the other", src_url, dst_url)
  elseif dst.copy_from == nil then
    return nil, errors.new("NotSupported", "the store of %s cannot copy from"
      .. " bucket to bucket", dst_url)
  end
  return dst, src, dst_key, src_key
end

--- Could `transfer` do this, as far as can be told without trying? ⏸
-- @return true; or false, err: NotSupported …
function Mux:can_transfer(dst_url, src_url)
  local ok, err = both(self, dst_url, src_url)
  if not ok then
    return false, err
  end
  return true
end

--- Copy within a store; the data does not pass through here. ⏸
-- @return what the bucket's `copy_from` returns; or nil, err
function Mux:transfer(dst_url, src_url)
  local dst, src, dst_key, src_key = both(self, dst_url, src_url)
  if not dst then
    return nil, src
  end
  return ask(dst, "copy_from", src, src_key, dst_key)
end

-- The content hash of a file, asked for if it does not say.
-- → digest or nil; or nil, err
local function content_hash(self, file)
  if file.id or file.content_hash then
    return file.id or file.content_hash
  end
  local entry, err = self:file(file.source)
  return entry and entry.content_hash, err
end

local function differ_in_size(a, b)
  return a.size and b.size and a.size > 0 and b.size > 0 and a.size ~= b.size
end

local function same_etag(a, b)
  return a.etag ~= nil and a.etag ~= "" and a.etag == b.etag
end

--- Must `src_file` be copied to where `dst_file` is? ⏸
-- Sizes and etags decide if they can; other etags prove nothing, then content
-- hashes are compared.
-- @param dst_file, src_file  references: { source, size, etag, content_hash }
-- @return boolean; or nil and the error of asking for a content hash
function Mux:need_transfer(dst_file, src_file)
  if type(dst_file) ~= "table" or type(src_file) ~= "table" then
    errors.raise("need_transfer: two files are needed, not a %s and a %s",
      type(dst_file), type(src_file))
  elseif differ_in_size(dst_file, src_file) then
    return true
  elseif same_etag(dst_file, src_file) then
    return false
  end
  local there, err = content_hash(self, dst_file)
  if err then
    return nil, err
  end
  local here
  here, err = content_hash(self, src_file)
  if err then
    return nil, err
  end
  return there == nil or here == nil or there ~= here
end

return setmetatable(mux, {
  __call = function(_, stores) return mux.new(stores) end,
})
