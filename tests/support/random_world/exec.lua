--- Execs of a random world: programs that last, end, fail and are killed.

local sched = require "neap.sched"

local exec = {}

local Exec = {}
Exec.__index = Exec

local errors = sched.errors

--- A program that begins to run now.
-- @param entry  the world's book about its task
function exec.new(alloc, id, config, entry)
  local world = alloc.world
  local self = setmetatable({
    world = world, alloc = alloc, attempt = id, entry = entry,
    id = "x/" .. id, uri = "random://" .. alloc.id .. "/" .. id,
    needs = config.resources, over = false, done = world.clock:promise(),
  }, Exec)
  local lasts = world.calm and world.dice:between(0, 30)
    or world.dice:pick { 0, 1, 10, 60, 300 } * world.dice:unit()
  world.clock:after(lasts, function() self:finish() end)
  return self
end

--- Does it run, as far as the world itself can tell?
function Exec:is_live()
  return not self.over and not self.alloc:is_over()
end

--- It ends by itself, unless its machine is gone.
function Exec:finish()
  if self:is_live() then
    self.over, self.ran = true, true
    self.done:resolve(true)
  end
end

--- It ends because its machine does.
function Exec:lose(kind)
  if not self.over then
    self.over = true
    self.done:resolve(nil, errors.new(kind, "the machine is gone"))
  end
end

-- Do it unless the machine is gone.
local function on_machine(self, method, work, on_hang)
  if self.alloc:is_over() then
    return self.alloc:nothing()
  end
  return self.world.faults:perform(method, work, on_hang)
end

local function blame(entry)
  return function() entry.hung = true end
end

function Exec:wait()
  return on_machine(self, "wait", function()
    return self.done:wait()
  end, blame(self.entry))
end

function Exec:promote()
  return on_machine(self, "promote", function()
    if self.entry.type == "extern" then
      self.world:complain("an extern was promoted")
    end
    self.alloc:refer(self.id, self.entry)
    return true
  end, blame(self.entry))
end

function Exec:inspect()
  return on_machine(self, "inspect", function()
    return { cpu = 1 }
  end)
end

function Exec:result()
  return on_machine(self, "result", function()
    if not self.ran then
      self.world:complain("the result of an exec that has not ended was "
        .. "asked for")
    end
    local fails = self.world.dice:chance(0.1)
    self.answer = {
      fileset = self.world:pick_output(),
      err = fails and errors.new("Exec", "exit status 1") or nil,
    }
    return self.answer
  end, blame(self.entry))
end

function Exec:kill()
  return on_machine(self, "kill", function()
    self:lose("Canceled")
    return true
  end)
end

function Exec:logs()
  return nil, errors.new("NotSupported", "no logs in a random world")
end

return exec
