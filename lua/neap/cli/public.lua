--- What the engine says → what `--json` prints: times as RFC 3339 UTC with
-- milliseconds, lists marked as lists, nothing for what is missing.

local json = require "neap.cli.json"

local public = {}

--- RFC 3339 in UTC with milliseconds.
-- @param unix_s  Unix seconds
function public.time(unix_s)
  local ms = math.floor(unix_s * 1000 + 0.5)
  local whole = math.floor(ms / 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole)
    .. (".%03dZ"):format(ms - whole * 1000)
end

local times = { submitted = true, started = true, ended = true, at = true }

local lists = { tasks = true, runs = true, attempts = true, reasons = true,
                allocs = true, pools = true, unblock = true, ahead = true,
                deps = true, files = true, inputs = true, args = true,
                argv = true, shell = true, after = true, on = true,
                key = true, upstream = true, engines = true }

-- Users' own names: nothing below is touched.
local verbatim = { labels = true, params = true, env = true, res = true,
                   where = true, usage = true, total = true, free = true,
                   missing = true, grow = true, limit = true, counts = true }

--- A copy of `value` for the outside.
-- @param key  the name under which it is found
function public.copy(value, key)
  if type(value) == "number" and times[key] then
    return public.time(value)
  elseif type(value) ~= "table" or verbatim[key] then
    return value
  end
  local copy = {}
  for k, v in pairs(value) do
    copy[k] = public.copy(v, key == "outputs" and "" or k)
  end
  return lists[key] and json.list(copy) or copy
end

return public
