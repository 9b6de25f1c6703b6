--- Leases: an alloc lives until the end of what its last keepalive granted.
--
--   grant ──▶ keepalive ──ok──▶ sleep until 30 s before the end ──▶ keepalive
--                 │ error: suspect; again after 2 s · 1.5ⁿ, until the end
--                 │ NotExist, Fatal: dead at once
--                 └ no answer: suspect after 10 s, dead at the end
--
-- Before the first keepalive nothing is known: it has 10 seconds.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"

local lease = {}

local INTERVAL = 120 -- seconds asked for
local LONGEST = 300  -- between two keepalives
local SHORTEST = 0.001 -- or the last moments of an alloc would never pass
local MARGIN = 30    -- before the end
local FIRST = 10     -- until the first answer
local CALL = 10      -- for one call, before the alloc is in doubt

local function over(alloc)
  return alloc.releasing or alloc.state == "dead"
    or alloc.state == "released"
end

-- Tell those who asked whether it is alive.
local function answer_all(alloc, alive)
  if alloc.asked then
    alloc.asked:resolve(alive)
    alloc.asked = nil
  end
end

local function die(s, alloc, err)
  answer_all(alloc, false)
  if over(alloc) then
    return
  end
  alloc.err = err
  s:log("warn", "alloc %s is lost: %s", alloc.key, tostring(err))
  s.core:dead(alloc.number, err, s.clock:now_ns())
  s:kick()
end

local function suspect(s, alloc, doubt)
  if alloc.doubted ~= doubt and not over(alloc) then
    alloc.doubted = doubt
    s.core:suspect(alloc.number, doubt, s.clock:now_ns())
    s:kick()
  end
end

-- One call: granted seconds, or nil and an error, at the latest at `ends`.
local function renew(s, alloc, ends)
  local clock = s.clock
  local answer = call.start(clock, alloc.object, "keepalive", INTERVAL)
  local granted, err = answer:wait(math.max(0,
    math.min(CALL, ends - clock:now())))
  if granted == nil and errors.is("Timeout", err) and clock:now() < ends then
    suspect(s, alloc, true)
    granted, err = answer:wait(math.max(0, ends - clock:now()))
  end
  if granted == nil then
    return nil, call.failure(err, "keepalive")
  elseif type(granted) ~= "number" or granted ~= granted or granted < 0 then
    return nil, errors.new("Fatal", "keepalive granted %s, not seconds",
      tostring(granted))
  end
  return granted
end

local function deadly(err)
  return errors.is("NotExist", err) or errors.is("Fatal", err)
end

-- Until when to sleep after a success.
local function next_call(s, begun, granted)
  local rest = granted > 2 * MARGIN and granted - MARGIN or granted / 2
  rest = math.min(rest, LONGEST)
  rest = rest * (1 - 0.1 * s.clock:random())
  return begun + math.max(rest, SHORTEST)
end

-- Sleep, unless somebody wants an answer now (`lease.hurry`).
local function rest(s, alloc, seconds)
  alloc.wake = s.clock:promise()
  alloc.wake:wait(math.max(0, seconds))
  alloc.wake = nil
end

local function keep(s, alloc)
  local clock = s.clock
  local ends, fails = clock:now() + FIRST, 0
  alloc.expires = ends
  while not over(alloc) do
    local begun = clock:now()
    local granted, err = renew(s, alloc, ends)
    if over(alloc) then
      return
    elseif granted then
      ends, fails = begun + granted, 0
      alloc.expires = ends
      suspect(s, alloc, false)
      answer_all(alloc, true)
      rest(s, alloc, next_call(s, begun, granted) - clock:now())
    elseif deadly(err) or clock:now() >= ends then
      return die(s, alloc, err)
    else
      suspect(s, alloc, true)
      local pause = 2 * 1.5 ^ fails * (0.8 + 0.4 * clock:random())
      fails = fails + 1
      rest(s, alloc, math.min(pause, ends - clock:now()))
      if clock:now() >= ends then
        return die(s, alloc, err)
      end
    end
  end
end

--- Keep a granted alloc alive until it is given back. Returns at once.
function lease.start(s, alloc)
  s:go(keep, s, alloc)
end

--- Is it still alive? Asks it now. Suspends.
-- @param seconds  that an answer may take; after that it counts as alive
function lease.alive(s, alloc, seconds)
  if over(alloc) then
    return false
  end
  alloc.asked = alloc.asked or s.clock:promise()
  local asked = alloc.asked
  if alloc.wake then
    alloc.wake:resolve(true)
  end
  return asked:wait(seconds) ~= false
end

--- The alloc is on its way back: no keepalive any more.
function lease.stop(alloc)
  answer_all(alloc, true)
  if alloc.wake then
    alloc.wake:resolve(true)
  end
end

--- Something went wrong on the alloc: it is suspect until a keepalive, which
-- is made now, succeeds.
function lease.doubt(s, alloc)
  suspect(s, alloc, true)
  if alloc.wake then
    alloc.wake:resolve(true)
  end
end

return lease
