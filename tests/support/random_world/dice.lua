--- Dice of a random world: the same numbers for the same seed, everywhere.
--
-- Not the clock's: what the scheduler draws from that must not change which
-- world a seed means.

local dice = {}

local Dice = {}
Dice.__index = Dice

local M = 2147483647 -- Park and Miller's generator, exact in doubles

--- Dice of a seed, a whole number.
function dice.new(seed)
  local self = setmetatable({ state = seed * 7919 % (M - 1) + 1 }, Dice)
  for _ = 1, 4 do
    self:unit() -- neighbouring seeds begin alike
  end
  return self
end

--- In [0, 1).
function Dice:unit()
  self.state = self.state * 48271 % M
  return (self.state - 1) / (M - 1)
end

--- A whole number from `a` to `b`.
function Dice:int(a, b)
  return a + math.floor(self:unit() * (b - a + 1))
end

--- In [a, b).
function Dice:between(a, b)
  return a + self:unit() * (b - a)
end

--- True with probability `p`.
function Dice:chance(p)
  return self:unit() < p
end

--- One of a list.
function Dice:pick(list)
  return list[self:int(1, #list)]
end

return dice
