--- Clocks: virtual ones, whose time jumps, and the real one.
--
-- With a virtual clock nothing sleeps: an hour passes in as long as its events
-- take, and the same seed gives the same events.

local Base = require "neap.sched.clock_base"
local errors = require "neap.sched.errors"
local fibers = require "neap.sched.clock_fibers"
local suggest = require "neap.suggest"
local system = require "neap.sched.clock_system"
local turning = require "neap.sched.clock_turn"

local clock = {}

local Virtual = setmetatable({}, { __index = Base })
Virtual.__index = Virtual

local Real = setmetatable({}, { __index = Base })
Real.__index = Real

local function check_options(opts, known, what)
  if opts == nil then
    return {}
  elseif type(opts) ~= "table" then
    errors.raise("%s takes a table of options, not a %s", what, type(opts))
  end
  for key in pairs(opts) do
    if not known[key] then
      errors.raise("unknown option '%s' of %s%s", tostring(key), what,
        suggest.hint(key, known))
    end
  end
  return opts
end

local function check_number(value, what)
  if type(value) ~= "number" or value ~= value
    or math.abs(value) > 2 ^ 53 then
    errors.raise("%s must be a number, not %s", what, tostring(value))
  end
  return value
end

-- Virtual --------------------------------------------------------------------

-- Virtual clocks in the order of their making.
local made = setmetatable({}, { __mode = "v" })
local made_last = 0

--- A virtual clock.
-- @param opts  start: seconds it shows first, default 0; seed: of all
--              randomness of what runs on it, default 1
function clock.virtual(opts)
  opts = check_options(opts, { start = true, seed = true }, "clock.virtual")
  local start = check_number(opts.start or 0, "start")
  local seed = check_number(opts.seed or 1, "seed")
  local self = Base.init(setmetatable({
    virtual = true, ns = math.floor(start * 1e9 + 0.5),
  }, Virtual), seed)
  made_last = made_last + 1
  made[made_last] = self
  return self
end

--- Seconds.
function Virtual:now()
  return self.ns / 1e9
end

--- Whole nanoseconds.
function Virtual:now_ns()
  return self.ns
end

function Virtual:move(timer, limit_ns)
  if not timer or timer.time > limit_ns then
    return false
  end
  self.ns = timer.time
  return true
end

--- Let so much time pass and everything happen that becomes due. ⏸
-- @param seconds  number, or a text such as "1h"
function Virtual:advance(seconds)
  seconds = self.seconds(seconds, "clock:advance")
  if turning.in_coroutine(self) then
    return self:sleep(seconds)
  end
  local limit_ns = self.ns + math.floor(seconds * 1e9 + 0.5)
  local mark = turning.mark(self, "advance the clock")
  local ok, err = turning.turn(self, mark, limit_ns)
  if ok == nil then
    error(err, 0)
  end
  self.ns = limit_ns
end

-- Real -----------------------------------------------------------------------

--- A clock of the machine: wall time that never goes back.
-- @param opts  seed: default a random one; poll = fn(seconds) → more: waits at
--              most so long for the outside world, which may make something
--              ready; `more` says whether it can still do so. Default: sleep
function clock.real(opts)
  opts = check_options(opts, { seed = true, poll = true }, "clock.real")
  local seed = opts.seed and check_number(opts.seed, "seed")
    or system.entropy()
  local self = Base.init(setmetatable({
    poll = opts.poll,
    offset_ns = system.wall_ns() - system.monotonic_ns(),
  }, Real), seed)
  self.ns = self:now_ns()
  return self
end

--- Whole nanoseconds since 1970.
function Real:now_ns()
  return self.offset_ns + system.monotonic_ns()
end

--- Seconds since 1970.
function Real:now()
  return self:now_ns() / 1e9
end

function Real:move(timer)
  local now_ns = self:now_ns()
  self.ns = now_ns
  if timer and timer.time <= now_ns then
    return true
  end
  local seconds = timer and (timer.time - now_ns) / 1e9 or math.huge
  if self.poll then
    return self.poll(seconds) or timer ~= nil
  elseif fibers.sleep(self, seconds) then
    return true
  elseif timer then
    system.sleep(seconds)
  end
  return timer ~= nil
end

--- Let so much time pass: the same as `sleep`. ⏸
function Real:advance(seconds)
  return self:sleep(seconds)
end

-- ----------------------------------------------------------------------------

local real

--- The virtual clock that was made last and is still in use, else the real one.
-- Looks at what is garbage first, so the answer does not depend on when that is
-- collected; give `clock =` where this is called often.
function clock.default()
  if next(made) then
    collectgarbage()
    local last
    for i in pairs(made) do
      last = math.max(last or i, i)
    end
    if last then
      return made[last]
    end
  end
  real = real or clock.real()
  return real
end

return clock
