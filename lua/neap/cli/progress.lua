--- What a run has done so far, as lines for a terminal, as one line for a log,
-- or as JSON. Pure: takes the session's counters, returns text.
--
-- state: { run="r1", seconds=, counters=session.counters, allocs=number }

local json = require "neap.cli.json"
local text = require "neap.cli.text"
local units = require "neap.units"

local progress = {}

local MAX_NAMES = 3
local BAR = 20

local function ended(c)
  return c.done + c.failed + c.cancelled + c.skipped
end

local function other_counts(c)
  local parts = {}
  for _, key in ipairs { "running", "failed", "cancelled", "skipped",
                         "cached" } do
    if (c[key] or 0) > 0 then
      parts[#parts + 1] = ("%d %s"):format(c[key], key)
    end
  end
  return table.concat(parts, ", ")
end

local function head(state, paint)
  local c = state.counters.total
  local more = other_counts(c)
  local allocs = state.allocs > 0
    and (" · %d alloc%s"):format(state.allocs, state.allocs == 1 and "" or "s")
    or ""
  return ("%s %s  %d/%d tasks%s%s · %s"):format(paint("cyan", "▸"), state.run,
    ended(c), c.submitted, more ~= "" and ", " .. more or "", allocs,
    units.format_time(state.seconds))
end

local function bar(c)
  local full = c.submitted > 0 and ended(c) / c.submitted or 0
  local n = math.floor(full * BAR + 0.5)
  return ("━"):rep(n) .. ("─"):rep(BAR - n)
end

-- Names that have something going on, then those with work left; in order of
-- their first task.
local function interesting(counters)
  local running, open = {}, {}
  for _, name in ipairs(counters.names) do
    local c = counters.by_name[name]
    if c.running > 0 then
      running[#running + 1] = name
    elseif ended(c) < c.submitted then
      open[#open + 1] = name
    end
  end
  for _, name in ipairs(open) do
    running[#running + 1] = name
  end
  return running
end

local function name_line(name, c, width)
  local more = other_counts(c)
  return ("  %s %s %d/%d%s"):format(name .. (" "):rep(width
    - text.width(name)), bar(c), ended(c), c.submitted,
    more ~= "" and "  " .. more or "")
end

--- At most four lines of at most `columns` columns.
function progress.lines(state, columns, paint)
  paint = paint or function(_, s) return s end
  local plain = head(state, function(_, s) return s end)
  local lines = { text.width(plain) <= columns and head(state, paint)
    or text.cut(plain, columns) }
  local names = interesting(state.counters)
  local shown, width = math.min(#names, MAX_NAMES), 0
  for i = 1, shown do
    width = math.max(width, math.min(text.width(names[i]), 24))
  end
  for i = 1, shown do
    local name = text.cut(text.clean(names[i]), width)
    local line = name_line(name, state.counters.by_name[names[i]], width)
    if i == shown and #names > shown then
      line = line .. ("   (and %d more)"):format(#names - shown)
    end
    lines[#lines + 1] = text.cut(line, columns)
  end
  return lines
end

--- One line for a log.
function progress.summary(state)
  local c = state.counters.total
  local more = other_counts(c)
  return ("%s: %d of %d tasks ended%s · %s"):format(state.run, ended(c),
    c.submitted, more ~= "" and ", " .. more or "",
    units.format_time(state.seconds))
end

local KEYS = { "submitted", "queued", "running", "done", "cached", "failed",
               "cancelled", "skipped" }

local function counts(c)
  local copy = {}
  for _, key in ipairs(KEYS) do
    copy[key] = c[key] or 0
  end
  return copy
end

--- One line of JSON.
function progress.json(state)
  local names = {}
  for _, name in ipairs(state.counters.names) do
    names[name] = counts(state.counters.by_name[name])
  end
  return json.encode {
    schema = "neap.progress/1", run = state.run, seconds = state.seconds,
    allocs = state.allocs, tasks = counts(state.counters.total),
    names = names,
  }
end

return progress
