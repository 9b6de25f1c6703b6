--- The nine stages of an attempt: load, put, wait, verify, promote, inspect,
-- result, transfer, unload.
--
-- Each stage is a function of the attempt that returns true, or nil and an
-- error. It may be called again after an error; it then does only what is
-- left to do. A stage does not look at whether the attempt was stopped
-- meanwhile: `attempt` does, after each call.

local call = require "neap.sched.call"
local errors = require "neap.sched.errors"
local filesets = require "neap.sched.fileset"
local locality = require "neap.sched.locality"
local state = require "neap.sched.state"
local task = require "neap.sched.task"

local stages = {}

local INSPECT = 10 -- seconds that an inspect may take

-- ---- load -----------------------------------------------------------------

-- Arguments that are filesets, each with the token that makes its load
-- idempotent.
local function inputs_of(att)
  local list = {}
  for i, arg in ipairs(att.record.config.args) do
    if arg.fileset ~= nil then
      list[#list + 1] = {
        place = i, fileset = arg.fileset, token = att.id .. "/" .. i,
      }
    end
  end
  return list
end

local function load_one(att, input)
  local alloc = att.alloc.object
  local fileset, err = alloc:load(att.record.repository, input.fileset,
    input.token)
  if not fileset then
    return nil, call.failure(err, "load")
  elseif not filesets.is(fileset) then
    return nil, errors.new("Fatal", "load returned a %s, not a fileset",
      type(fileset))
  end
  input.loaded, input.held = fileset, true
  if not att.gone then
    locality.loaded(att.s.core, att.alloc.number, fileset)
  end
  return true
end

-- True when all came true, or nil and the first error.
local function all(promises)
  local ok, first = true, nil
  for i = 1, #promises do
    local done, err = promises[i]:wait()
    if not done then
      ok, first = nil, first or err
    end
  end
  return ok, first
end

local function load_guarded(att, input)
  local ok, done, err = pcall(load_one, att, input)
  if not ok then
    return nil, call.raised(done, "load")
  end
  return done, err
end

local function load_all(att, wanted)
  local promises = {}
  for i, input in ipairs(wanted) do
    promises[i] = att.clock:spawn(load_guarded, att, input)
  end
  return all(promises)
end

