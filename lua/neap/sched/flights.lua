--- One does the work, the others who want the same wait for it.
--
-- The first who asks for a key leads; who asks for it meanwhile follows, and
-- shares the outcome. When a leader is called off, or fails with an error of
-- kind Canceled, the first of its followers leads anew. A failure is shared
-- only by those whose work is the same (`source`): who would have fetched it
-- from elsewhere tries by itself.

local errors = require "neap.sched.errors"
local ticket = require "neap.sched.ticket"

local flights = {}

local Flights = {}
Flights.__index = Flights

--- @param clock  whose promises the followers wait for
function flights.new(clock)
  return setmetatable({ clock = clock, by_key = {} }, Flights)
end

local function settle(called, ok, err)
  if not called then
    return nil, errors.from(ok)
  end
  return ok, err
end

local function lead(self, key, source, work)
  local followers = {}
  self.by_key[key] = { source = source, followers = followers }
  local ok, err = settle(pcall(work))
  self.by_key[key] = nil
  for i = 1, #followers do
    followers[i]:resolve(ok, err)
  end
  return ok, err
end

--- Do `work` for `key`, or wait for who is doing it. ⏸
-- @param key     any value but nil
-- @param source  compared by ==: whose failures are ours too
-- @param pass    a ticket, which calls off this one's waiting; `work` must end
--                with an error of kind Canceled when it is
-- @param work    function() → true, or nil, err. ⏸
-- @return what `work` returned, here or elsewhere
function Flights:run(key, source, pass, work)
  while not pass.cancelled do
    local flight = self.by_key[key]
    if not flight then
      return lead(self, key, source, work)
    end
    local promise = self.clock:promise()
    flight.followers[#flight.followers + 1] = promise
    local ok, err = pass:wait(promise)
    if ok then
      return ok
    elseif flight.source == source and not errors.is("Canceled", err) then
      return nil, err
    end
  end
  return nil, ticket.error()
end

return flights
