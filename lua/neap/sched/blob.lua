--- Blob stores: buckets of data under keys, reached by URL through a mux.

local blob = {}

local errors = require "neap.sched.errors"
local blob_file = require "neap.sched.blob_file"
local blob_memory = require "neap.sched.blob_memory"

-- Scheme → store, of the default mux.
local registered = {}

--- A store in memory; see `blob_memory`.
blob.memory = blob_memory.new

--- A store in a folder; see `blob_file`.
blob.file = blob_file.new

--- The stores that were registered: scheme → store. Not to be changed.
blob.registered = registered

--- Let the default mux serve a scheme.
-- @param scheme  "s3", … without "://"; one that is registered again gets the
--                new store
-- @param store   a table with `bucket(name)` (see docs/sched-data.md)
function blob.register(scheme, store)
  blob.check(scheme, store)
  registered[scheme] = store
end

--- Raise Invalid unless this is a scheme with a store.
function blob.check(scheme, store)
  if type(scheme) ~= "string" or not scheme:find("^%a[%w+.-]*$") then
    errors.raise("the scheme of a blob store is a word such as 's3', not %s",
      tostring(scheme))
  elseif type(store) ~= "table" or type(store.bucket) ~= "function" then
    errors.raise("the store of scheme '%s' must be a table with a method"
      .. " bucket(name)%s", scheme, type(store) == "table" and ""
      or ", not a " .. type(store))
  end
  -- A built-in store is called what it is first known as.
  if store.adopt then
    store:adopt(scheme)
  end
end

return blob
