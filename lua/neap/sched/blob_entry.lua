--- What the built-in stores have in common: names, entries, snapshots.

local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"
local suggest = require "neap.suggest"

local blob_entry = {}

local known = { scheme = true, clock = true }

--- Options of a store; raises Invalid.
-- @param what  name of the constructor
function blob_entry.check_options(what, opts)
  if opts == nil then
    return {}
  elseif type(opts) ~= "table" then
    errors.raise("blob.%s: the options are a table, not a %s", what, type(opts))
  end
  for key in pairs(opts) do
    if not known[key] then
      errors.raise("unknown option '%s' of blob.%s%s", tostring(key), what,
        suggest.hint(key, known))
    end
  end
  return opts
end

--- The error of a key that is not there.
function blob_entry.missing(bucket, key)
  return nil, errors.new("NotExist", "there is no %s%s", bucket:location(), key)
end

--- Does an entry have the etag that somebody expects? nil and "": any.
-- @return true; or nil, Precondition
function blob_entry.check_etag(entry, etag)
  if etag == nil or etag == "" or etag == entry.etag then
    return true
  end
  return nil, errors.new("Precondition", "%s has the etag '%s', not '%s'",
    entry.source, tostring(entry.etag), tostring(etag))
end

--- Is data what its content hash says? nil: nobody said anything.
-- @param got  digest of the data
-- @return true; or nil, Integrity
function blob_entry.check_hash(source, got, content_hash)
  if content_hash == nil or content_hash == got then
    return true
  end
  return nil, errors.new("Integrity", "the data for %s has the digest %s;"
    .. " its content hash says %s", source, got, tostring(content_hash))
end

--- Arguments of `put`; raises Invalid.
-- @return content hash, or nil
function blob_entry.check_put(key, data, opts)
  if type(key) ~= "string" then
    errors.raise("put: the key is a text, not a %s", type(key))
  elseif type(data) ~= "string" then
    errors.raise("put of '%s': the data is a text, not a %s", key, type(data))
  elseif opts ~= nil and type(opts) ~= "table" then
    errors.raise("put of '%s': the options are a table such as"
      .. " { content_hash = digest }, not a %s", key, type(opts))
  end
  return opts and opts.content_hash
end

local function time_text(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

-- A reference to what an entry is, which remembers how it was.
local function reference(entry)
  local properties = { etag = entry.etag, size = ("%d"):format(entry.size) }
  if entry.last_modified then
    properties["last-modified"] = time_text(entry.last_modified)
  end
  return {
    source = entry.source, size = entry.size, etag = entry.etag,
    last_modified = entry.last_modified, content_hash = entry.content_hash,
    assertions = { {
      namespace = "blob", subject = entry.source, properties = properties,
    } },
  }
end

-- Keys that can be no paths are the world's fault.
local function build(map)
  local ok, result = pcall(fileset.new, map)
  if not ok then
    return nil, errors.from(result)
  end
  return result
end

--- References to what is in a bucket. ⏸
-- @param prefix  "" or ending in "/": all beneath it, by the rest of their
--                keys, without keys that end in "/"; else one key, as "."
-- @return fileset; or nil, err
function blob_entry.snapshot(bucket, prefix)
  local map = {}
  if prefix ~= "" and prefix:sub(-1) ~= "/" then
    local entry, err = bucket:file(prefix)
    if not entry then
      return nil, err
    end
    map["."] = reference(entry)
    return build(map)
  end
  local list, err = bucket:scan(prefix, true)
  if not list then
    return nil, err
  end
  for _, entry in ipairs(list) do
    if entry.key:sub(-1) ~= "/" then
      map[entry.key:sub(#prefix + 1)] = reference(entry)
    end
  end
  return build(map)
end

return blob_entry
