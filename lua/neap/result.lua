--- Results of tasks that are done.

local check = require "neap.check"
local file = require "neap.file"
local fileset = require "neap.fileset"
local session = require "neap.session"
local suggest = require "neap.suggest"

local result = {}

local Result, properties = {}, {}

--- What most scripts never ask for is made when it is.
function Result.__index(self, key)
  local make = properties[key]
  if not make then
    return Result[key]
  end
  local value = make(rawget(self, "task"))
  rawset(self, key, value)
  return value
end

local function make_output(entry, row_output)
  local files = row_output and row_output.files
  if entry.kind == "file" or entry.kind == "stdout" then
    if entry.kind == "stdout" and not (files and files[1]) then
      return row_output and file.text("stdout", "") or nil
    end
    return files and files[1] and file.of_object(files[1],
      entry.kind == "stdout" and "stdout" or entry.place:match("[^/]+$"))
  end
  return row_output and fileset.of_objects(entry.name, files or {})
end

function properties.out(task)
  local known, row = task.plan.output_of, task.row
  return setmetatable({}, { __index = function(self, name)
    local entry = known[name]
    if not entry then
      check.fail(tostring(name), "task '%s' has no output %s%s", task.name,
        check.show(name), suggest.hint(name, known))
    end
    session.used(task, name)
    local value = make_output(entry, row.outputs and row.outputs[name])
    rawset(self, name, value)
    return value
  end })
end

local function stream(object, name)
  if object then
    return file.of_object(object, name)
  end
  return file.text(name, "")
end

function properties.stdout(task)
  return stream(task.row.stdout, "stdout")
end

function properties.stderr(task)
  return stream(task.row.stderr, "stderr")
end

--- The Result of a task whose row is there.
function result.new(task)
  local row = task.row
  return setmetatable({
    task = task, exit = row.exit or 0, signal = row.signal,
    runtime = row.runtime, queued = row.queued,
    staged_bytes = row.staged_bytes or 0,
    cached = row.cached or false, attempt = row.attempt, alloc = row.alloc,
    node = row.node, usage = row.usage or {},
  }, Result)
end

function Result:__tostring()
  return ("Result(%s %s exit %d)"):format(self.task:peek_id(), self.task.name,
    self.exit)
end

return result
