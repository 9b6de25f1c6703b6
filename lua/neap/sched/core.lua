--- The scheduler's core: which task goes to which alloc, which allocs to ask
-- for and which to give back.
--
-- A thin face of the C core that the engine has too (lib/neap/sched_core.so).
-- Calls are plain FFI calls, and nothing calls back: what the core wants is a
-- list of operations that `take` gives. Times are whole nanoseconds, amounts
-- are `resources`, tasks are handles, allocs the core's numbers.

local core_amounts = require "neap.sched.core_amounts"
local core_lib = require "neap.sched.core_lib"
local ffi = require "ffi"

local core = {}

local lib = core_lib.lib
local huge = math.huge

for name, number in pairs(core_lib.constants) do
  core[name] = number
end

local Core = {}
Core.__index = Core

local function no_task(handle)
  error(("the core has no task with the handle %s, or it was submitted before")
    :format(tostring(handle)), 3)
end

local limit_names = {
  max_pending = true, max_idle_ns = true, drain_ns = true,
  max_attempts = true, backfill_age_ns = true, policy_ns = true,
}

--- A core.
-- @param options  limits as for `set_limits`, and
--   seed: a whole number, for the jitter of back-off; default 0
function core.new(options)
  local page = ffi.gc(lib.neap_face_create(core_lib.lua_path,
    options.seed or 0), lib.neap_face_destroy)
  local self = setmetatable({
    page = page, amounts = core_amounts.new(page, lib),
    limits = ffi.new "struct neap_face_limits",
    handles = ffi.new("int32_t[?]", 64), cap = 64,
  }, Core)
  lib.neap_face_get_limits(page, self.limits)
  self:set_limits(options)
  return self
end

--- End it, with all tasks and allocs. Twice is fine; no other call follows.
function Core:close()
  if self.page then
    ffi.gc(self.page, nil)
    lib.neap_face_destroy(self.page)
    self.page = nil
  end
end

--- Change limits, from the next round on; those not given stay.
-- @param limits  max_pending: requests under way (5)
--   max_idle_ns: an alloc without tasks is given back then (5 min)
--   drain_ns: tasks are collected so long before allocs are asked for (50 ms)
--   max_attempts: the loss that ends a task with TooManyTries (10)
--   backfill_age_ns: who has waited so long gets an alloc cleared (10 min)
--   policy_ns: real time after which a call of a policy is stopped (50 ms)
--   min_alloc: no request of an elastic shape is for less (nothing)
function Core:set_limits(limits)
  for name in pairs(limit_names) do
    if limits[name] then
      self.limits[name] = limits[name]
    end
  end
  if limits.min_alloc then
    self.min_alloc = limits.min_alloc
  end
  self.limits.min_alloc = -1
  if self.min_alloc then
    self.limits.min_alloc = assert(self.amounts:id(self.min_alloc))
  end
  lib.neap_face_set_limits(self.page, self.limits)
end

-- ---- menus ----------------------------------------------------------------

local function add_shape(self, shape)
  local id = -1
  if shape.res then
    local err
    id, err = self.amounts:id(shape.res)
    if not id then
      return false, err
    end
  end
  for key, value in pairs(shape.labels or {}) do
    lib.neap_face_pair(self.page, key, tostring(value))
  end
  lib.neap_face_shape(self.page, shape.name, id, shape.elastic and 1 or 0,
    shape.max or -1, shape.price or 0, shape.startup or 0,
    shape.walltime or 0)
  return true
end

--- What a pool offers, instead of what it offered before.
-- @param shapes  list of { name, res, elastic, max, price, startup, walltime,
--   labels }; res = nil: as much as anybody wants. nil: one such shape,
--   "elastic"
-- @return true; or nil and a text, and all is as before
function Core:set_menu(pool, shapes, now)
  for _, shape in ipairs(shapes or { { name = "elastic" } }) do
    local ok, err = add_shape(self, shape)
    if not ok then
      lib.neap_face_forget_shapes(self.page)
      return nil, err.message
    end
  end
  if lib.neap_face_menu(self.page, pool, now) < 0 then
    return nil, ffi.string(self.page.error)
  end
  return true
end

-- ---- tasks ----------------------------------------------------------------

-- What only few tasks have.
local function add_rare(self, t)
  if t.labels then
    for key, value in pairs(t.labels) do
      lib.neap_face_pair(self.page, key, tostring(value))
    end
  end
  if t.data then
    for i = 1, #t.data, 2 do
      lib.neap_face_datum(self.page, t.data[i], t.data[i + 1])
    end
  end
  if t.pool then
    for _, name in ipairs(t.pool) do
      lib.neap_face_pool(self.page, name)
    end
  end
end

--- A task that is not submitted yet.
-- @param t  res: what it needs; name, user, run: texts; priority: low first
--   (0); expect, timeout: seconds; labels: map of texts; pool: list of the
--   pools it may use (all); data: list of key, bytes, key, bytes … of what it
--   reads (`holds`); slot: your number, comes back in operations
-- @return handle, until `unref`; or nil and an error if the core cannot hold
--   its amounts
function Core:task(t)
  local res = self.amounts.by_value[t.res]
  if not res then
    local err
    res, err = self.amounts:id(t.res)
    if not res then
      return nil, err
    end
  end
  if t.labels or t.pool or t.data then
    add_rare(self, t)
  end
  return lib.neap_face_task(self.page, res, t.name, t.user, t.run,
    t.priority or 0, t.expect or 0, t.timeout or 0, t.slot)
end

