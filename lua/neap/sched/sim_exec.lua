--- An exec of a simulated cluster: it lasts, and ends well or not.
--
-- It has no timer: it knows when it will end, and who waits for it waits until
-- then. So a simulated task costs one small table and one wait.

local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"

local sim_exec = {}

-- Failures of the program, which a result tells; all others end the wait.
local program = { Exec = true, OOM = true, Eval = true, Module = true }

local nothing = fileset.new {}

local exec = {}
exec.__index = exec

-- Take the exec off its alloc's books and wake who waits for it.
local function close(x, state, err)
  x.state, x.err = state, err
  x.alloc:exec_ended(x)
  if x.promise then
    x.promise:resolve(true)
  end
end

local function ran_out(x)
  local kind = x.fails
  if not kind then
    return close(x, "complete")
  end
  local err = errors.new(kind, "simulated failure of %s", x.name)
  if program[kind] then
    x.program_err = err
    return close(x, "complete")
  end
  close(x, "failed", err)
end

--- Until its time has passed → true, or nil and why it did not get there.
function exec:wait()
  if self.state == "running" then
    local clock = self.alloc.cluster.clock
    local left = self.ends - clock:now()
    if left > 0 then
      self.promise = self.promise or clock:promise()
      self.promise:wait(left < math.huge and left or nil)
    end
    if self.state == "running" then
      ran_out(self)
    end
  end
  if self.err then
    return nil, self.err
  end
  return true
end

--- Kill it, if it still runs → true.
function exec:kill()
  if self.state == "running" then
    close(self, "killed", errors.new("Canceled", "%s was killed", self.name))
  end
  return true
end

--- Its outputs: none, for nothing was computed → true.
function exec:promote()
  return true
end

--- How it went → { state=, runtime=seconds, resources= }.
function exec:inspect()
  local upto = math.min(self.ends, self.alloc.cluster.clock:now())
  return {
    state = self.state, runtime = upto - self.started,
    resources = self.resources,
  }
end

--- → { fileset = the empty one, err = of the program, or nil }.
function exec:result()
  return { fileset = nothing, err = self.program_err }
end

--- Nothing was written → "".
function exec:logs()
  return ""
end

--- It has passed its end, whether or not somebody waits for it.
function exec:is_over(now)
  return self.state == "running" and now >= self.ends
end

exec.run_out = ran_out

--- End it before its time.
-- @param state  "killed" or "failed"
-- @param err    what who waits for it gets
exec.close = close

--- A running exec.
-- @param x  { id, uri, name, number = rank of its start, alloc, resources,
--   started, ends, fails = kind or nil }; becomes the exec
function sim_exec.start(x)
  x.state = "running"
  return setmetatable(x, exec)
end

return sim_exec
