--- What goes wrong in a random world: each call of an object of it goes
--- through here, and does what it should, or something else.
--
-- Nothing goes wrong any more once the world is calm; what hung before stays
-- so.

local sched = require "neap.sched"

local faults = {}

local Faults = {}
Faults.__index = Faults

local errors = sched.errors

-- What the methods may do instead of their work.
--   error  returns nil and an error, nothing is done
--   after  the work is done, an error is returned all the same
--   raise  raises, nothing is done
--   nothing  the work is done, nothing is returned
--   void   nothing is done, nothing is returned
--   hang   never returns, nothing is done
--   slow   takes up to half a minute
--   twice  resolves what it waits for twice, with different values
local MODES = {
  keepalive = { "error", "raise", "void", "hang", "slow", "twice" },
  load = { "error", "error", "raise", "void", "hang", "slow", "twice" },
  unload = { "error", "after", "raise", "hang", "slow", "twice" },
  verify = { "error", "raise", "hang", "slow" },
  put = { "error", "after", "raise", "void", "hang", "slow", "twice" },
  wait = { "error", "error", "error", "raise", "hang", "slow" },
  promote = { "error", "after", "raise", "nothing", "hang", "slow" },
  inspect = { "error", "raise", "void", "slow" },
  result = { "error", "raise", "void", "hang", "slow", "twice" },
  kill = { "error", "after", "raise", "nothing", "hang", "slow" },
  free = { "error", "after", "raise", "nothing", "hang", "slow" },
  fetch = { "error", "raise", "void", "slow" },
  menu = { "error", "raise", "void", "hang", "slow" },
  can_allocate = { "hang", "slow" },
  allocate = { "error", "error", "raise", "void", "hang", "until", "late",
    "late", "smaller", "larger", "larger", "twice", "wrong" },
}

local KINDS = { "Net", "Net", "Timeout", "Temporary", "Temporary",
  "Unavailable", "Canceled", "NotExist", "NotAllowed", "Fatal", "Integrity",
  "ResourcesExhausted", "OOM", "Other" }

-- Those that do not say that nothing was done.
local UNSURE = { "Net", "Timeout", "Temporary", "Unavailable", "Canceled",
  "Fatal", "Other" }

-- Methods in an order of their own, as `pairs` has none.
local METHODS = {}
for method in pairs(MODES) do
  METHODS[#METHODS + 1] = method
end
table.sort(METHODS)

--- How much goes wrong in a world, and where: a quarter of the worlds are
--- calm, in others some methods fail often.
function faults.new(world)
  local dice, rates = world.dice, {}
  local all = dice:pick { 0, 0.01, 0.05, 0.15 }
  for _, method in ipairs(METHODS) do
    rates[method] = all
  end
  if all > 0 then
    for _ = 1, dice:int(0, 3) do
      rates[dice:pick(METHODS)] = dice:pick { 0.3, 0.6 }
    end
  end
  return setmetatable({ world = world, dice = dice, rates = rates }, Faults)
end

--- What a call of `method` is to do: a mode, or nil if it is to work.
function Faults:mode(method)
  if self.world.calm or not self.dice:chance(self.rates[method]) then
    return nil
  end
  return self.dice:pick(MODES[method])
end

--- An error of any kind. What has to be ended is not said to be gone.
function Faults:error(method)
  local kinds = (method == "kill" or method == "free") and UNSURE or KINDS
  return errors.new(self.dice:pick(kinds), "%s of a random world", method)
end

--- Raise something.
function Faults:raise(method)
  error(self.dice:pick {
    method .. " raised a text", { what = method }, false,
    self:error(method),
  }, 0)
end

--- Never return.
function Faults:hang()
  self.world.clock:promise():wait()
end

--- Let some time pass, now and then none.
function Faults:pause(longest)
  if self.dice:chance(0.6) then
    self.world.clock:sleep(self.dice:between(0, longest))
  end
end

-- A promise that is resolved a second time, which must change nothing.
local function twice(self, method, ...)
  local promise = self.world.clock:promise()
  promise:resolve(...)
  if promise:resolve(nil, self:error(method)) then
    self.world:complain("a promise was resolved twice")
  end
  return promise:wait()
end

local does = {}

function does.error(self, method)
  self:pause(2)
  return nil, self:error(method)
end

function does.after(self, method, work)
  work()
  self:pause(2)
  return nil, errors.new(self.dice:pick(UNSURE), "%s of a random world",
    method)
end

does.raise = Faults.raise

function does.nothing(_, _, work)
  work()
end

function does.void()
end

function does.hang(self, _, _, on_hang)
  if on_hang then
    on_hang()
  end
  self:hang()
end

function does.slow(self, _, work)
  self.world.clock:sleep(self.dice:between(1, 30))
  return work()
end

function does.twice(self, method, work)
  return twice(self, method, work())
end

--- Do `work()` and return its values, or let it go wrong. Suspends.
-- @param on_hang  called if it will never return
-- @return the values, and what it did: nil if nothing went wrong
function Faults:perform(method, work, on_hang)
  local mode = self:mode(method)
  if not mode then
    self:pause(0.2)
    return work()
  end
  return does[mode](self, method, work, on_hang)
end

return faults
