--- Resources: how much of what a task needs and an alloc has.
--
-- An immutable value: any label → an amount, a missing label is 0. Every
-- operation gives a new value. Amounts are kept in the exact grid of
-- `resources_amounts`, so that adding and subtracting the same gives what was
-- there before, and two equal amounts are equal.
--
-- Inside: [1] … [4] are the parts of cpu, mem, disk and gpu, which nearly all
-- values consist of; [5] is a table of the parts of other labels (none of them
-- 0), or false; [6] is the text once somebody asked for it, else false.

local amounts = require "neap.sched.resources_amounts"
local errors = require "neap.sched.errors"
local math_of = require "neap.sched.resources_math"
local text = require "neap.sched.errors_text"

local resources = {}

local R, methods = {}, {}

local MAX = amounts.MAX
local NONE = {}
local slots = { cpu = 1, mem = 2, disk = 3, gpu = 4 }
local fixed = { "cpu", "mem", "disk", "gpu" }

local abs, floor, huge = math.abs, math.floor, math.huge
local getmetatable, setmetatable, type = getmetatable, setmetatable, type
local next, pairs = next, pairs
local max, min = math.max, math.min

local function overflow(op)
  errors.raise("resources: the result of %s is larger than 2^53", op)
end

local function plus(x, y)
  local sum = x + y
  if abs(sum) >= MAX and sum - x ~= y then
    return huge -- it was rounded to 2^53
  end
  return sum
end

local function minus(x, y)
  return plus(x, -y)
end

-- Some part is 2^53 or more: is it one too many?
local function check_edge(parts, op, a, b, fn)
  for slot = 1, 4 do
    local n = fn and fn(a[slot], b[slot]) or parts[slot]
    if abs(n) > MAX then
      overflow(op)
    end
  end
end

-- The only place that makes a value.
-- @param op, a, b, fn  of a sum: its name, its sides, `plus` or `minus`
local function new(cpu, mem, disk, gpu, others, op, a, b, fn)
  local parts = { cpu, mem, disk, gpu, others, false }
  if cpu >= MAX or mem >= MAX or disk >= MAX or gpu >= MAX or cpu <= -MAX
    or mem <= -MAX or disk <= -MAX or gpu <= -MAX then
    check_edge(parts, op, a, b, fn)
  end
  return setmetatable(parts, R)
end

--- Is this value resources?
function resources.is(value)
  return type(value) == "table" and getmetatable(value) == R
end

-- The value that a map describes, or nil and a message.
local function build(map)
  local parts, others = { 0, 0, 0, 0 }, false
  for label, amount in pairs(map) do
    local ok, message = amounts.check_label(label)
    local n
    if ok then
      n, message = amounts.parts(label, amount)
    end
    if not n then
      return nil, message
    elseif slots[label] then
      parts[slots[label]] = n
    elseif n > 0 then
      others = others or {}
      others[label] = n
    end
  end
  return new(parts[1], parts[2], parts[3], parts[4], others)
end

--- Resources from what a user wrote.
-- @param map  { cpu = 4, mem = "8GiB", licence = 2 }, or resources, which are
--             given back; amounts are numbers of at least 0 or sizes
function resources.from(map)
  if resources.is(map) then
    return map
  elseif type(map) ~= "table" then
    errors.raise("resources are a table such as { cpu = 4, mem = '8GiB' }, not"
      .. " %s%s", text.show(map), type(map) == "string"
      and "; a text is read by resources.parse" or "")
  end
  local r, message = build(map)
  if not r then
    errors.raise("resources: %s", message)
  end
  return r
end

--- Resources from their text, as `tostring` gives it.
-- @return resources, or nil and an error of kind Invalid
function resources.parse(source)
  if type(source) ~= "string" then
    errors.raise("resources.parse: a text is needed, not %s",
      text.show(source))
  end
  local map, message = amounts.parse(source)
  local r
  if map then
    r, message = build(map)
  end
  if not r then
    return nil, errors.new("Invalid", "resources: %s", message)
  end
  return r
end

-- The other operand of a method: resources, or a table as for `from`.
local function operand(value, method)
  if getmetatable(value) == R then
    return value
  elseif type(value) ~= "table" then
    errors.raise("%s of resources: the other side must be resources, not %s",
      method, text.show(value))
  end
  return resources.from(value)
end

local function check_pair(a, b, op)
  local wrong
  if getmetatable(a) ~= R then
    wrong = text.show(a)
  elseif getmetatable(b) ~= R then
    wrong = text.show(b)
  end
  if wrong then
    errors.raise("resources: both sides of '%s' must be resources, not %s", op,
      wrong)
  end
end

-- fn(x, y) for each label of two tables of others, 0 where one is missing.
local function merge(a, b, fn, op)
  local out = {}
  for label, x in pairs(a or NONE) do
    out[label] = fn(x, b and b[label] or 0)
  end
  for label, y in pairs(b or NONE) do
    out[label] = out[label] or fn(0, y)
  end
  for label, n in pairs(out) do
    if abs(n) > MAX then
      overflow(op)
    end
    out[label] = n ~= 0 and n or nil
  end
  return next(out) and out or false
