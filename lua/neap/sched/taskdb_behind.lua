--- A queue in front of a task database: who writes never waits and never sees
--- an error.
--
-- Writes are done in their order by one coroutine. A write that fails is tried
-- again after 0.1 s, 0.2 s … at most a minute; one that can never succeed
-- (Invalid, NotExist …) is given up at once, another one when the database has
-- failed `tries` times in a row: from then on each write has one try until one
-- succeeds. Each kind of failure is logged once, and when it is over.
--
-- Nothing here takes a random number of the clock or holds anybody up, so what
-- is decided elsewhere is the same with a database, without, and with one that
-- is broken.

local errors = require "neap.sched.errors"

local behind = {}

local FIRST_S, MAX_S = 0.1, 60
local BATCH = 256

local writes = {
  "create_run", "set_run_attrs", "set_run_complete", "keep_run_alive",
  "create_task", "set_task_uri", "set_task_result", "set_task_attrs",
  "set_task_complete", "keep_task_alive", "start_pool", "start_alloc",
  "set_resources", "keep_id_alive", "set_end_time",
}
local reads = { "runs", "tasks", "allocs", "pools", "scan" }

local Behind = {}
Behind.__index = Behind

-- Can it write several together? Asking may raise in a strict table.
local function has_transactions(db)
  local ok, has = pcall(function()
    return db.begin and db.commit and db.rollback
  end)
  return ok and has ~= nil and has ~= false
end

--- A queue in front of `db`.
-- @param db     a task database
-- @param clock  where it waits
-- @param log    function(level, message)
-- @param opts   capacity: writes that may wait, default 65 536; what comes
--               when it is full is lost. tries: default 20
-- @return an object with the methods of a task database; those that write
--         return true. `waiting`: how many wait; `lost`: how many were lost
function behind.new(db, clock, log, opts)
  opts = opts or {}
  return setmetatable({
    db = db, clock = clock, log = log or function() end,
    together = has_transactions(db),
    capacity = opts.capacity or 65536, tries = opts.tries or 20,
    op = {}, a = {}, b = {}, c = {}, first = 1, waiting = 0,
    lost = 0, failures = 0, told = {}, flushes = {},
  }, Behind)
end

-- A log that raises stops nobody.
local function say(self, level, message)
  pcall(self.log, level, "task database: " .. message)
end

local function tell_once(self, key, level, message)
  if not self.told[key] then
    self.told[key] = true
    say(self, level, message)
  end
end

-- ---- the queue ------------------------------------------------------------

local function slot(self, i)
  return (self.first + i - 2) % self.capacity + 1
end

local function drop_first(self, n)
  for i = 1, n do
    local at = slot(self, i)
    self.op[at], self.a[at], self.b[at], self.c[at] = nil, nil, nil, nil
  end
  self.first = slot(self, n + 1)
  self.waiting = self.waiting - n
end

-- ---- writing --------------------------------------------------------------

-- What a call of the database that returned says: nil, or the error.
local function error_of(ok, result, err)
  if not ok then
    return errors.from(result)
  elseif not result and err ~= nil then
    return errors.from(err)
  end
  return nil
end

local function invoke(db, name, ...)
  local method = db[name]
  if not method then
    return nil, errors.new("NotSupported", "it has no method %s", name)
  end
  return method(db, ...)
end

local function call(self, name, ...)
  return error_of(pcall(invoke, self.db, name, ...))
end

-- Write those that wait, up to a batch.
-- → how many are done with, and the error of the next one
local function write_some(self)
  local together, done = self.together, 0
  local err = together and call(self, "begin") or nil
  if err then
    return 0, err
  end
  while done < math.min(self.waiting, BATCH) and not err do
    local at = slot(self, done + 1)
    err = call(self, self.op[at], self.a[at], self.b[at], self.c[at])
    done = err and done or done + 1
  end
  local broken = together and call(self, "commit")
  if broken then
    call(self, "rollback")
    return 0, broken
  end
  return done, err
end

local function recovered(self)
  if self.failures > 0 then
    self.failures, self.told = 0, {}
    say(self, "info", ("it works again; %d writes were lost so far")
      :format(self.lost))
  end
end

local function pause(self)
  self.failures = self.failures + 1
  self.pausing = self.clock:promise()
  self.pausing:wait(math.min(MAX_S, FIRST_S * 2 ^ (self.failures - 1)))
  self.pausing = nil
end

local function give_up(self, err, why)
  self.lost = self.lost + 1
  tell_once(self, why .. err.kind, "error", ("%s is lost: %s")
    :format(self.op[self.first], tostring(err)))
  drop_first(self, 1)
end

local function failed(self, err)
  if errors.non_retryable(err) then
    give_up(self, err, "never ")
  elseif self.failures >= self.tries then
    give_up(self, err, "no more ")
  else
    tell_once(self, err.kind, "warn", ("%s failed and is tried again: %s")
      :format(self.op[self.first], tostring(err)))
    pause(self)
  end
end

local function end_flushes(self)
  local list = self.flushes
  self.flushes = {}
  for _, promise in ipairs(list) do
    promise:resolve(true)
  end
end

local function work(self)
  while self.waiting > 0 and not self.closed do
    local done, err = write_some(self)
    drop_first(self, done)
    if done > 0 then
      recovered(self)
    end
    if err then
      failed(self, err)
    elseif self.waiting > 0 then
      self.clock:sleep(0) -- others may be ready
    end
  end
  self.working = false
  end_flushes(self)
end

local function push(self, name, a, b, c)
  if self.closed or self.waiting >= self.capacity then
    self.lost = self.lost + 1
    tell_once(self, "full", "error", self.closed and name .. " came after it"
      .. " was closed" or ("%d writes wait already; %s and what follows are"
      .. " lost"):format(self.waiting, name))
    return true
  end
  self.waiting = self.waiting + 1
  local at = slot(self, self.waiting)
  self.op[at], self.a[at], self.b[at], self.c[at] = name, a, b, c
  if not self.working then
    self.working = true
    self.clock:spawn(work, self)
  end
  return true
end

for _, name in ipairs(writes) do
  Behind[name] = function(self, a, b, c)
    return push(self, name, a, b, c)
  end
end

-- Questions go straight to the database: `flush` first to see what waits.
for _, name in ipairs(reads) do
  Behind[name] = function(self, ...)
    return self.db[name](self.db, ...)
  end
end

--- Wait until nothing waits to be written; a pause ends now. Suspends.
-- @param timeout  seconds, default 10
-- @return true, or nil and an error of kind Timeout
function Behind:flush(timeout)
  if self.waiting == 0 then
    return true
  end
  if self.pausing then
    self.pausing:resolve()
  end
  local promise = self.clock:promise()
  self.flushes[#self.flushes + 1] = promise
  local ok = promise:wait(timeout or 10)
  if not ok then
    return nil, errors.new("Timeout", "%d writes still wait for the task"
      .. " database", self.waiting)
  end
  return true
end

--- Flush, and take nothing more; what is left then is lost. Suspends.
-- The database itself stays open.
function Behind:close(timeout)
  local ok, err = self:flush(timeout)
  self.closed = true
  if self.waiting > 0 then
    self.lost = self.lost + self.waiting
    say(self, "error", ("%d writes are lost: they still waited when it was"
      .. " closed"):format(self.waiting))
  end
  if self.pausing then
    self.pausing:resolve()
  end
  return ok, err
end

return behind
