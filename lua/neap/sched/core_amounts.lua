--- Amounts on their way between Lua and the core.
--
-- Tasks with the same needs are many, so the core keeps amounts under small
-- numbers and a task names one. A number is remembered for each value and for
-- each text of a value, so that neither is taken apart twice. When there are
-- too many all are forgotten: the core has copied what it uses.

local errors = require "neap.sched.errors"
local ffi = require "ffi"
local resources = require "neap.sched.resources"

local core_amounts = {}

local MOST = 4096
local weak = { __mode = "k" }

local Amounts = {}
Amounts.__index = Amounts

--- What one core remembers.
-- @param page  its struct neap_face_page
-- @param lib   the C functions
function core_amounts.new(page, lib)
  return setmetatable({ page = page, lib = lib, count = 0,
    by_value = setmetatable({}, weak), by_key = {}, labels = {}, names = {},
  }, Amounts)
end

--- The error that the core has put on its page.
function core_amounts.error(page)
  return errors.new(ffi.string(page.error_kind), "%s", ffi.string(page.error))
end

-- Put a value on the page; false: it has a label that the core cannot take.
local function write(self, r)
  local amounts, lib = self.page.amounts, self.lib
  for i = 0, lib.neap_face_labels(self.page) - 1 do
    amounts[i] = 0
  end
  for _, label in ipairs(r:labels()) do
    local number = self.labels[label]
    if not number then
      number = lib.neap_face_label(self.page, label)
      if number < 0 then
        return false
      end
      self.labels[label] = number
    end
    amounts[number] = r:get(label)
  end
  return true
end

local function keep(self, r)
  local key = r:key()
  local id = self.by_key[key]
  if not id then
    if self.count == MOST then
      self.count, self.by_key = 0, {}
      self.by_value = setmetatable({}, weak)
    end
    id = self.count
    if not write(self, r) or self.lib.neap_face_keep(self.page, id) < 0 then
      return nil, core_amounts.error(self.page)
    end
    self.count = id + 1
    self.by_key[key] = id
  end
  self.by_value[r] = id
  return id
end

--- The number of a value.
-- @param r  resources, or a table as resources are made of
-- @return a number, valid until the next call; or nil and an error: a label
--   too many, or an amount beyond 2^53 of its smallest part
function Amounts:id(r)
  local id = self.by_value[r]
  if id then
    return id
  end
  return keep(self, resources.from(r))
end

--- What the core has put on the page.
-- @param amounts  array by label, default the page's
function Amounts:read(amounts)
  amounts = amounts or self.page.amounts
  local map, names, lib = {}, self.names, self.lib
  for i = 0, lib.neap_face_labels(self.page) - 1 do
    local name = names[i]
    if not name then
      name = ffi.string(lib.neap_face_label_name(self.page, i))
      names[i] = name
    end
    if amounts[i] ~= 0 then
      map[name] = amounts[i]
    end
  end
  return resources.from(map)
end

return core_amounts