end

function R.__add(a, b)
  check_pair(a, b, "+")
  local x, y = a[5], b[5]
  return new(a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4],
    (x or y) and merge(x, y, plus, "+") or false, "+", a, b, plus)
end

--- a - b. May be negative: what is missing.
function R.__sub(a, b)
  check_pair(a, b, "-")
  local x, y = a[5], b[5]
  return new(a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4],
    (x or y) and merge(x, y, minus, "-") or false, "-", a, b, minus)
end

-- n * k in the grid.
local function scaled(n, k)
  local product = n * k
  return product == floor(product) and product or amounts.round(product)
end

--- r * k or k * r, rounded to the grid.
function R.__mul(a, b)
  local r, k = a, b
  if type(a) == "number" then
    r, k = b, a
  end
  if type(k) ~= "number" or k ~= k or abs(k) == huge then
    errors.raise("resources can be multiplied by a finite number, not by %s",
      text.show(k))
  end
  local others = false
  if r[5] then
    others = merge(r[5], false, function(n)
      return scaled(n, k)
    end, "*")
  end
  return new(scaled(r[1], k), scaled(r[2], k), scaled(r[3], k),
    scaled(r[4], k), others, "*")
end

local function same_others(a, b)
  for label, x in pairs(a) do
    if b[label] ~= x then
      return false
    end
  end
  for label in pairs(b) do
    if not a[label] then
      return false
    end
  end
  return true
end

function R.__eq(a, b)
  if a[1] ~= b[1] or a[2] ~= b[2] or a[3] ~= b[3] or a[4] ~= b[4] then
    return false
  end
  local x, y = a[5], b[5]
  return x == y or (x and y and same_others(x, y)) or false
end

function R.__newindex(_, key)
  errors.raise("resources are a value: %s cannot be set; compute new ones",
    text.show(key))
end

--- Does `s` fit in these? Labels that `s` has nothing of do not matter: {}
-- fits everywhere, also where something is overdrawn.
function methods:available(s)
  if getmetatable(s) ~= R then
    s = operand(s, "available")
  end
  local cpu, mem, disk, gpu, others = s[1], s[2], s[3], s[4], s[5]
  if (cpu ~= 0 and self[1] < cpu) or (mem ~= 0 and self[2] < mem)
    or (disk ~= 0 and self[3] < disk) or (gpu ~= 0 and self[4] < gpu) then
    return false
  end
  return not others or math_of.others_fit(self[5] or NONE, others)
end

local function pick(a, b, fn, op)
  b = operand(b, op)
  local x, y = a[5], b[5]
  return new(fn(a[1], b[1]), fn(a[2], b[2]), fn(a[3], b[3]), fn(a[4], b[4]),
    (x or y) and merge(x, y, fn, op) or false, op)
end

--- The larger of each label.
function methods:max(s)
  return pick(self, s, max, "max")
end

--- The smaller of each label; one that only one side has is 0.
function methods:min(s)
  return pick(self, s, min, "min")
end

--- Label → ratio, of the labels that neither side has 0 of.
function methods:div(s)
  return math_of.div(self, operand(s, "div"))
end

--- The largest ratio of `div`; 0 if there is none.
function methods:max_ratio(s)
  return math_of.max_ratio(self, operand(s, "max_ratio"))
end

--- mem / 8 GiB + cpu, absolute differences to `s`.
-- @param s  resources, default none
function methods:scaled_distance(s)
  return math_of.scaled_distance(self, s ~= nil
    and operand(s, "scaled_distance") or resources.NONE)
end

--- The largest share of `total`; infinity where total has none.
function methods:dominant_share(total)
  return math_of.dominant_share(self, operand(total, "dominant_share"))
end

--- The amount of a label in the user's unit; 0 if there is none of it.
function methods:get(label)
  local slot = slots[label]
  if slot then
    return slot == 1 and self[1] / 1000 or self[slot]
  elseif type(label) ~= "string" then
    errors.raise("get of resources: a label is a name, not %s",
      text.show(label))
  end
  return self[5] and self[5][label] or 0
end

--- Labels with an amount other than 0, sorted.
function methods:labels()
  local list = {}
  for slot = 1, 4 do
    if self[slot] ~= 0 then
      list[#list + 1] = fixed[slot]
    end
  end
  for label in pairs(self[5] or NONE) do
    list[#list + 1] = label
  end
  table.sort(list)
  return list
end

--- A text that is the same for equal resources and for no others.
function methods:key()
  local key = self[6]
  if not key then
    key = math_of.text(self)
    self[6] = key
  end
  return key
end

R.__tostring = methods.key

function R.__index(self, key)
  local method = methods[key]
  if method then
    return method
  elseif type(key) == "string" then
    return methods.get(self, key)
  end
end

--- Nothing at all.
resources.NONE = new(0, 0, 0, 0, false)

return setmetatable(resources, {
  __call = function(_, map)
    return resources.from(map)
  end,
})
