--- A request of a manual cluster: it waits until the spec answers it.

local errors = require "neap.sched.errors"
local faults = require "neap.testing.faults"

local request = {}

local Request = {}
Request.__index = Request

--- A request for what `allocate` of the cluster was asked.
-- Fields: min, width, count, index, shape, walltime, labels, as asked;
-- `cancelled`: it is no longer wanted; `answered`.
function request.new(cluster, req, labels, ctx)
  local self = setmetatable({
    cluster = cluster, min = req.min, width = req.width, count = req.count,
    index = req.index, shape = req.shape, walltime = req.walltime,
    labels = labels or {}, cancelled = false, answered = false,
    answer = cluster.clock:promise(), cancel = cluster.clock:promise(),
  }, Request)
  if ctx then
    ctx:on_cancel(function()
      self.cancelled = true
      self.cancel:resolve(true)
    end)
  end
  return self
end

--- Is it still to be answered, and wanted?
function Request:is_open()
  return not self.answered and not self.cancelled
end

--- Answer it with an alloc. One that was cancelled can still be granted, as by
-- a cluster that noticed too late.
-- @param alloc  of `cluster:alloc`, or whatever the spec wants to try
-- @return false when it was answered before
function Request:grant(alloc)
  if alloc == nil then
    errors.raise("grant needs an alloc; to refuse a request, use refuse")
  end
  self.answered = true
  return self.answer:resolve(alloc)
end

--- Answer it with an error.
-- @param err  an error, or the kind of one; default "Unavailable"
-- @return false when it was answered before
function Request:refuse(err)
  self.answered = true
  return self.answer:resolve(nil,
    faults.error("refuse", "the request", err or "Unavailable"))
end

--- Wait until it is no longer wanted. ⏸
-- @param timeout  default: for ever
-- @return true, or nil and an error of kind Timeout
function Request:wait_cancelled(timeout)
  return self.cancel:wait(timeout)
end

function Request:__tostring()
  local what = self.shape and "shape " .. self.shape or tostring(self.min)
  return ("request for %s, width %s%s"):format(what, tostring(self.width),
    self.answered and " (answered)" or self.cancelled and " (cancelled)" or "")
end

return request
