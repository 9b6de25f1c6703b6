--- Lines of a task's stdout and stderr, also while it runs.

local check = require "neap.check"
local loop = require "neap.loop"

local logs = {}

local POLL_S, POLL_MAX_S = 0.1, 1

local function header(headers, name)
  for key, value in pairs(headers or {}) do
    if key:lower() == name then
      return value
    end
  end
end

-- Read on in one stream. ⏸ Returns whether anything new was there.
local function advance(task, stream)
  task.session:wait_known(task)
  local reply = task.session.conn:raw("GET",
    ("/v1/tasks/%s/log?stream=%s&offset=%d"):format(task.id, stream.name,
      stream.offset))
  local data = reply.body or ""
  stream.offset = stream.offset + #data
  stream.rest = stream.rest .. data
  stream.size = tonumber(header(reply.headers, "x-neap-size"))
  stream.ended = header(reply.headers, "x-neap-done") == "1"
    and (data == "" or stream.size ~= nil and stream.offset >= stream.size)
  return data ~= ""
end

-- Move whole lines to `out`; at the end also a last one without newline.
local function cut_lines(stream, out)
  local at = 1
  while true do
    local newline = stream.rest:find("\n", at, true)
    if not newline then
      break
    end
    out[#out + 1] = stream.rest:sub(at, newline - 1)
    at = newline + 1
  end
  stream.rest = stream.rest:sub(at)
  if stream.ended and stream.rest ~= "" then
    out[#out + 1], stream.rest = stream.rest, ""
  end
end

local function pause(seconds)
  local timer
  loop.wait(function(wake)
    timer = loop.timer(seconds, wake)
    return function() loop.forget(timer) end
  end)
end

-- Fill `out` with at least one line; false when there will be none. ⏸
local function fill(task, streams, follow, out)
  local wait_s = POLL_S
  while true do
    local open, new = false, false
    for _, stream in ipairs(streams) do
      if not stream.ended then
        local was_over = task.settled ~= nil
        local got = advance(task, stream)
        new = got or new
        if not got and (was_over or not follow) then
          stream.ended = true
        end
        cut_lines(stream, out)
        open = open or not stream.ended
      end
    end
    if #out > 0 or not open then
      return #out > 0
    elseif not new then
      pause(wait_s)
      wait_s = math.min(POLL_MAX_S, wait_s * 1.5)
    end
  end
end

local function last_lines(next_line, n)
  local kept = {}
  for line in next_line do
    kept[#kept + 1] = line
    if #kept > n then
      table.remove(kept, 1)
    end
  end
  local i = 0
  return function()
    i = i + 1
    return kept[i]
  end
end

--- Iterator over lines of a task. ⏸
-- @param opts  stream = "both" | "stdout" | "stderr"; follow = true: until
--              the task has ended; tail = n: only the last n lines
function logs.lines(task, opts)
  opts = check.opts(opts, { stream = 1, follow = 1, tail = 1 }, "logs")
  local name = opts.stream or "both"
  check.one_of(name, { both = 1, stdout = 1, stderr = 1 }, "stream of logs",
    "stream")
  local streams = {}
  for _, one in ipairs { "stdout", "stderr" } do
    if name == "both" or name == one then
      streams[#streams + 1] = { name = one, offset = 0, rest = "" }
    end
  end
  local lines, at = {}, 0
  local function next_line()
    at = at + 1
    if not lines[at] then
      lines, at = {}, 1
      if not fill(task, streams, opts.follow ~= false, lines) then
        return nil
      end
    end
    return lines[at]
  end
  if opts.tail then
    return last_lines(next_line, check.integer(opts.tail, "tail of logs",
      "tail", 0))
  end
  return next_line
end

return logs