function stages.load(att)
  if not att.inputs then
    if #att.record.config.args == 0 then
      return true
    end
    att.inputs = inputs_of(att)
  end
  local wanted = {}
  for _, input in ipairs(att.inputs) do
    if not input.loaded then
      wanted[#wanted + 1] = input
    end
  end
  if #wanted == 0 then
    return true
  elseif #wanted == 1 then
    return load_one(att, wanted[1])
  end
  return load_all(att, wanted)
end

-- ---- put, wait ------------------------------------------------------------

-- The task's config with the filesets that the alloc has resolved.
local function resolved_config(att)
  local config = att.record.config
  if not att.inputs or #att.inputs == 0 then
    return config
  end
  local copy, args = setmetatable({}, getmetatable(config)), {}
  for name, value in pairs(config) do
    copy[name] = value
  end
  for i, arg in ipairs(config.args) do
    args[i] = arg
  end
  for _, input in ipairs(att.inputs) do
    args[input.place] = { fileset = input.loaded }
  end
  copy.args = args
  return copy
end

-- Errors of `put` after which it is sure that no exec was made.
local sure = {
  Invalid = true, NotSupported = true, NotExist = true, NotAllowed = true,
  Precondition = true, ResourcesExhausted = true, Integrity = true,
}

local function has_wait(exec)
  return exec.wait ~= nil
end

-- What `put` returned: an exec, or nil and what is wrong.
local function checked_exec(exec, err)
  if not exec then
    return nil, call.failure(err, "put")
  end
  local ok, fine = pcall(has_wait, exec)
  if not ok or not fine then
    return nil, errors.new("Fatal", "put returned a %s without method 'wait',"
      .. " which is no exec", type(exec))
  end
  return exec
end

function stages.put(att)
  att.config = att.config or resolved_config(att)
  local exec, err = checked_exec(att.alloc.object:put(att.id, att.config))
  if not exec then
    att.unsure = att.unsure or not sure[err.kind]
    return nil, err
  end
  att.exec = exec
  return true
end

function stages.wait(att)
  local record, exec = att.record, att.exec
  record.exec = exec
  if record.state ~= state.running then
    att.s:running(record, exec)
    task.move(record, state.running)
    if att.stopping then
      return nil, att.stopping
    end
  end
  local ok, err = exec:wait()
  if not ok then
    return nil, call.failure(err, "wait")
  end
  att.complete = true
  return true
end

-- ---- after the program has ended ------------------------------------------

function stages.verify(att)
  if not att.record.post_use_checksum then
    return true
  end
  for _, input in ipairs(att.inputs or {}) do
    local ok, err = att.alloc.object:verify(input.loaded)
    if att.stopping then
      return nil, att.stopping -- the next one is nobody's business any more
    elseif not ok and err ~= nil then
      return nil, call.failure(err, "verify")
    elseif ok == false then
      return nil, errors.new("Integrity", "verify returned false")
    end
  end
  return true
end

function stages.promote(att)
  if att.record.type == "extern" then
    return true -- it makes no data
  end
  att.held = true -- of outputs, in the name of the exec, perhaps
  local ok, err = att.exec:promote()
  if not ok and err ~= nil then
    return nil, call.failure(err, "promote")
  end
  return true
end

-- What the exec says of itself is for people: no failure here matters.
function stages.inspect(att)
  local exec = att.exec
  if not exec.inspect then
    return true
  end
  local info, err = call.within(att.clock, INSPECT, exec, "inspect")
  if info == nil and err ~= nil then
    att.s:log_task(att.record, "warn",
      "task %s: its exec cannot be inspected: %s", att.record.key,
      tostring(call.failure(err, "inspect")))
    return true
  end
  att.record.run_info = info
  return true
end

-- What a load on an alloc knew of the inputs of an extern holds for its
-- result.
local function keep_assertions(att, fileset)
  local by_file = {}
  for _, arg in ipairs(att.record.config.args) do
    if arg.fileset ~= nil then
      for _, file in ipairs(arg.fileset:files()) do
        by_file[#by_file + 1] = file
      end
    end
  end
  return fileset:map_assertions(by_file)
end

function stages.result(att)
  local result, err = att.exec:result()
  if type(result) ~= "table" then
    return nil, call.failure(err, "result")
  elseif result.err ~= nil then
    result = {
      fileset = result.fileset, err = call.failure(result.err, "result"),
    }
  end
  if att.record.type == "extern" and result.fileset ~= nil
    and result.fileset.map_assertions then
    result = {
      fileset = keep_assertions(att, result.fileset), err = result.err,
    }
  end
  att.result = result
  return true
end

-- What lets a transfer be called off when the attempt is stopped: others may
-- wait for the same object.
local function context(att)
  return {
    done = function() return att.stopping ~= nil end,
    on_cancel = function(_, fn) att.call_off = fn end,
  }
end

function stages.transfer(att)
  local fileset = att.result.fileset
  if fileset == nil or fileset:n() == 0 then
    return true
  end
  local ok, err = att.s.transferer:transfer(att.record.repository,
    att.alloc.object:repository(), fileset:files(), context(att))
  att.call_off = nil
  if not ok then
    return nil, call.failure(err, "transfer")
  end
  return true
end

-- ---- unload ---------------------------------------------------------------

-- Let go of what `holder` (an input, or the attempt for its outputs) holds.
local function unload_one(att, holder, fileset, token)
  local ok, err = att.alloc.object:unload(fileset, token)
  if not ok and err ~= nil then
    return nil, call.failure(err, "unload")
  end
  holder.held = false
  return true
end

-- The references that are held, each as { holder, fileset, token }.
local function references(att)
  local list = {}
  for _, input in ipairs(att.inputs or {}) do
    if input.held then
      list[#list + 1] = { input, input.loaded, input.token }
    end
  end
  if att.held then
    list[#list + 1] = { att, att.result and att.result.fileset, att.exec.id }
  end
  return list
end

-- All of them at once: one that fails or hangs must not keep the others.
local function unload_all(att, list)
  local promises = {}
  for i, ref in ipairs(list) do
    promises[i] = att.clock:spawn(function()
      return unload_one(att, ref[1], ref[2], ref[3])
    end)
  end
  return all(promises)
end

--- Let go of every reference that the attempt has taken. May be called again.
function stages.unload(att)
  if not att.inputs then -- the usual case needs no list
    if not att.held then
      return true
    end
    return unload_one(att, att, att.result and att.result.fileset,
      att.exec.id)
  end
  return unload_all(att, references(att))
end

--- Names in order; the place of a name is what `attempt` counts with.
stages.order = {
  "load", "put", "wait", "verify", "promote", "inspect", "result", "transfer",
  "unload",
}

stages.tries = 5 -- calls of one stage before its error counts

--- Pause before call `n` + 1 of a stage (n from 1), seconds: 20 ms · 2ⁿ⁻¹, at
-- most 1 s, between 0.8 and 1.2 of it.
function stages.pause(n, random)
  return math.min(1, 0.02 * 2 ^ (n - 1)) * (0.8 + 0.4 * random)
end

--- May the alloc be blamed for it, so that the task goes elsewhere?
function stages.lost(err)
  return errors.is("Canceled", err) or errors.is("Net", err)
    or errors.is("Timeout", err) or errors.is("Unavailable", err)
end

return stages
