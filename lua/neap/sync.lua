--- Semaphores and channels between fibers.

local check = require "neap.check"
local errors = require "neap.errors"
local loop = require "neap.loop"

local sync = {}

-- Wake the first waiter that takes it; true if one did.
local function wake_one(list, a, b)
  while list[1] do
    local waiter = table.remove(list, 1)
    if waiter.wake(a, b) then
      return waiter
    end
  end
end

-- Wait in `list`; a cancelled waiter leaves it. ⏸
local function wait_in(list, waiter)
  return loop.wait(function(wake)
    waiter.wake = wake
    list[#list + 1] = waiter
    return function()
      for i, other in ipairs(list) do
        if other == waiter then
          table.remove(list, i)
          return
        end
      end
    end
  end)
end

local Semaphore = {}
Semaphore.__index = Semaphore

--- neap.semaphore(n)
function sync.semaphore(n)
  check.integer(n, "the argument of neap.semaphore", nil, 1)
  return setmetatable({ free = n, n = n, waiters = {} }, Semaphore)
end

--- s:take(): hold a place until s:give(). ⏸
function Semaphore:take()
  if self.free > 0 then
    self.free = self.free - 1
  else
    wait_in(self.waiters, {})
  end
end

--- s:give(): the place goes to the next who waits.
function Semaphore:give()
  if not wake_one(self.waiters) then
    self.free = self.free + 1
  end
end

local function give_and_return(self, ok, ...)
  self:give()
  if not ok then
    error((...), 0)
  end
  return ...
end

--- s:with(fn, …): run it while holding one of the n places. ⏸
function Semaphore:with(fn, ...)
  check.type(fn, "function", "the argument of semaphore:with")
  self:take()
  return give_and_return(self, pcall(fn, ...))
end

function Semaphore:__tostring()
  return ("Semaphore(%d of %d free)"):format(self.free, self.n)
end

local Channel = {}
Channel.__index = Channel

--- neap.channel(cap): cap values wait in it before `put` does (default 0).
function sync.channel(cap)
  cap = check.integer(cap or 0, "the argument of neap.channel", nil, 0)
  return setmetatable({
    cap = cap, values = {}, first = 1, last = 0, getters = {}, putters = {},
  }, Channel)
end

--- c:put(v); raises when the channel is closed. ⏸
function Channel:put(value)
  if value == nil then
    check.fail(nil, "channel:put takes any value but nil")
  end
  if self.closed then
    errors.raise("E_SPEC", "put into a closed channel")
  end
  if wake_one(self.getters, value) then
    return
  elseif self.last - self.first + 1 < self.cap then
    self.last = self.last + 1
    self.values[self.last] = value
    return
  end
  local taken = wait_in(self.putters, { value = value })
  if not taken then
    errors.raise("E_SPEC", "the channel was closed before the value was taken")
  end
end

--- c:get() → value, or nil when the channel is closed and empty ⏸
function Channel:get()
  if self.first <= self.last then
    local value = self.values[self.first]
    self.values[self.first] = nil
    self.first = self.first + 1
    local putter = wake_one(self.putters, true)
    if putter then
      self.last = self.last + 1
      self.values[self.last] = putter.value
    end
    return value
  end
  local putter = wake_one(self.putters, true)
  if putter then
    return putter.value
  elseif self.closed then
    return nil
  end
  return (wait_in(self.getters, {}))
end

--- c:close(): getters get what is left, then nil.
function Channel:close()
  if self.closed then
    return
  end
  self.closed = true
  while wake_one(self.getters, nil) do end
  while wake_one(self.putters, false) do end
end

--- c:iter(): for v in c:iter() do … end ⏸
function Channel:iter()
  return function()
    return self:get()
  end
end

function Channel:__tostring()
  return ("Channel(%d of %d%s)"):format(self.last - self.first + 1, self.cap,
    self.closed and ", closed" or "")
end

return sync
