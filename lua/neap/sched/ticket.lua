--- Work that can be called off while it waits.
--
-- Who works waits through a ticket; who calls the work off wakes all of these
-- waits with an error of kind Canceled. A ticket may have another one beneath
-- it, which is called off with it.

local errors = require "neap.sched.errors"

local ticket = {}

local Ticket = {}
Ticket.__index = Ticket

--- A ticket. Its field `revocable` is set by who may call it off.
-- @param parent  calls off this one too; it has one such child at a time
function ticket.new(parent)
  local self = setmetatable({
    cancelled = false, waiting = {}, last = 0,
  }, Ticket)
  if parent then
    parent.child = self
    self.cancelled = parent.cancelled
  end
  return self
end

--- The error of work that was called off.
function ticket.error()
  return errors.new("Canceled", "the transfer was called off")
end

--- Wait for a promise of (true) or (nil, err) that nobody else waits for. ⏸
-- @return what it holds; or nil, Canceled
function Ticket:wait(promise)
  if self.cancelled then
    local err = ticket.error()
    promise:resolve(nil, err) -- who holds it must see that nobody waits
    return nil, err
  end
  local number = self.last + 1
  self.last = number
  self.waiting[number] = promise
  local ok, err = promise:wait()
  self.waiting[number] = nil
  return ok, err
end

--- Call `fn(…)`, which returns true, or nil and an error. ⏸
-- Who may be called off does not wait for a call that may never return: it gets
-- a coroutine of its own, which is left behind then.
function Ticket:call(clock, fn, ...)
  if not self.revocable then
    return fn(...)
  end
  return self:wait(clock:spawn(fn, ...))
end

--- Call the work off: those who wait go on in the order in which they began.
-- Twice is harmless.
function Ticket:cancel()
  if self.cancelled then
    return
  end
  self.cancelled = true
  for number = 1, self.last do
    local promise = self.waiting[number]
    if promise then
      promise:resolve(nil, ticket.error())
    end
  end
  if self.child then
    self.child:cancel()
  end
end

return ticket
