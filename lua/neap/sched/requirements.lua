--- What is asked of a cluster: a smallest bundle, and how many more of it.
--
-- `min` is the bundle that each alloc must hold at least, `width` says how many
-- more of it are of use. Asked for in total is min * (1 + width), everywhere:
-- width 0 is one bundle, width 1 is two.

local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"

local requirements = {}

local Requirements = {}
Requirements.__index = Requirements

local known = { min = true, width = true }

--- Are these requirements?
function requirements.is(value)
  return getmetatable(value) == Requirements
end

local function check_width(width)
  if type(width) ~= "number" or width < 0 or width > 2 ^ 53
    or width % 1 ~= 0 then
    errors.raise("requirements: width is a whole number of at least 0, not %s",
      text.show(width))
  end
  return width
end

--- New requirements.
-- @param spec  { min = resources or a table of amounts, default none;
--              width = default 0 }, or nil
function requirements.new(spec)
  if spec ~= nil and type(spec) ~= "table" then
    errors.raise("requirements are a table { min =, width = }, not %s",
      text.show(spec))
  end
  for field in pairs(spec or {}) do
    if not known[field] then
      errors.raise("unknown field %s of requirements%s", text.show(field),
        suggest.hint(field, known))
    end
  end
  spec = spec or {}
  return setmetatable({
    min = resources.from(spec.min or resources.NONE),
    width = check_width(spec.width or 0),
  }, Requirements)
end

--- More work that can use the same bundle, later. → the requirements
-- @param s  resources
function Requirements:add_serial(s)
  self.min = self.min:max(s)
  return self
end

--- More work that wants a bundle of its own, now. → the requirements
-- @param s  resources
function Requirements:add_parallel(s)
  if self.min == resources.NONE then
    self.min = resources.from(s)
  else
    self.min = self.min:max(s)
    self.width = self.width + 1
  end
  return self
end

--- What other requirements ask for as well. → the requirements
function Requirements:add(other)
  if not requirements.is(other) then
    errors.raise("requirements can be added to requirements, not %s",
      text.show(other))
  end
  self.min = self.min:max(other.min)
  self.width = self.width + other.width
  return self
end

--- All that is asked for: min * (1 + width).
function Requirements:max()
  return self.min * (1 + self.width)
end

function Requirements.__eq(a, b)
  return a.min == b.min and a.width == b.width
end

--- The bundle, and "#width" if it is more than 1.
function Requirements:__tostring()
  local width = self.width > 1 and ("#%.0f"):format(self.width) or ""
  return tostring(self.min) .. width
end

return setmetatable(requirements, {
  __call = function(_, spec)
    return requirements.new(spec)
  end,
})
