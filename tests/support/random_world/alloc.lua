--- Allocs of a random world: machines that keep books about themselves.
--
-- What they are asked to do is checked against these books at once; see
-- `World:complain`.

local exec = require "support.random_world.exec"
local sched = require "neap.sched"

local alloc = {}

local Alloc = {}
Alloc.__index = Alloc

local errors = sched.errors

-- The machine itself is lost.
local function die(self)
  self.gone = true
  local kind = self.world.dice:pick { "Net", "NotExist", "Canceled" }
  for _, x in ipairs(self.started) do
    x:lose(kind)
  end
end

--- A machine that was just granted.
-- @param total  its resources
function alloc.new(world, cluster, id, total)
  local self = setmetatable({
    world = world, cluster = cluster, id = id, total = total,
    execs = {}, started = {}, -- by id of the attempt; in order
    refs = {}, users = {}, loading = {}, unloads = {}, -- by token
    frees = {}, lease_end = world.clock:now() + 60,
  }, Alloc)
  if not world.calm and world.dice:chance(world.mortality) then
    world.clock:after(world.dice:between(0, 200), function() die(self) end)
  end
  return self
end

--- Does nothing run on it any more, whatever the scheduler thinks?
function Alloc:is_over()
  return self.gone or self.freed
    or self.world.clock:now() > self.lease_end
end

--- Is it sure that nothing of it will be used again?
function Alloc:is_fenced()
  if self:is_over() or self.frees[1] or self.world.same_ids then
    return true
  end
  local row = self.world.s:allocs { id = self.id }[1]
  return row == nil or row.state == "draining" or row.state == "dead"
    or row.state == "released"
end

--- What a machine answers that is not there.
function Alloc:nothing()
  return nil, errors.new("NotExist", "alloc %s is gone", self.id)
end

function Alloc:resources()
  return self.total
end

function Alloc:repository()
  return self.cluster.repository
end

-- `fn(…)`, and then `after()` whatever it did.
local function settle(after, ok, ...)
  after(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

local function finally(after, fn, ...)
  return settle(after, pcall(fn, ...))
end

local function perform(self, method, work, on_hang)
  return self.world.faults:perform(method, work, on_hang)
end

-- ---- life -----------------------------------------------------------------

function Alloc:keepalive(interval)
  if interval ~= 120 then
    self.world:complain("keepalive(%s)", tostring(interval))
  elseif self.frees[1] then
    self.world:complain("keepalive of alloc %s, which was freed", self.id)
  end
  if self:is_over() then
    return self:nothing()
  end
  self.kept = false
  return perform(self, "keepalive", function()
    local granted = self.world.dice:between(40, 200)
    self.lease_end, self.kept = self.world.clock:now() + granted, true
    return granted
  end)
end

-- References that nobody has even tried to release. After a keepalive that
-- went wrong nobody has to: the scheduler may take the alloc for dead.
local function check_released(self, of)
  if self:is_over() or not self.kept then
    return
  end
  for token, entry in pairs(self.refs) do
    if (of == nil or entry == of) and not self.unloads[token]
      and not self.loading[token] then
      self.world:complain("alloc %s: the reference %s of task %s was never "
        .. "released", self.id, token, entry.ident)
    end
  end
end

-- May it be called once more?
local function check_free(self, now)
  local last = self.frees[#self.frees]
  if not last then
    check_released(self)
  elseif last.ok and last.took < 10 then
    self.world:complain("alloc %s was freed twice", self.id)
  elseif not last.answered and now - last.at < 10 then
    self.world:complain("alloc %s was freed again after %g s", self.id,
      now - last.at)
  end
end

function Alloc:free()
  local now = self.world.clock:now()
  check_free(self, now)
  local call = { at = now }
  self.frees[#self.frees + 1] = call
  return finally(function(ok, answer, err)
    call.answered, call.took = true, self.world.clock:now() - now
    call.ok = ok and (answer or err == nil) and true or false
  end, perform, self, "free", function()
    self.freed = true
    return true
  end)
end

-- ---- data -----------------------------------------------------------------

--- Take a reference in the name of `token`.
function Alloc:refer(token, entry)
  self.refs[token], self.users[token] = entry, entry
end

--- Nothing that `entry`, a task that is done, used here is still held.
function Alloc:check_done(entry)
  if not self.frees[1] then
    check_released(self, entry)
  end
end

-- It must not be used after it was given back.
local function check_use(self, method)
  if self.frees[1] then
    self.world:complain("%s on alloc %s, which was freed", method, self.id)
  end
end

function Alloc:load(repo, fileset, token)
  check_use(self, "load")
  local input = self.world.inputs[fileset]
  if not input then
    self.world:complain("load of a fileset that is no task's argument")
    return nil, errors.new("Invalid", "no such fileset")
  elseif repo ~= self.world.repository or type(token) ~= "string" then
    self.world:complain("load(%s, …, %s)", tostring(repo), tostring(token))
  elseif self:is_over() then
    return self:nothing()
  end
  local entry = input.entry
  self.loading[token] = true
  return finally(function()
    self.loading[token] = nil
  end, perform, self, "load", function()
    if self:is_over() then
      return self:nothing()
    end
    self:refer(token, entry)
    return input.resolved
  end, function() entry.hung = true end)
end

function Alloc:unload(_, token)
  if self:is_over() then
    return self:nothing()
  end
  self.unloads[token] = true
  local entry = self.users[token]
  return perform(self, "unload", function()
    self.refs[token] = nil
    return true
  end, function()
    if entry then
      entry.hung = true
    end
  end)
end

function Alloc:verify(fileset)
  check_use(self, "verify")
  local entry = self.world.resolved[fileset]
  if not entry or not entry.task.post_use_checksum then
    self.world:complain("verify of a fileset that nobody wants verified")
  elseif self:is_over() then
    return self:nothing()
  end
  return perform(self, "verify", function()
    return true
  end, function() entry.hung = true end)
end

-- ---- execs ----------------------------------------------------------------

-- What runs here fits in here.
local function check_room(self)
  local free = self.total
  for _, x in ipairs(self.started) do
    if x:is_live() then
      free = free - x.needs
    end
  end
  for _, label in ipairs(free:labels()) do
    if free:get(label) < 0 then
      self.world:complain("alloc %s is overcommitted: %s is left of %s",
        self.id, tostring(free), tostring(self.total))
    end
  end
end

local function begin(self, id, config, entry)
  if self:is_over() then
    return self:nothing()
  end
  local x = self.execs[id]
  if not x then
    x = exec.new(self, id, config, entry)
    self.execs[id] = x
    self.started[#self.started + 1] = x
    entry.execs[#entry.execs + 1] = x
    check_room(self)
    self.world:check_attempts(entry)
  end
  return x
end

local function check_put(self, id, config, entry)
  check_use(self, "put")
  local world, task = self.world, entry.task
  if task:state() == "done" then
    world:complain("put of task %s, which is done", entry.ident)
  elseif id ~= task:id() then
    world:complain("put of task %s with the id of another attempt",
      entry.ident)
  end
  for i, arg in ipairs(config.args) do
    if arg.fileset ~= nil and world.resolved[arg.fileset] ~= entry then
      world:complain("task %s: argument %d is not what load gave",
        entry.ident, i)
    end
  end
end

function Alloc:put(id, config)
  local entry = self.world.entries[config.ident]
  check_put(self, id, config, entry)
  if self:is_over() then
    return self:nothing()
  end
  return perform(self, "put", function()
    return begin(self, id, config, entry)
  end, function() entry.hung = true end)
end

return alloc
