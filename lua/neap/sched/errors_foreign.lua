--- Errors that others made: plain tables with a `kind`, and whatever else code
-- raises. Nothing of them is believed: a field of the wrong type is shown as
-- text, and a chain of causes that never ends is cut.

local foreign = {}

local DEEPEST = 16 -- causes

--- Any value as text; never raises.
function foreign.said(value)
  local ok, said = pcall(tostring, value)
  if ok and type(said) == "string" then
    return said
  end
  return ("a %s that cannot be shown"):format(type(value))
end

local function text_of(value)
  return value ~= nil and foreign.said(value) or nil
end

local function list_of(list)
  if type(list) ~= "table" then
    return list ~= nil and { foreign.said(list) } or nil
  end
  local out = {}
  for i = 1, math.min(#list, 100) do
    out[i] = foreign.said(list[i])
  end
  return out
end

local function copy(value, context, depth)
  local err = {}
  for name, field in pairs(value) do
    err[name] = field
  end
  err.kind = context.kinds[value.kind] and value.kind or "Other"
  err.op, err.message = text_of(value.op), text_of(value.message)
  err.where, err.args = text_of(value.where), list_of(value.args)
  err.errors = nil
  err.cause = nil
  local cause = value.cause
  if cause == nil or depth == DEEPEST then
    return setmetatable(err, context.meta)
  elseif getmetatable(cause) == context.meta then
    err.cause = cause
  elseif type(cause) == "table" and not getmetatable(cause) then
    err.cause = copy(cause, context, depth + 1)
  else
    err.cause = setmetatable({ kind = "Other", message = foreign.said(cause) },
      context.meta)
  end
  return setmetatable(err, context.meta)
end

--- A plain table with a known `kind` as an error.
-- @param context  { kinds =, meta = metatable of errors }
function foreign.adopt(value, context)
  return copy(value, context, 1)
end

return foreign
