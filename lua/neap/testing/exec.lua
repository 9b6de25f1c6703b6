--- A fake exec: it runs until the spec completes it.
--
--   running ─complete()─▶ complete
--      ├─complete(nil, err)─▶ failed
--      └─kill()─▶ killed

local errors = require "neap.sched.errors"
local faults = require "neap.testing.faults"
local filesets = require "neap.sched.fileset"

local exec = {}

local Exec = {}
Exec.__index = Exec

--- An exec that runs.
-- Fields: id, uri, config (what was put), alloc, state.
function exec.new(alloc, id, config)
  local self = setmetatable({
    id = id, uri = ("fake://%s/%s"):format(alloc.id, id), config = config,
    alloc = alloc, state = "running", created = alloc.clock:now(),
    over = alloc.clock:promise(), text = {},
  }, Exec)
  return faults.init(self, alloc.clock)
end

-- For the scheduler ----------------------------------------------------------

--- Until it has ended. ⏸
-- @return true, or nil and why it did not complete
function Exec:wait()
  return self.over:wait()
end

--- Take references on the outputs, in the name of the exec.
function Exec:promote()
  if self.state ~= "complete" then
    return nil, errors.new("Precondition", "exec %s is %s, not complete",
      self.id, self.state)
  end
  self.alloc:hold(self.id, self.outcome.fileset)
  return true
end

--- What is known of it: { state, created, runtime (s), resources, config }.
function Exec:inspect(_repo)
  return {
    state = self.state, created = self.created,
    runtime = (self.ended or self.clock:now()) - self.created,
    resources = self.config.resources, config = self.config,
  }
end

--- { fileset =, err = error of the program }.
function Exec:result()
  if self.state ~= "complete" then
    return nil, errors.new("Precondition", "exec %s is %s, not complete",
      self.id, self.state)
  end
  return self.outcome
end

--- End it, if it runs.
function Exec:kill()
  self:finish("killed", errors.new("Canceled", "exec %s was killed", self.id))
  return true
end

--- What was written: `opts.stream` is "stdout" (default) or "stderr".
function Exec:logs(opts)
  return table.concat(self.text[opts and opts.stream or "stdout"] or {})
end

faults.methods(Exec, {
  "wait", "promote", "inspect", "result", "kill", "logs",
})

-- For the spec ---------------------------------------------------------------

--- End it in `state`; those who wait get true, or nil and `err`.
-- @return false when it had ended
function Exec:finish(state, err)
  if self.state ~= "running" then
    return false
  end
  self.state, self.ended = state, self.clock:now()
  self.alloc:exec_ended(self)
  if err then
    return self.over:resolve(nil, err)
  end
  return self.over:resolve(true)
end

local function check_result(result)
  if type(result) ~= "table" then
    errors.raise("complete takes a fileset or { fileset =, err = }, not a %s",
      type(result))
  end
  for key in pairs(result) do
    if key ~= "fileset" and key ~= "err" then
      errors.raise("complete takes a fileset or { fileset =, err = }; it has"
        .. " no field '%s'", tostring(key))
    end
  end
end

-- `{ fileset =, err = }` from what `complete` takes.
local function outcome_of(result)
  if filesets.is(result) then
    return { fileset = result }
  end
  local fileset, err = filesets.new {}, nil
  if result ~= nil then
    check_result(result)
    fileset, err = result.fileset or fileset, result.err
  end
  return {
    fileset = fileset,
    err = err and faults.error("complete", "the program", err),
  }
end

--- Let it end.
-- @param result  fileset, or { fileset =, err = error of the program, or its
--                kind }; default: no files
-- @param err     error of its `wait`, or the kind of one: it did not run to
--                its end; result is then not looked at
-- @return false when it had ended
function Exec:complete(result, err)
  if err then
    return self:finish("failed", faults.error("complete", "the exec", err))
  end
  local outcome = outcome_of(result)
  if self.state ~= "running" then
    return false
  end
  self.outcome = outcome
  return self:finish("complete")
end

--- Write to a log.
-- @param text    what
-- @param stream  "stdout" (default) or "stderr"
function Exec:write(text, stream)
  stream = stream or "stdout"
  local parts = self.text[stream] or {}
  self.text[stream] = parts
  parts[#parts + 1] = text
end

return exec
