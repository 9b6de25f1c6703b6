--- Rows for people: tables with units, states with marks, the answer of why.
--
--   view.table(columns, rows, opts) -> text, a line per row
--     columns  list of { key=, title=, right=bool, format=fn(value, row) }
--     opts     width = columns of the screen (nil: never cut), header = bool
--   view.width / cut / pad            by display columns (UTF-8)
--   view.count(n)                     "1 880"
--   view.mark(state)                  "✓" …, so that states read without colour
--   view.task(row), view.task_columns one task as a line; the columns of `ps`
--   view.why(why)                     the text of an explain table

local units = require "neap.units"

local view = {}

view.size, view.time = units.format_size, units.format_time

local marks = {
  waiting = "·", queued = "…", staging = "▹", running = "▸",
  collecting = "▹", done = "✓", failed = "✗", cancelled = "⊘",
  skipped = "⊘", cached = "✓",
}

--- The sign of a task state.
function view.mark(state)
  return marks[state] or "?"
end

--- A whole number with thin groups of three digits.
function view.count(n)
  local text = ("%d"):format(n)
  local digits = text:gsub("^%-", "")
  if #digits <= 3 then
    return text
  end
  local grouped = digits:reverse():gsub("(%d%d%d)", "%1 "):reverse()
  return (n < 0 and "-" or "") .. grouped:gsub("^ ", "")
end

--- Display columns of UTF-8 text: bytes that do not continue a character.
function view.width(text)
  local _, continued = text:gsub("[\128-\191]", "")
  return #text - continued
end

--- Text of at most `width` columns; what is cut ends in "…".
function view.cut(text, width)
  if view.width(text) <= width then
    return text
  end
  local kept, used = {}, 1
  for char in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if used >= width then
      break
    end
    kept[#kept + 1], used = char, used + 1
  end
  return table.concat(kept) .. "…"
end

--- Text padded with blanks to `width` columns.
function view.pad(text, width, right)
  local blanks = (" "):rep(width - view.width(text))
  return right and blanks .. text or text .. blanks
end

-- What a cell shows: one line, no control characters.
local function cell(column, row)
  local value = row[column.key]
  if column.format then
    value = column.format(value, row)
  end
  if value == nil then
    return ""
  end
  return (tostring(value):gsub("%c", " "))
end

--- Lines of a table with aligned columns.
function view.table(columns, rows, opts)
  opts = opts or {}
  local lines, widths = {}, {}
  for i, column in ipairs(columns) do
    widths[i] = opts.header == false and 0 or view.width(column.title)
  end
  local cells = {}
  for r, row in ipairs(rows) do
    cells[r] = {}
    for i, column in ipairs(columns) do
      local text = cell(column, row)
      cells[r][i], widths[i] = text, math.max(widths[i], view.width(text))
    end
  end
  local function add(texts)
    local parts = {}
    for i, column in ipairs(columns) do
      parts[i] = view.pad(texts[i], widths[i], column.right)
    end
    local line = table.concat(parts, "  "):gsub("%s+$", "")
    lines[#lines + 1] = opts.width and view.cut(line, opts.width) or line
  end
  if opts.header ~= false then
    local titles = {}
    for i, column in ipairs(columns) do
      titles[i] = column.title
    end
    add(titles)
  end
  for _, texts in ipairs(cells) do
    add(texts)
  end
  return table.concat(lines, "\n")
end

--- Columns of a list of task rows.
view.task_columns = {
  { key = "id", title = "TASK" },
  { key = "name", title = "NAME" },
  { key = "state", title = "STATE", format = function(state)
    return view.mark(state) .. " " .. state
  end },
  { key = "alloc", title = "ALLOC" },
  { key = "res", title = "CPU", right = true, format = function(res)
    return res and res.cpu
  end },
  { key = "res", title = "MEM", right = true, format = function(res)
    return res and res.mem and view.size(res.mem)
  end },
  { key = "runtime", title = "TIME", right = true, format = function(s)
    return s and view.time(s)
  end },
  { key = "error", title = "WHY", format = function(err)
    return err and err.message
  end },
}

local function labels_text(labels)
  local parts = {}
  for k, v in pairs(labels or {}) do
    parts[#parts + 1] = k .. "=" .. tostring(v)
  end
  table.sort(parts)
  return table.concat(parts, " ")
end

--- A task row as one line.
function view.task(row)
  local parts = { row.id, row.name, view.mark(row.state) .. " " .. row.state }
  if row.runtime then
    parts[#parts + 1] = view.time(row.runtime)
  end
  if row.alloc then
    parts[#parts + 1] = "on " .. row.alloc
  end
  local labels = labels_text(row.labels)
  if labels ~= "" then
    parts[#parts + 1] = labels
  end
  return table.concat(parts, "  ")
end

local function amounts(map)
  local parts = {}
  for label, n in pairs(map or {}) do
    local size = label == "mem" or label == "disk"
    parts[#parts + 1] = (size and view.size(n) or units.number(n))
      .. " " .. label
  end
  table.sort(parts)
  return table.concat(parts, ", ")
end

local function alloc_verdict(alloc)
  if alloc.refused then
    local by = alloc.by and " by " .. alloc.by or ""
    return "fits, refused" .. by .. ": " .. alloc.refused
  elseif alloc.fits then
    return "fits"
  end
  return "does not fit: short of " .. amounts(alloc.missing)
end

local function why_head(why)
  local head = { why.task or "", why.name or "" }
  if why.state then
    head[#head + 1] = "· " .. why.state
  end
  head[#head + 1] = "· verdict: " .. tostring(why.verdict or "unknown")
  return (table.concat(head, " "):gsub("^%s+", ""))
end

local function why_places(why, add)
  for _, alloc in ipairs(why.allocs or {}) do
    add("%-4s %s", alloc.id, alloc_verdict(alloc))
  end
  for _, pool in ipairs(why.pools or {}) do
    add("%s: %s", pool.id, pool.can and "can hold it"
      or "can never hold it: short of " .. amounts(pool.missing))
  end
end

--- The text of an explain table.
function view.why(why)
  local lines = { why_head(why) }
  local function add(fmt, ...)
    lines[#lines + 1] = "  " .. fmt:format(...)
  end
  for _, reason in ipairs(why.reasons or {}) do
    add("%s", reason.text or reason.kind)
  end
  why_places(why, add)
  if why.position then
    local ahead = table.concat(why.ahead or {}, " ")
    add("number %d in the queue%s", why.position,
      ahead ~= "" and ", behind " .. ahead or "")
  end
  if why.unblock and #why.unblock > 0 then
    add("would start when: %s", table.concat(why.unblock, " · or "))
  end
  return table.concat(lines, "\n")
end

return view
