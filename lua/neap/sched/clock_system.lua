--- The machine's clocks, sleep and entropy, for the real clock.

local ffi = require "ffi"
local jit = require "jit"

local system = {}

-- Types without a name and functions under names of our own: other modules of
-- the same Lua state may declare the real ones.
ffi.cdef [[
int neap_sched_clock_gettime(int id, void *ret) __asm__("clock_gettime");
int neap_sched_nanosleep(const void *time, void *rest) __asm__("nanosleep");
]]

local timespec = ffi.typeof("struct { long s; long ns; }")
local C = ffi.C
local REALTIME, MONOTONIC = 0, 1

local reading, pause = timespec(), timespec()

local function read(id)
  C.neap_sched_clock_gettime(id, reading)
  return tonumber(reading.s) * 1e9 + tonumber(reading.ns)
end

--- Nanoseconds since 1970; may be set back.
function system.wall_ns()
  return read(REALTIME)
end

--- Nanoseconds since some moment; never goes back.
function system.monotonic_ns()
  return read(MONOTONIC)
end

--- Sleep at most so long. A signal ends it early, so that the interpreter can
-- act on it: never compiled, because compiled code does not look.
-- @param seconds  of at least 0, may be infinite
function system.sleep(seconds)
  seconds = math.min(seconds, 3600)
  pause.s = math.floor(seconds)
  pause.ns = math.floor(seconds % 1 * 1e9)
  C.neap_sched_nanosleep(pause, nil)
end

jit.off(system.sleep)

--- A seed that nobody can guess: a whole number below 2^53.
function system.entropy()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(7)
  file:close()
  local seed = 0
  for i = 1, 7 do
    seed = seed * 256 + bytes:byte(i)
  end
  return seed % 2 ^ 53
end

return system
