--- Errors of the scheduler: `{ kind, op, args, cause, message, where }`.
--
-- A failing world returns `nil, err`; a wrong argument raises an error of kind
-- "Invalid" that knows the caller's file and line. `tostring(err)` is
-- `op args: kind text: message`, followed by the cause. Errors are values: no
-- function here changes one that it is given.

local caller = require("neap.errors").caller
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"

local errors = {}

local Error = {}

local select, type, getmetatable = select, type, getmetatable

-- Kinds that are likely gone when the same thing is tried again.
local transient = {
  Timeout = true, Temporary = true, TooManyTries = true, Unavailable = true,
}
-- Kinds that end the walk of `restartable`, at once.
local stops = {
  Canceled = true, Fatal = true, NotSupported = true, NotAllowed = true,
  Module = true, Exec = true,
}
local non_retryable = {
  NotSupported = true, Invalid = true, NotExist = true, Fatal = true,
  Module = true, Exec = true,
}

--- Kind → what it says in a message.
errors.kinds = text.kinds

local kinds = text.kinds

-- Causes of causes that are kept of a plain table, and that are looked at: a
-- chain may be a ring.
local max_depth = 16
local LONGEST = 64

local function is_error(value)
  return getmetatable(value) == Error
end

--- Raise an error of kind Invalid at the caller's place.
-- The place, "file:line" of the first caller outside of neap's own modules, is
-- in the error's `where`.
-- @param fmt  format of the message, its arguments follow
function errors.raise(fmt, ...)
  local message = select("#", ...) > 0 and fmt:format(...) or fmt
  error(setmetatable({
    kind = "Invalid", message = message, where = caller(),
  }, Error), 0)
end

local function check_kind(kind)
  if not kinds[kind] then
    errors.raise("unknown kind of error %s%s", text.show(kind),
      suggest.hint(kind, kinds))
  end
end

--- A new error.
-- @param kind  "Canceled" "Timeout" … (the keys of `errors.kinds`); an unknown
--              one raises
-- @param what  nil, a format of the message whose arguments follow, or an
--              error that is the cause
function errors.new(kind, what, ...)
  if not kinds[kind] then
    check_kind(kind)
  end
  if type(what) == "string" then
    local message = select("#", ...) > 0 and what:format(...) or what
    return setmetatable({ kind = kind, message = message }, Error)
  end
  if what ~= nil and not is_error(what) then
    errors.raise("errors.new: the text or the cause of an error is a string"
      .. " or an error, not %s", text.show(what))
  end
  return setmetatable({ kind = kind, cause = what }, Error)
end

-- The text of any value; its `__tostring` may raise.
local function say(value)
  local ok, said = pcall(tostring, value)
  return ok and said or "a " .. type(value) .. " that has no text"
end

local function text_of(value)
  if value ~= nil then
    return type(value) == "string" and value or say(value)
  end
end

local function check_args(args)
  if type(args) ~= "table" then
    args = { args }
  end
  local list = {}
  for i = 1, #args do
    list[i] = say(args[i])
  end
  return list[1] and list or nil
end

local function is_plain(value)
  return type(value) == "table" and not getmetatable(value)
    and kinds[value.kind] ~= nil
end

-- Somebody's value as an error; `depth`: how far down the causes it is. Plain
-- tables may well be their own cause.
local function adopt(value, depth)
  if is_error(value) then
    return value
  elseif not is_plain(value) then
    return setmetatable({
      kind = "Fatal", message = value == nil and "nil was raised, without a"
        .. " message" or say(value),
    }, Error)
  end
  local err = {}
  for key, field in pairs(value) do
    err[key] = field
  end
  err.op, err.message = text_of(err.op), text_of(err.message)
  err.where, err.args = text_of(err.where), check_args(err.args)
  if err.cause ~= nil then
    err.cause = depth < max_depth and adopt(err.cause, depth + 1) or nil
  end
  return setmetatable(err, Error)
end

--- Any raised value as an error.
-- An error stays what it is; a plain table with a known `kind` becomes an
-- error with its fields, as far as they are what they should be; everything
-- else is Fatal with its text as message.
function errors.from(value)
  return adopt(value, 1)
end

-- The first kind of the chain that says something.
local function kind_of(err)
  for _ = 1, LONGEST do
    if not is_error(err) then
      break
    elseif err.kind ~= "Other" then
      return err.kind
    end
    err = err.cause
  end
  return "Other"
