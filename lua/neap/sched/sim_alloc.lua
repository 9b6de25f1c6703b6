--- The allocs of a simulated cluster.
--
-- An alloc has one timer, for the nearest of lease, walltime and announced
-- death; a renewed lease only moves the time that this timer looks at when it
-- goes off.
--
--   live → released   free() was called
--        → dead       lease or walltime over, or the cluster's `fail` said so

local errors = require "neap.sched.errors"
local file = require "neap.sched.file"
local repository = require "neap.sched.repository"
local resources = require "neap.sched.resources"
local sim_exec = require "neap.sched.sim_exec"

local sim_alloc = {}

local nothing = resources {}

local alloc = {}
alloc.__index = alloc

-- What every call on an alloc that has ended gets. Its keepalives say how it
-- ended; for all else it is a machine that does not answer.
local function gone(a, kind)
  return errors.new(kind or "Unavailable", "alloc %s is %s: %s", a.id, a.state,
    a.why)
end

-- What still runs, in the order of starts.
local function running(a)
  local list = {}
  for _, x in pairs(a.execs) do
    list[#list + 1] = x.state == "running" and x or nil
  end
  table.sort(list, function(x, y) return x.number < y.number end)
  return list
end

-- End the alloc; what runs on it ends with it. Its keepalives fail with `kind`
-- from now on.
local function finish(a, state, kind, why)
  a.state, a.gone, a.why, a.ended = state, kind, why, a.cluster.clock:now()
  if a.stop_timer then
    a.stop_timer()
    a.stop_timer = nil
  end
  for _, x in ipairs(running(a)) do
    x:close("failed", errors.new("Unavailable", "alloc %s is %s: %s", a.id,
      state, why))
  end
  a.cluster:alloc_ended(a)
end

local function watch(a)
  local clock = a.cluster.clock
  a.due = math.min(a.expires, a.life_end, a.dies)
  a.stop_timer = clock:after(math.max(0, a.due - clock:now()), a.on_timer)
end

-- A clock counts nanoseconds, so it may be a fraction of one short of `due`.
local function on_timer(a)
  local now = math.max(a.due, a.cluster.clock:now())
  a.stop_timer = nil
  if now >= a.dies then
    finish(a, "dead", a.dies_of, a.dies_of .. " (simulated)")
  elseif now >= a.life_end then
    finish(a, "dead", "NotExist", "its walltime is over")
  elseif now >= a.expires then
    finish(a, "dead", "NotExist", "its lease was not renewed")
  else
    watch(a)
  end
end

--- A live alloc.
-- @param cluster   the simulated cluster: clock, lease, fail, runtime
-- @param id        its name
-- @param total     its resources
-- @param shape     row of the menu, or the elastic one
-- @param walltime  seconds, or nil: for ever
function sim_alloc.new(cluster, id, total, shape, walltime)
  local now = cluster.clock:now()
  local a = setmetatable({
    id = id, cluster = cluster, shape = shape, total = total, state = "live",
    created = now, expires = now + cluster.lease,
    life_end = now + (walltime or math.huge), dies = math.huge,
    execs = {}, started = 0, nrunning = 0, used = nothing,
    held = {}, refs = {},
  }, alloc)
  a.on_timer = function() on_timer(a) end
  watch(a)
  return a
end

function alloc:resources()
  return self.total
end

--- Let it die now: the machine is gone, its lease is void.
-- @param why  for people
function alloc:die(why)
  if self.state == "live" then
    finish(self, "dead", "NotExist", why or "it was let die")
  end
end

-- Ask the cluster's `fail`, until it has announced a death.
-- → error of this keepalive, or nil
local function failure(a)
  if a.dies_of then
    return nil
  end
  local kind, after = a.cluster:ask_fail("alloc", a)
  if not kind then
    return nil
  end
  if after and after > 0 then
    a.dies, a.dies_of = a.cluster.clock:now() + after, kind
    a.stop_timer()
    watch(a)
    return nil
  end
  if kind == "Fatal" or kind == "NotExist" then
    finish(a, "dead", kind, kind .. " (simulated)")
    return gone(a, kind)
  end
  return errors.new(kind, "simulated failure of alloc %s", a.id)
end

--- Renew the lease.
-- @param interval  seconds wished for
-- @return seconds granted: not more than the cluster's `lease`, nor than what
--   is left of the walltime; or nil, err: NotExist when the alloc
--   has ended, or the kind of its death
function alloc:keepalive(interval)
  if self.state ~= "live" then
    return nil, gone(self, self.gone)
  end
  local err = failure(self)
  if err then
    return nil, err
  end
  local now = self.cluster.clock:now()
  local granted = math.min(interval, self.cluster.lease, self.life_end - now)
  self.expires = now + granted
  return granted
end

-- Files that are references get the digest that stands for them.
local function resolve(fs)
  local known = {}
  for _, f in ipairs(fs:files()) do
    if not f.id then
      local d = file.digest(f)
      known[d] = { id = d, size = f.size, assertions = f.assertions }
    end
  end
  return next(known) and fs:subst(known) or fs
end

local function count(a, fs, by)
  for _, f in ipairs(fs:files()) do
    local n = (a.refs[f.id] or 0) + by
    a.refs[f.id] = n > 0 and n or nil
  end
end

--- Take references on the files of a fileset; no byte is moved.
-- @param _repo  the task's repository; simulated data is always there
-- @param fs     fileset
-- @param token  name of these references; the same again changes nothing
-- @return the resolved fileset, or nil, Unavailable when the alloc has ended
function alloc:load(_repo, fs, token)
  if self.state ~= "live" then
    return nil, gone(self)
  end
  if not self.held[token] then
    self.held[token] = resolve(fs)
    count(self, self.held[token], 1)
  end
  return self.held[token]
end

--- Release the references of a token, or of an exec by its id → true.
function alloc:unload(_fs, token)
  local held = self.held[token]
  if held then
    self.held[token] = nil
    count(self, held, -1)
  end
  local x = self.execs[token]
  if x and x.state == "complete" then
    self.execs[token] = nil
  end
  return true
end

--- Objects that are referenced now: table digest → number of references.
function alloc:refcounts()
  local copy = {}
  for digest, n in pairs(self.refs) do
    copy[digest] = n
  end
  return copy
end

--- Simulated data is never damaged → true.
function alloc:verify()
  return true
end

-- What is used with `need` added, or nil if that is too much. What has passed
-- its end without anybody waiting for it gives its room back first.
local function used_with(a, need)
  local used = a.used + need
  if a.total:available(used) then
    return used
  end
  local now = a.cluster.clock:now()
  for _, x in ipairs(running(a)) do
    if x:is_over(now) then
      x:run_out()
    end
  end
  used = a.used + need
  return a.total:available(used) and used or nil
end

local function start(a, id, config, need)
  local cluster, now = a.cluster, a.cluster.clock:now()
  local lasts = cluster:run_time(id, config, a)
  local fails, after = cluster:ask_fail("exec", config)
  a.started, a.nrunning = a.started + 1, a.nrunning + 1
  return sim_exec.start {
    id = id, uri = a.id .. "/" .. id, name = config.ident or id,
    number = a.started, alloc = a, resources = need,
    started = now, ends = now + math.min(lasts, after or lasts), fails = fails,
  }
end

--- Start an exec, or find the one of that id.
-- @param id      of the attempt
-- @param config  ident, resources, expected_duration in seconds (0 if nil)
-- @return exec, or nil and Unavailable (alloc has ended) or ResourcesExhausted
--   (more than is free: a scheduler that keeps its books never sees this)
function alloc:put(id, config)
  if self.state ~= "live" then
    return nil, gone(self)
  elseif self.execs[id] then
    return self.execs[id]
  end
  local need = config.resources or nothing
  local used = used_with(self, need)
  if not used then
    return nil, errors.new("ResourcesExhausted",
      "%s needs %s; alloc %s has %s and uses %s of it", config.ident or id,
      tostring(need), self.id, tostring(self.total), tostring(self.used))
  end
  local x = start(self, id, config, need)
  self.used, self.execs[id] = used, x
  return x
end

--- An exec has ended: its room is free. One that ran to its end stays known
--- until its outputs are unloaded.
function alloc:exec_ended(x)
  self.used, self.nrunning = self.used - x.resources, self.nrunning - 1
  if x.state ~= "complete" then
    self.execs[x.id] = nil
  end
end

--- The alloc's own store: in memory, made when it is asked for.
function alloc:repository()
  self.repo = self.repo
    or repository.memory(self.cluster.name .. "-" .. self.id)
  return self.repo
end

function alloc:inspect()
  return {
    created = self.created, expires = math.min(self.expires, self.life_end),
    meta = { want = self.total, labels = self.labels },
  }
end

--- Give it back → true; nil, NotExist when it was given back before.
function alloc:free()
  if self.state == "released" or self.freed then
    return nil, gone(self, "NotExist")
  end
  self.freed = true
  if self.state == "live" then
    finish(self, "released", "NotExist", "it was given back")
  end
  return true
end

return sim_alloc
