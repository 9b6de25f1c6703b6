--- What the functions of built-in repositories are given.

local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"

local args = {}

local known = { clock = true, source = true }

-- Fields that nobody knows are mistakes.
local function check_fields(opts, first, what)
  for key in pairs(opts) do
    if not known[key] and key ~= first then
      errors.raise("unknown option '%s' of repository.%s%s", tostring(key),
        what, suggest.hint(key, known))
    end
  end
end

--- Arguments of a constructor: (value, opts), or one table with both.
-- @param what   name of the constructor
-- @param first  name of its first argument
-- @return value, { clock, source }
function args.constructor(what, first, value, opts)
  if type(value) == "table" and opts == nil then
    opts, value = value, value[first]
  end
  if value ~= nil and type(value) ~= "string" then
    errors.raise("repository.%s: %s is a text, not a %s", what, first,
      type(value))
  end
  if opts ~= nil and type(opts) ~= "table" then
    errors.raise("repository.%s: the options are a table, not a %s", what,
      type(opts))
  end
  opts = opts or {}
  check_fields(opts, first, what)
  if opts.source ~= nil and type(opts.source) ~= "function" then
    errors.raise("repository.%s: source is a function(digest) -> URL, not a"
      .. " %s", what, type(opts.source))
  end
  return value, {
    clock = opts.clock, source = opts.source,
  }
end

--- What is to be stored: bytes, or the file `{ path = p }`.
-- @return a text, or nil and the path
function args.data(data)
  if type(data) == "string" then
    return data
  end
  local path = type(data) == "table" and data.path
  if type(path) ~= "string" then
    errors.raise("put: bytes (a text) or { path = p } are needed, not %s",
      type(data) == "table" and "a table without a path" or "a "
      .. type(data))
  end
  return nil, path
end

--- `live` of `collect`: a table, digest → true.
function args.live(live)
  if type(live) ~= "table" then
    errors.raise("collect: a table, digest -> true, is needed, not a %s",
      type(live))
  end
  for key in pairs(live) do
    if type(key) ~= "string" or not key:find("^sha256:%x+$")
      or #key ~= 71 then
      errors.raise("collect: the keys are digests in canonical form, not %s",
        tostring(key))
    end
  end
  return live
end

return args
