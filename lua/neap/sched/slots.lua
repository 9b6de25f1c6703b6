--- A number of slots, and those who wait for one: first come, first served.

local slots = {}

local Slots = {}
Slots.__index = Slots

--- @param clock  whose promises the waiting is done with
-- @param limit  how many may be taken at a time; math.huge: any number
function slots.new(clock, limit)
  return setmetatable({
    clock = clock, limit = limit, used = 0, queue = {}, first = 1, last = 0,
  }, Slots)
end

--- Take a slot. ⏸
-- @param ticket  calls the waiting off; nil: nobody does
-- @return true; or nil, Canceled, and then nothing is taken
function Slots:take(ticket)
  if self.used < self.limit then
    self.used = self.used + 1
    return true
  end
  local promise = self.clock:promise()
  self.last = self.last + 1
  self.queue[self.last] = promise
  if not ticket then
    return promise:wait()
  end
  return ticket:wait(promise)
end

--- Give a slot back. It goes to the first who still waits.
function Slots:give()
  while self.first <= self.last do
    local promise = self.queue[self.first]
    self.queue[self.first] = nil
    self.first = self.first + 1
    if promise:resolve(true) then
      return
    end
  end
  self.used = self.used - 1
end

return slots