--- Submit tasks together.
-- @param handles  list
-- @param n        how many of it
function Core:submit(handles, n, now)
  if n > self.cap then
    self.cap = 2 * n
    self.handles = ffi.new("int32_t[?]", self.cap)
  end
  local array = self.handles
  for i = 1, n do
    array[i - 1] = handles[i]
  end
  if lib.neap_face_submit(self.page, array, n, now) == 0 then
    error("a task was submitted before, or the core has no such task", 2)
  end
end

--- @return true; false if it has ended, or was never submitted
function Core:cancel(handle, reason, now)
  return lib.neap_face_cancel(self.page, handle, reason, now) ~= 0
end

function Core:set_priority(handle, n, now)
  if lib.neap_face_set_priority(self.page, handle, n, now) == 0 then
    no_task(handle)
  end
end

--- Does nothing once it has left the queue.
-- @param seconds  nil: unknown
function Core:set_expect(handle, seconds, now)
  if lib.neap_face_set_expect(self.page, handle, seconds or 0, now) == 0 then
    no_task(handle)
  end
end

--- The attempt runs. What is told about an attempt that is over is ignored.
function Core:running(handle, now)
  if lib.neap_face_running(self.page, handle, now) == 0 then
    no_task(handle)
  end
end

--- The attempt has ended and the task with it.
-- @param err  { kind =, message = }, or nil: it ran
function Core:ended(handle, err, now)
  local found
  if err then
    found = lib.neap_face_failed(self.page, handle, err.kind,
      err.message or "", now)
  else
    found = lib.neap_face_ended(self.page, handle, now)
  end
  if found == 0 then
    no_task(handle)
  end
end

--- The attempt was lost: the task waits again, not for the same alloc, or
-- ends with TooManyTries.
function Core:lost(handle, err, now)
  if lib.neap_face_lost(self.page, handle, err.kind, err.message or "",
    now) == 0 then
    no_task(handle)
  end
end

--- @return error of a task that has ended or is being killed, or nil
function Core:task_err(handle)
  if lib.neap_face_task_err(self.page, handle) ~= 0 then
    return core_amounts.error(self.page)
  end
end

--- You no longer need the handle; the task goes on.
function Core:unref(handle)
  if lib.neap_face_unref(self.page, handle) == 0 then
    no_task(handle)
  end
end

-- ---- rounds ---------------------------------------------------------------

--- No new requests and no new starts; queued tasks end Canceled.
-- @param drain  let those that run finish, else they are killed
function Core:stop(drain, now)
  lib.neap_face_stop(self.page, drain and 1 or 0, now)
end

--- Have all tasks and all allocs ended?
function Core:idle()
  return lib.neap_face_idle(self.page) ~= 0
end

--- Does a round make sense now?
function Core:dirty(now)
  return lib.neap_face_dirty(self.page, now) ~= 0
end

--- When a round is due although nothing happens; math.huge: never.
function Core:wake()
  return lib.neap_face_wake(self.page)
end

--- Plan and apply.
-- @param wall_seconds  Unix time, what policies see as `now`
function Core:round(now, wall_seconds)
  lib.neap_face_round(self.page, now, wall_seconds)
end

--- What the core wants, since the last time: to be done in this order.
-- @return array from 0 (kind, slot, alloc, state), valid until the next call
--   of `take`; how many
function Core:take()
  local n = lib.neap_face_take(self.page)
  return self.page.ops, n
end

-- ---- allocs ---------------------------------------------------------------

--- What an alloc in REQUESTED is asked for.
-- @return { pool, shape, min, width, count, index, price, walltime }: the
--   index-th of count requests for this shape in this round; min × (1 + width)
--   is what there is work for. Or nil: it is no longer wanted
function Core:request(alloc)
  local view = ffi.new "struct neap_face_request_view"
  if lib.neap_face_request(self.page, alloc, view) == 0 then
    return nil
  end
  return {
    pool = ffi.string(view.pool), shape = ffi.string(view.shape),
    min = self.amounts:read(), width = view.width,
    count = view.count, index = view.index,
    price = view.price > 0 and view.price or nil,
    walltime = view.walltime_s > 0 and view.walltime_s or nil,
  }
end

--- The request was granted.
-- @param r         what came
-- @param life_end  ns, or nil: no end is known
-- @return true; false: there is no such request; nil and an error: the core
--   cannot hold the amounts
function Core:granted(alloc, r, life_end, now)
  local id, err = self.amounts:id(r)
  if not id then
    return nil, err
  end
  return lib.neap_face_granted(self.page, alloc, id, life_end or huge,
    now) ~= 0
end

-- The following return false where there is no such request or alloc.

function Core:refused(alloc, err, now)
  return lib.neap_face_refused(self.page, alloc, err.kind, err.message or "",
    now) ~= 0
end

function Core:suspect(alloc, suspect, now)
  return lib.neap_face_suspect(self.page, alloc, suspect and 1 or 0, now) ~= 0
end

--- It is gone, its tasks are lost.
function Core:dead(alloc, err, now)
  return lib.neap_face_dead(self.page, alloc, err.kind, err.message or "",
    now) ~= 0
end

--- No new tasks; it is released when the last one has ended.
function Core:drain(alloc, now)
  return lib.neap_face_drain(self.page, alloc, now) ~= 0
end

function Core:released(alloc, now)
  return lib.neap_face_released(self.page, alloc, now) ~= 0
end

--- It has something that tasks read.
-- @param key  a number as in `data` of a task
function Core:holds(alloc, key)
  return lib.neap_face_holds(self.page, alloc, key) ~= 0
end

--- @return what is free on it, or nil
function Core:alloc_free(alloc)
  if lib.neap_face_free(self.page, alloc) ~= 0 then
    return self.amounts:read()
  end
end

for name, method in pairs(require "neap.sched.core_look") do
  Core[name] = method
end

return core
