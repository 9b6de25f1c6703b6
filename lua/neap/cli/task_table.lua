--- Rows of tasks on stdout: as a table, as JSON, as tab-separated values, or
-- only their ids.

local fields = require "neap.cli.fields"
local grid = require "neap.cli.grid"
local json = require "neap.cli.json"

local task_table = {}

local TSV_FIELDS = "id,name,state,attempt,alloc,submitted,started,ended,"
  .. "runtime,exit,error"

-- Labels and errors have a column only if there is something in it.
local function default_columns(rows, engines)
  local list = { "id", "name", "state" }
  if engines then
    list[#list + 1] = "engine"
  end
  for _, name in ipairs { "alloc", "runtime", "cpu", "mem" } do
    list[#list + 1] = name
  end
  for _, name in ipairs { "labels", "error" } do
    for _, row in ipairs(rows) do
      if row[name] and next(row[name]) then
        list[#list + 1] = name
        break
      end
    end
  end
  return fields.parse(table.concat(list, ","))
end

local function print_human(out, rows, columns, now)
  local cells = {}
  for i, row in ipairs(rows) do
    cells[i] = {}
    for _, field in ipairs(columns) do
      cells[i][field.key] = fields.cell(field, row, now)
    end
  end
  out:table(columns, cells)
end

local function picked(row, columns)
  local copy = {}
  for _, field in ipairs(columns) do
    copy[field.key] = row[field.key]
    if copy[field.key] == nil then
      copy[field.key] = fields.value(field, row)
    end
  end
  return copy
end

local function print_json(out, rows, columns, more)
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = columns and picked(row, columns) or row
  end
  out:document("neap.tasks/1", { tasks = json.list(list), more = more })
end

local function print_tsv(out, rows, columns)
  local keys, raw = {}, {}
  for i, field in ipairs(columns) do
    keys[i] = field.key
  end
  for i, row in ipairs(rows) do
    raw[i] = {}
    for _, field in ipairs(columns) do
      raw[i][field.key] = fields.value(field, row)
    end
  end
  for _, line in ipairs(grid.tsv(keys, raw)) do
    out:line(line)
  end
end

--- Print rows.
-- @param opts  columns: list of fields or nil; tsv; more: rows were left out;
--              engines: with a column for the engine; now: Unix seconds
function task_table.print(out, rows, opts)
  if opts.tsv then
    print_tsv(out, rows, opts.columns or fields.parse(TSV_FIELDS))
  elseif out.mode == "json" then
    print_json(out, rows, opts.columns, opts.more)
  elseif out.mode == "quiet" then
    for _, row in ipairs(rows) do
      out:line(row.id)
    end
  else
    print_human(out, rows, opts.columns
      or default_columns(rows, opts.engines), opts.now)
  end
end

return task_table
