--- Random numbers of a clock: a small fast counting generator (sfc, 32 bit).
--
-- Each clock has its own, so that a seed gives the same numbers whatever else
-- runs in the Lua state, on every machine.

local bit = require "bit"

local random = {}

local Random = {}
Random.__index = Random

local tobit, bxor, rol = bit.tobit, bit.bxor, bit.rol
local lshift, rshift = bit.lshift, bit.rshift

local WARM_UP = 16

--- A generator.
-- @param seed  any number
function random.new(seed)
  local low = seed % 2 ^ 32
  local high = (seed - low) / 2 ^ 32 % 2 ^ 32
  local self = setmetatable({
    a = tobit(low), b = tobit(high),
    c = tobit((seed % 1) * 2 ^ 32), counter = 1,
  }, Random)
  for _ = 1, WARM_UP do
    self:bits()
  end
  return self
end

--- The next 32 bits, as a signed number.
function Random:bits()
  local a, b, c, counter = self.a, self.b, self.c, self.counter
  local out = tobit(tobit(a + b) + counter)
  self.counter = tobit(counter + 1)
  self.a = bxor(b, rshift(b, 9))
  self.b = tobit(c + lshift(c, 3))
  self.c = tobit(rol(c, 21) + out)
  return out
end

--- A number in [0, 1), 53 bits of it random.
function Random:number()
  local high, low = rshift(self:bits(), 5), rshift(self:bits(), 6)
  return (high * 2 ^ 26 + low) * 2 ^ -53
end

local DIGEST = "sha256:" .. ("%08x"):rep(8)

local function word(self)
  return self:bits() % 2 ^ 32
end

--- "sha256:" and 64 random digits.
function Random:digest()
  return DIGEST:format(word(self), word(self), word(self), word(self),
    word(self), word(self), word(self), word(self))
end

return random
