--- Methods that misbehave on demand.
--
-- `faults.methods(class, names)` puts a switch in front of methods of a class
-- and gives it the methods below. Each of them works on the next `times`
-- calls of a method, by default on all until `heal`; the last one told counts.

local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"

local faults = {}

local running, resume = coroutine.running, coroutine.resume

--- `method` with a switch in front.
-- @param name  what `fail` and its kin call it
local function guarded(name, method)
  return function(self, ...)
    self.counts[name] = (self.counts[name] or 0) + 1
    local fault = self.faults[name]
    if not fault then
      return method(self, ...)
    end
    fault.left = fault.left - 1
    if fault.left <= 0 then
      self.faults[name] = nil
    end
    return fault.act(self, method, ...)
  end
end

-- Raises for a method that has no switch.
local function check_name(self, name, what)
  if not self.can_fail(name) then
    errors.raise("%s: there is no method '%s' that can misbehave%s", what,
      tostring(name), suggest.hint(name, self.failing or {}))
  end
end

local function set(self, what, name, times, act)
  check_name(self, name, what)
  if times ~= nil and (type(times) ~= "number" or times < 1) then
    errors.raise("%s: the number of calls is at least 1, not %s", what,
      tostring(times))
  end
  self.faults[name] = { left = times or math.huge, act = act }
end

--- An error, given as one or as its kind.
function faults.error(what, name, err)
  if errors.is_error(err) then
    return err
  end
  return errors.new(err, "%s fails on demand", name or what)
end

local Faulty = {}

--- Return nil and an error.
-- @param name   of the method
-- @param err    an error, or the kind of one
-- @param times  number of calls, default all
function Faulty:fail(name, err, times)
  err = faults.error("fail", name, err)
  set(self, "fail", name, times, function()
    return nil, err
  end)
end

--- Raise a value.
-- @param value  any; default a text
function Faulty:raise(name, value, times)
  if value == nil then
    value = tostring(name) .. " raises on demand"
  end
  set(self, "raise", name, times, function()
    error(value, 0)
  end)
end

--- Do not answer until `let_go`, then do what was asked.
function Faulty:hang(name, times)
  set(self, "hang", name, times, function(object, method, ...)
    local p = object.clock:promise()
    object.hung[#object.hung + 1] = { name = name, promise = p }
    p:wait()
    return method(object, ...)
  end)
end

--- Come back twice: the coroutine that called is resumed once more by
-- somebody who has no business to do so.
function Faulty:twice(name, times)
  set(self, "twice", name, times, function(object, method, ...)
    local co = running()
    if co then
      object.clock:spawn(resume, co)
    end
    return method(object, ...)
  end)
end

--- Answer what `fn(…)` returns; it gets the arguments of the method.
function Faulty:answer(name, fn, times)
  if type(fn) ~= "function" then
    errors.raise("answer: a function is needed, not a %s", type(fn))
  end
  set(self, "answer", name, times, function(_object, _method, ...)
    return fn(...)
  end)
end

--- Behave again. Calls that hang already go on hanging.
-- @param name  of one method; default all
function Faulty:heal(name)
  if name ~= nil then
    check_name(self, name, "heal")
  end
  for each in pairs(self.faults) do
    if name == nil or name == each then
      self.faults[each] = nil
    end
  end
end

--- Calls that hang go on.
-- @param name  of one method; default all
-- @return how many there were
function Faulty:let_go(name)
  local all, n = self.hung, 0
  for i = #all, 1, -1 do
    if name == nil or all[i].name == name then
      table.remove(all, i).promise:resolve(true)
      n = n + 1
    end
  end
  return n
end

--- How often a method was called.
function Faulty:calls(name)
  check_name(self, name, "calls")
  return self.counts[name] or 0
end

faults.guard = guarded

--- Put a switch in front of methods of a class.
-- @param names  of these methods
-- @return table of the names, to which those of `guard` can be added
function faults.methods(class, names)
  local failing = {}
  for _, name in ipairs(names) do
    failing[name] = true
    class[name] = guarded(name, class[name])
  end
  class.failing = failing
  class.can_fail = function(name)
    return failing[name] == true
  end
  for name, method in pairs(Faulty) do
    class[name] = method
  end
  return failing
end

--- What an object of such a class keeps.
-- @param clock  for calls that hang
function faults.init(self, clock)
  self.clock, self.faults, self.counts, self.hung = clock, {}, {}, {}
  return self
end

-- A method that is passed on to the object inside, with the switch in front.
local function passed_on(name)
  return guarded(name, function(self, ...)
    return self.inner[name](self.inner, ...)
  end)
end

--- An object that passes every method on to another, and can misbehave.
-- @param inner  the object
-- @param clock  for calls that hang
function faults.proxy(inner, clock)
  local self = faults.init({ inner = inner }, clock)
  self.can_fail = function(name)
    return type(inner[name]) == "function"
  end
  local methods = {}
  return setmetatable(self, {
    __index = function(_, name)
      local value = Faulty[name]
      if value == nil then
        value = inner[name]
        if type(value) == "function" then
          methods[name] = methods[name] or passed_on(name)
          value = methods[name]
        end
      end
      return value
    end,
  })
end

return faults
