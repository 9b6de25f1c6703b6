--- Giving allocs back: `free` is called once; again only after an error, or
-- when it has not answered in time.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"
local lease = require "neap.sched.lease"
local stages = require "neap.sched.stages"

local release = {}

local LIMIT = 10 -- seconds for one call of free
local TRIES = 5

-- Suspends. Returns true, or nil and the last error.
local function free(s, object)
  local ok, err
  for n = 1, TRIES do
    ok, err = call.within(s.clock, LIMIT, object, "free")
    if ok or err == nil or errors.is("NotExist", err) then
      return true
    end
    if n < TRIES then
      s.clock:sleep(10 * stages.pause(n, s.clock:random()))
    end
  end
  return nil, err
end

local function free_alloc(s, alloc)
  local ok, err = free(s, alloc.object)
  if not ok then
    alloc.err = alloc.err or err
    s:log("error", "alloc %s of cluster %s cannot be given back: %s",
      alloc.key, alloc.cluster, tostring(err))
  end
  alloc.freed = true
  s.freeing = s.freeing - 1
  if alloc.state == "draining" then
    s.core:released(alloc.number, s.clock:now_ns())
  end
  s:kick()
end

--- Give the alloc back, once, and tell the core. Returns at once.
function release.start(s, alloc)
  if alloc.releasing then
    return
  end
  alloc.releasing = true
  lease.stop(alloc)
  s.freeing = s.freeing + 1
  s:go(free_alloc, s, alloc)
end

--- The core has no alloc of that number any more; one that died is given back
-- all the same.
function release.over(s, alloc)
  s.allocs[alloc.number] = nil
  if alloc.object then
    release.start(s, alloc)
  end
end

local function free_stray(s, object)
  local ok, err = free(s, object)
  if not ok then
    s:log("error", "an alloc that came too late cannot be given back: %s",
      tostring(err))
  end
  s.freeing = s.freeing - 1
  s:kick()
end

--- An alloc came that nobody wants. Returns at once.
function release.stray(s, object)
  s.freeing = s.freeing + 1
  s:go(free_stray, s, object)
end

return release