end

--- Is this an error, of this kind?
-- Compared is the first kind of the chain of causes that is not "Other";
-- nothing is of kind "Other", and no other value than an error of any kind.
function errors.is(kind, err)
  if not kinds[kind] then
    check_kind(kind)
  end
  return kind ~= "Other" and is_error(err) and kind_of(err) == kind
end

--- May the same call succeed when it is tried again?
function errors.transient(err)
  return is_error(err) and transient[err.kind] == true
end

--- May the work as a whole be begun again elsewhere?
-- The chain of causes is walked from the top; the first kind that decides does.
function errors.restartable(err)
  for _ = 1, LONGEST do
    if not is_error(err) or stops[err.kind] then
      return false
    elseif transient[err.kind] or err.kind == "Net" then
      return true
    end
    err = err.cause
  end
  return false
end

--- Is it pointless to try again? (Not the opposite of `restartable`.)
function errors.non_retryable(err)
  return is_error(err) and non_retryable[err.kind] == true
end

--- Say what was being done when `err` happened.
-- The new error has the kind of `err`, which is its cause.
-- @param op    one word: "load"
-- @param args  what it was done with: a list, one value, or nil
-- @param err   an error, or a text; nil is no error and gives nil
function errors.wrap(op, args, err)
  if err == nil then
    return nil
  end
  if type(op) ~= "string" then
    errors.raise("errors.wrap: the operation is a word, not %s", text.show(op))
  end
  local cause = is_error(err) and err or nil
  return setmetatable({
    kind = cause and kind_of(cause) or "Other", op = op,
    args = check_args(args), cause = cause,
    message = not cause and tostring(err) or nil,
  }, Error)
end

--- One error for several.
-- @param list  errors; nil or an empty list is no error
-- @return nil, the only one, or an error of kind "Other" whose `errors` are
--         those of the list
function errors.multi(list)
  if list == nil or #list == 0 then
    return nil
  elseif #list == 1 then
    return errors.from(list[1])
  end
  local all, texts = {}, {}
  for i = 1, #list do
    all[i] = errors.from(list[i])
    texts[i] = "[" .. tostring(all[i]) .. "]"
  end
  table.sort(texts)
  return setmetatable({
    kind = "Other", errors = all,
    message = ("[%d errs]: %s"):format(#texts, table.concat(texts, ", ")),
  }, Error)
end

local function same_list(a, b)
  if type(b) ~= "table" or #a ~= #b then
    return false
  end
  for i = 1, #a do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

local function text_matches(pattern, value)
  return pattern == nil or pattern == "" or pattern == value
end

--- Does every field that `pattern` has say the same in `err`?
-- Compared are kind, op, args, message and cause (recursively). Kind "Other"
-- and empty fields match everything.
-- @param pattern  an error, or a plain table with these fields
function errors.match(pattern, err)
  if type(pattern) ~= "table" then
    errors.raise("errors.match: the pattern is an error or a table, not %s",
      text.show(pattern))
  end
  if not is_error(err) then
    return false
  end
  local kind, args = pattern.kind, pattern.args
  return (kind == nil or kind == "Other" or kind == err.kind)
    and text_matches(pattern.op, err.op)
    and text_matches(pattern.message, err.message)
    and (args == nil or #args == 0 or same_list(args, err.args))
    and (pattern.cause == nil or errors.match(pattern.cause, err.cause))
end

--- The error as JSON text, for other processes and for records.
function errors.encode(err)
  if not is_error(err) then
    errors.raise("errors.encode: an error is needed, not %s", text.show(err))
  end
  return text.encode(err)
end

--- The error that `errors.encode` wrote.
-- @return an equal error, or nil and an error of kind Invalid
function errors.decode(json)
  if type(json) ~= "string" then
    errors.raise("errors.decode: JSON text is needed, not %s",
      text.show(json))
  end
  local object, message = text.decode(json)
  local err = object and text.adopt(object, Error)
  if not err then
    return nil, errors.new("Invalid", "this is no error in JSON: %s",
      message or text.show(json))
  end
  return err
end

--- Is this value an error of this module?
errors.is_error = is_error

Error.__tostring = text.render
Error.__eq = text.equal

return errors
