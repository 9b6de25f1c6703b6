--- Slots at both ends of a copy.
--
-- An endpoint (a repository, a bucket) has as many slots as its limit says,
-- for what comes and what goes together. Both slots of a copy are taken in the
-- order in which the endpoints were first used, so two copies never wait for
-- each other. An endpoint that nobody uses is forgotten.

local slots = require "neap.sched.slots"

local endpoints = {}

local Endpoints = {}
Endpoints.__index = Endpoints

--- @param opts  clock; default = slots of an endpoint; limits = { [key] = n }
function endpoints.new(opts)
  return setmetatable({
    clock = opts.clock, default = opts.default, limits = opts.limits or {},
    made = 0, by_key = {},
  }, Endpoints)
end

--- How many copies an endpoint may have at a time.
function Endpoints:limit(key)
  return self.limits[key] or self.default
end

local function use(self, key)
  local entry = self.by_key[key]
  if not entry then
    self.made = self.made + 1
    entry = {
      order = self.made, users = 0, slots = slots.new(self.clock,
        self:limit(key)),
    }
    self.by_key[key] = entry
  end
  entry.users = entry.users + 1
  return entry
end

local function leave(self, key)
  local entry = self.by_key[key]
  entry.users = entry.users - 1
  if entry.users == 0 then
    self.by_key[key] = nil
  end
end

local function leave_both(self, a, b)
  leave(self, a)
  if b ~= a then
    leave(self, b)
  end
end

local function take_both(first, second, ticket)
  local ok, err = first.slots:take(ticket)
  if not ok then
    return nil, err
  end
  ok, err = second.slots:take(ticket)
  if not ok then
    first.slots:give()
    return nil, err
  end
  return true
end

--- Take a slot at each of two endpoints; one if both are the same. ⏸
-- @param ticket  calls the waiting off; nil: nobody does
-- @return true; or nil, Canceled, and then nothing is taken
function Endpoints:take(a, b, ticket)
  local first = use(self, a)
  local ok, err
  if a == b then
    ok, err = first.slots:take(ticket)
  else
    local second = use(self, b)
    if second.order < first.order then
      first, second = second, first
    end
    ok, err = take_both(first, second, ticket)
  end
  if not ok then
    leave_both(self, a, b)
    return nil, err
  end
  return true
end

--- Give back what `take` took.
function Endpoints:give(a, b)
  self.by_key[a].slots:give()
  if b ~= a then
    self.by_key[b].slots:give()
  end
  leave_both(self, a, b)
end

return endpoints
