--- Rows as a table for people: aligned columns, cut to a width.
-- A column: { key=, title=, right=bool, give=bool }. `give`: this one gives
-- way when the line is too long (the last such column first). A cell: a
-- string, or { text=, colour= }.

local text = require "neap.cli.text"

local grid = {}

local function cell_of(row, column)
  local cell = row[column.key]
  if type(cell) == "table" then
    return text.clean(cell.text), cell.colour
  end
  return cell == nil and "" or text.clean(cell), nil
end

local function widths_of(columns, rows)
  local widths = {}
  for i, column in ipairs(columns) do
    widths[i] = text.width(column.title)
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], text.width((cell_of(row, column))))
    end
  end
  return widths
end

local GAP = 2

-- Shrink the columns that give way until the line fits.
local function fit(columns, widths, limit)
  local total = -GAP
  for _, width in ipairs(widths) do
    total = total + width + GAP
  end
  for i = #columns, 1, -1 do
    if total <= limit then
      return
    end
    if columns[i].give then
      local least = math.min(widths[i], 6)
      local smaller = math.max(least, widths[i] - (total - limit))
      total = total - (widths[i] - smaller)
      widths[i] = smaller
    end
  end
end

local function pad(s, width, right)
  local space = (" "):rep(width - text.width(s))
  return right and space .. s or s .. space
end

local function line_of(cells)
  return (table.concat(cells, (" "):rep(GAP)):gsub("%s+$", ""))
end

--- Render a table.
-- @param opts  width: columns of the terminal, nil = never cut;
--              paint(colour, s); head: false = no head line
-- @return list of lines
function grid.lines(columns, rows, opts)
  local widths = widths_of(columns, rows)
  if opts.width then
    fit(columns, widths, opts.width)
  end
  local lines = {}
  local function add(cell, colour_too)
    local cells = {}
    for i, column in ipairs(columns) do
      local s, colour = cell(column)
      s = pad(text.cut(s, widths[i]), widths[i], column.right)
      if i == #columns then
        s = s:gsub("%s+$", "")
      end
      if colour_too and colour then
        s = opts.paint(colour, s)
      end
      cells[i] = s
    end
    local line = line_of(cells)
    lines[#lines + 1] = opts.width and not line:find "\27"
      and text.cut(line, opts.width) or line
  end
  if opts.head ~= false then
    add(function(column) return column.title end)
  end
  for _, row in ipairs(rows) do
    add(function(column) return cell_of(row, column) end, opts.paint ~= nil)
  end
  return lines
end

local escapes = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n",
                  ["\r"] = "\\r" }

--- Render rows as tab-separated values: raw values, a head line; tabs, line
-- ends and backslashes inside a value are escaped.
-- @param keys  the fields, in order
function grid.tsv(keys, rows)
  local lines = { table.concat(keys, "\t") }
  for _, row in ipairs(rows) do
    local cells = {}
    for i, key in ipairs(keys) do
      local value = row[key]
      value = value == nil and "" or tostring(value)
      cells[i] = value:gsub("[\\\t\n\r]", escapes)
    end
    lines[#lines + 1] = table.concat(cells, "\t")
  end
  return lines
end

return grid
