--- Future files: an output of a task that may not have ended yet.
-- As an input it is a dependency; anything else waits for the task.

local check = require "neap.check"
local errors = require "neap.errors"
local outputs = require "neap.outputs"
local suggest = require "neap.suggest"
local wait = require "neap.wait"

local future = {}

local Future = {}

local function resolve(self)
  return wait.await_one(self)
end

-- Methods that are the file's own, after waiting for it.
local delegated = {}
for _, name in ipairs { "read", "lines", "json", "save", "publish", "exists",
  "files", "paths", "get", "glob", "count" } do
  delegated[name] = function(self, ...)
    local value = resolve(self)
    local method = value[name]
    if not method then
      check.fail(name, "output '%s' of task '%s' is a %s: it has no method"
        .. " '%s'", self._entry.name, self._task.name, self._entry.kind, name)
    end
    return method(value, ...)
  end
end

function delegated.await(self, opts)
  return wait.await_one(self, opts)
end

function delegated.try(self, opts)
  return wait.try_one(self, opts)
end

function Future.__index(self, key)
  if key == "name" then
    return outputs.file_name(self._entry)
  elseif key == "task" then
    return self._task
  end
  return delegated[key] or resolve(self)[key]
end

function Future.__newindex(_, key)
  errors.raise("E_SPEC", ("a future file is a value: '%s' cannot be set")
    :format(tostring(key)), { field = key })
end

function Future.__eq(a, b)
  local one, other = a._task:peek(a._entry), b._task:peek(b._entry)
  return rawequal(a._task, b._task) and a._entry == b._entry
    or one ~= nil and other ~= nil and one == other
end

function Future:__tostring()
  local value = self._task:peek(self._entry)
  return value and tostring(value) or ("Future(%s.%s ?)"):format(
    tostring(self._task:peek_id()), self._entry.name)
end

wait.register(Future, function(self)
  return self._task, function(task)
    return task:output(self._entry)
  end
end)

--- The table of future files of a task, `t.out`.
function future.table(task)
  local known = task.plan.output_of
  return setmetatable({}, {
    __index = function(self, name)
      local entry = known[name]
      if not entry then
        local names = {}
        for each in pairs(known) do
          names[#names + 1] = each
        end
        table.sort(names)
        check.fail(tostring(name), "task '%s' has no output %s%s; it has: %s",
          task.name, check.show(name), suggest.hint(name, known),
          #names > 0 and table.concat(names, ", ") or "none")
      end
      local made = setmetatable({ _task = task, _entry = entry }, Future)
      rawset(self, name, made)
      return made
    end,
    __newindex = function(_, name)
      check.fail(tostring(name), "t.out cannot be changed")
    end,
  })
end

-- Set by neap.task: is this a Task?
future.is_task = nil

--- The task and output that `value` stands for: a future file or a Task with
-- one output. nil when it is neither.
function future.source(value, what)
  if getmetatable(value) == Future then
    return value._task, value._entry
  elseif future.is_task(value) then
    local list = value.plan.outputs
    if #list ~= 1 then
      check.fail(nil, "%s: task '%s' has %d outputs; say which one: t.out.NAME",
        what, value.name, #list)
    end
    return value, list[1]
  end
end

--- Is `x` a future file?
function future.is(x)
  return getmetatable(x) == Future
end

return future
