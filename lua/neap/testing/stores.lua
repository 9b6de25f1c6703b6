--- Repositories and blob stores that fail on demand.

local clocks = require "neap.sched.clock"
local faults = require "neap.testing.faults"

local stores = {}

--- Any object, with a switch in front of each of its methods.
-- @param inner  the object that does the work
-- @param opts   clock: for calls that hang, default the one made last
function stores.faulty(inner, opts)
  return faults.proxy(inner, opts and opts.clock or clocks.default())
end

-- What a store and its buckets can be told to do wrong.
local names = {
  bucket = true, location = true, file = true, scan = true, get = true,
  put = true, snapshot = true, copy = true, copy_from = true, delete = true,
}

local function can_fail(name)
  return names[name] == true
end

-- A bucket that misbehaves as its store is told to.
local function faulty_bucket(store, inner)
  local bucket = faults.proxy(inner, store.clock)
  bucket.can_fail, bucket.failing = can_fail, names
  bucket.faults, bucket.counts, bucket.hung = store.faults, store.counts,
    store.hung
  return bucket
end

--- A blob store whose buckets fail together: what is told to the store
-- (`store:fail("get", "Net", 2)`) happens in whichever bucket is called next.
-- @param inner  blob store that does the work
-- @param opts   as of `faulty`
function stores.blob(inner, opts)
  local store = stores.faulty(inner, opts)
  local open, buckets = store.bucket, {}
  store.can_fail, store.failing = can_fail, names
  store.bucket = function(self, name)
    local bucket, err = open(self, name)
    if not bucket then
      return nil, err
    end
    if not buckets[name] or buckets[name].inner ~= bucket then
      buckets[name] = faulty_bucket(self, bucket)
    end
    return buckets[name]
  end
  return store
end

return stores
