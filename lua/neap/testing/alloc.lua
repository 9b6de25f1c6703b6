--- A fake alloc: a machine of a manual cluster, all of it in memory.
--
-- It counts references and room like a real one: a load is idempotent by its
-- token, outputs are held in the name of their exec, and execs that would need
-- more than there is are refused.

local digests = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local exec = require "neap.testing.exec"
local faults = require "neap.testing.faults"
local fetch = require "neap.testing.fetch"
local refs = require "neap.testing.refs"
local repository = require "neap.sched.repository"
local resources = require "neap.sched.resources"
local suggest = require "neap.suggest"

local alloc = {}

local Alloc = {}
Alloc.__index = Alloc

local LEASE = 30 -- seconds; short, so that specs need not wait for long

local function freed(self)
  return nil, errors.new("NotExist", "alloc %s was freed", self.id)
end

-- For the scheduler ----------------------------------------------------------

--- Its actual size.
function Alloc:resources()
  return self.total
end

--- Renew the lease. → seconds granted
function Alloc:keepalive(interval)
  if self.state == "freed" then
    return freed(self)
  end
  local granted = math.min(interval, self.lease)
  self.expires = self.clock:now() + granted
  return granted
end

--- Get the files of a fileset and take a reference on each. ⏸
-- A failed load leaves no reference.
-- @return the resolved fileset
function Alloc:load(repo, fileset, token)
  if self.state == "freed" then
    return freed(self)
  elseif token == nil then
    errors.raise("load of alloc %s: a token is needed", self.id)
  end
  local held = self.refs:get(token)
  if held then
    return held
  end
  local resolved, err = fetch.all(repo, self.repo, fileset, self.fetch)
  if not resolved then
    return nil, err
  end
  return self.refs:take(token, resolved)
end

--- Release what was loaded, or promoted, under a token.
function Alloc:unload(_fileset, token)
  if token == nil then
    errors.raise("unload of alloc %s: a token is needed", self.id)
  end
  self.refs:release(token)
  return true
end

local function damage(self, file)
  local data = self.repo:get(file.id)
  if not data then
    return digests.short(file.id) .. " is missing"
  elseif self.corrupted[file.id] or digests.of(data) ~= file.id then
    return digests.short(file.id) .. " is damaged"
  end
end

--- Are the files what their digests say?
function Alloc:verify(fileset)
  local bad = {}
  for _, file in ipairs(fileset:files()) do
    bad[#bad + 1] = damage(self, file)
  end
  if #bad > 0 then
    return nil, errors.new("Integrity", "%s", table.concat(bad, ", "))
  end
  return true
end

local function has_ended_badly(x)
  return x.state == "failed" or x.state == "killed"
end

--- Start an exec, or find the one of that id that runs or has completed.
function Alloc:put(id, config)
  if self.state == "freed" then
    return freed(self)
  end
  local x = self.by_id[id]
  if x and not has_ended_badly(x) then
    return x
  end
  local used = self.used + resources.from(config.resources or {})
  if not self.total:available(used) then
    return nil, errors.new("ResourcesExhausted",
      "exec %s needs %s; alloc %s has %s and uses %s of it", id,
      tostring(config.resources), self.id, tostring(self.total),
      tostring(self.used))
  end
  x = exec.new(self, id, config)
  self.used, self.by_id[id], self.list[#self.list + 1] = used, x, x
  if self.on_exec then
    self.clock:spawn(self.on_exec, x)
  end
  if self.puts[id] then
    self.puts[id]:resolve(x)
    self.puts[id] = nil
  end
  return x
end

--- Its own store.
function Alloc:repository()
  return self.repo
end

--- { taskdb_id, meta, created, expires }.
function Alloc:inspect()
  return {
    taskdb_id = self.taskdb_id, created = self.created,
    expires = self.expires, meta = { want = self.total },
  }
end

--- Give it back: what runs on it is killed.
function Alloc:free()
  self.state = "freed"
  for _, x in ipairs(self.list) do
    x:finish("killed", errors.new("NotExist", "alloc %s was freed", self.id))
  end
  return true
end

faults.methods(Alloc, {
  "resources", "keepalive", "load", "unload", "verify", "put", "repository",
  "inspect", "free",
})

-- For its execs --------------------------------------------------------------

--- Take references on a fileset in the name of an exec.
function Alloc:hold(token, fileset)
  self.refs:take(token, fileset)
end

--- The room of an exec is free again.
function Alloc:exec_ended(x)
  self.used = self.used - resources.from(x.config.resources or {})
end

-- For the spec ---------------------------------------------------------------

--- Keepalives return an error.
-- @param err    an error, or the kind of one; default "Fatal": dead at once
-- @param times  number of calls, default all
function Alloc:fail_keepalive(err, times)
  self:fail("keepalive", err or "Fatal", times)
end

--- Keepalives do not answer, until `let_go("keepalive")`.
function Alloc:hang_keepalive(times)
  self:hang("keepalive", times)
end

--- References that are held: table digest → count.
function Alloc:refcounts()
  return self.refs:copy()
end

--- Tokens under which they are held, sorted.
function Alloc:tokens()
  return self.refs:tokens()
end

--- The exec of a task. ⏸ if a timeout is given
-- @param id       of the attempt (`t:id()`), or the task
-- @param timeout  wait so long until it was put; default: do not wait
-- @return exec, or nil; after a timeout nil and the error
function Alloc:exec(id, timeout)
  if type(id) ~= "string" then
    id = id:id()
  end
  local x = self.by_id[id]
  if x or timeout == nil then
    return x
  end
  local p = self.puts[id] or self.clock:promise()
  self.puts[id] = p
  return p:wait(timeout)
end

--- All execs that were started, in order.
function Alloc:execs()
  return { unpack(self.list) }
end

--- Damage an object: `verify` finds it.
function Alloc:corrupt(digest)
  self.corrupted[digest] = true
end

local known = { lease = true, fetch = true, on_exec = true, taskdb_id = true }

local function option(opts, defaults, name, default)
  local value = opts[name]
  if value == nil then
    value = defaults[name]
  end
  return value == nil and default or value
end

--- A fake alloc; `cluster:alloc` documents the arguments.
-- Fields: id, state ("live" or "freed"), used (resources of what runs).
function alloc.new(cluster, id, total, opts)
  opts = opts or {}
  for key in pairs(opts) do
    if not known[key] then
      errors.raise("unknown option '%s' of alloc%s", tostring(key),
        suggest.hint(key, known))
    end
  end
  if type(id) ~= "string" or id == "" then
    errors.raise("an alloc needs a name that is a text, not %s", tostring(id))
  end
  local clock, defaults = cluster.clock, cluster.options
  local self = setmetatable({
    id = id, cluster = cluster, state = "live", created = clock:now(),
    total = resources.from(total), used = resources {}, refs = refs.new(),
    repo = repository.memory(cluster.name .. "-" .. id), corrupted = {},
    by_id = {}, list = {}, puts = {}, taskdb_id = opts.taskdb_id,
    lease = clock.seconds(option(opts, defaults, "lease", LEASE), "lease"),
    fetch = option(opts, defaults, "fetch", fetch.invented),
    on_exec = option(opts, defaults, "on_exec"),
  }, Alloc)
  return faults.init(self, clock)
end

return alloc
