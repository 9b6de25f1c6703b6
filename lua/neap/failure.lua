--- The error of a task that has ended without success.

local errors = require "neap.errors"
local units = require "neap.units"

local failure = {}

-- "on a2 after 3 m 12 s, attempt 2 of 3"
local function circumstances(task, row)
  local text = ""
  if row.alloc then
    text = text .. " on " .. row.alloc
  end
  if row.runtime then
    text = text .. " after " .. units.format_time(row.runtime)
  end
  local retry = task.plan.wire.retry
  if row.attempt and retry then
    text = text .. (", attempt %d of %d"):format(row.attempt, retry.max + 1)
  end
  return text
end

local function size(n)
  return n and units.format_size(n) or "?"
end

-- What happened, by kind; others are told in the engine's words.
local verbs = {
  E_EXIT = function(e) return ("exited with %s"):format(tostring(e.exit)) end,
  E_SIGNAL = function(e)
    return ("was killed by signal %s"):format(tostring(e.signal))
  end,
  E_OOM = function(e)
    return ("ran out of memory (limit %s, peak %s)"):format(size(e.limit),
      size(e.peak))
  end,
  E_TIMEOUT = function(e)
    return "was stopped at its timeout of " .. (e.timeout
      and units.format_time(e.timeout) or "?")
  end,
}

local function message(task, row, err)
  local subject = ("task '%s' (%s)"):format(task.name, task:peek_id())
  local verb = verbs[err.kind]
  if verb then
    return subject .. " " .. verb(err) .. circumstances(task, row)
  end
  local said = tostring(err.message or row.state)
  if said:find("^task '") then
    return said
  end
  return subject .. ": " .. said
end

-- The tasks that an E_UPSTREAM names, and their errors.
local function add_upstream(task, err, upstream)
  local tasks, list = {}, {}
  for _, id in ipairs(upstream) do
    local other = task.session:find(id)
    if other and other.settled == "err" then
      tasks[#tasks + 1], list[#list + 1] = other, other.value
    end
  end
  err.errors, err.cause = list, list[1]
  err.upstream_tasks = tasks
end

local defaults = {
  cancelled = "E_CANCELLED", skipped = "E_UPSTREAM", failed = "E_INTERNAL",
}

--- The error that a ROW tells.
function failure.of_row(task, row)
  local object = row.error or {}
  object.kind = object.kind or defaults[row.state] or "E_INTERNAL"
  local err = errors.from_json(object)
  err.message = message(task, row, object)
  err.task, err.where = task:peek_id(), task.where
  err.called_from = task.called_from
  err.never_started = row.attempt == nil or row.attempt == 0 or nil
  if err.kind == "E_UPSTREAM" then
    add_upstream(task, err, object.upstream or {})
    -- the reason in one line: what the first of them died of
    local root = err.cause
    while root and root.cause do
      root = root.cause
    end
    if root then
      err.message = ("task '%s' (%s) was skipped: %s"):format(task.name,
        task:peek_id(), root.message)
    end
  end
  return err
end

--- The error of a task that was never posted because `cause` (a task) failed.
function failure.skipped(task, cause)
  local err = errors.new("E_UPSTREAM", ("task '%s' (%s) was skipped: task '%s'"
    .. " (%s) did not succeed"):format(task.name, task:peek_id(), cause.name,
    cause:peek_id()), { task = task:peek_id(), where = task.where,
    called_from = task.called_from, never_started = true })
  add_upstream(task, err, { cause:peek_id() })
  if #err.errors == 0 then
    err.errors, err.cause, err.upstream_tasks =
      { cause.value }, cause.value, { cause }
  end
  return err
end

--- The error of a task that ended on this side, before it was posted.
function failure.here(task, err)
  local copy = errors.from_json(err)
  copy.message = ("task '%s' (%s): %s"):format(task.name, task:peek_id(),
    copy.message)
  copy.task, copy.where = task:peek_id(), task.where
  copy.called_from, copy.never_started = task.called_from, true
  return copy
end

return failure
