--- A core with a clock of its own and a note of all that it wanted: for specs
-- of the core, of policies and of crafting.

local core = require "neap.sched.core"
local resources = require "neap.sched.resources"

local core_world = {}

local World = {}
World.__index = World

--- @param options  of core.new; `packing`: a policy to load
function core_world.new(options)
  options = options or {}
  options.drain_ns = options.drain_ns or 0
  local self = setmetatable({ core = core.new(options), now = 1e9,
    tasks = {}, ops = {}, state = {}, on = {}, alloc = {}, wanted = {} },
    World)
  if options.packing then
    assert(self.core:load_policy("packing", options.packing))
  end
  return self
end

local function take_op(self, op)
  local kind, number = op.kind, op.alloc
  self.ops[#self.ops + 1] = { kind = kind, slot = op.slot, alloc = number,
    state = op.state }
  if kind == core.TASK then
    self.state[op.slot] = op.state
  elseif kind == core.START then
    self.on[op.slot] = number
  elseif kind == core.ALLOC then
    self.alloc[number] = op.state
  elseif kind == core.REQUEST then
    self.wanted[#self.wanted + 1] = self.core:request(number)
    self.wanted[#self.wanted].number = number
  end
end

--- Take what the core wants; the operations of this time only are in `ops`.
function World:take()
  self.ops = {}
  local list, n = self.core:take()
  for i = 0, n - 1 do
    take_op(self, list[i])
  end
  return self.ops
end

--- Tasks with these needs; their slots count on.
function World:submit(list, fields)
  local handles = {}
  for i, needs in ipairs(list) do
    local slot = #self.tasks + 1
    local t = { res = resources(needs), name = "x", slot = slot }
    for name, value in pairs(fields or {}) do
      t[name] = value
    end
    handles[i] = assert(self.core:task(t))
    self.tasks[slot] = handles[i]
  end
  self.core:submit(handles, #handles, self.now)
end

--- Let time pass, play what is due, and take what is wanted.
function World:turn(seconds)
  self.now = self.now + (seconds or 0.001) * 1e9
  if self.core:dirty(self.now) then
    self.core:round(self.now, 1.8e9 + self.now / 1e9)
  end
  return self:take()
end

--- Grant the n-th request, or what else is given.
function World:grant(n, amounts)
  local wanted = self.wanted[n]
  self.core:granted(wanted.number, amounts and resources(amounts)
    or wanted.min, nil, self.now)
  return self:turn()
end

--- The task ran and has ended.
function World:finish(slot)
  self.core:running(self.tasks[slot], self.now)
  self.core:ended(self.tasks[slot], nil, self.now)
end

--- How many operations of a kind were taken last.
function World:count(kind)
  local n = 0
  for _, op in ipairs(self.ops) do
    n = op.kind == kind and n + 1 or n
  end
  return n
end

return core_world
