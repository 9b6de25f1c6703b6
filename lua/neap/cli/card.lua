--- One task, run or alloc in a few lines for people.

local human = require "neap.cli.human"
local runs = require "neap.cli.runs"
local text = require "neap.cli.text"
local units = require "neap.units"

local card = {}

local shown_first = { "cpu", "mem", "disk", "gpu" }

local function amount(name, value)
  if name == "mem" then
    return units.format_size(value)
  elseif name == "disk" then
    return units.format_size(value) .. " disk"
  end
  return units.number(value) .. " " .. name
end

--- "8 cpu, 2 GiB, 1 GiB disk, 1 licence_x"
function card.amounts(res)
  local parts, rest = {}, {}
  for _, name in ipairs(shown_first) do
    if (res[name] or 0) ~= 0 then
      parts[#parts + 1] = amount(name, res[name])
    end
  end
  for name, value in pairs(res) do
    if not (" cpu mem disk gpu "):find(" " .. name .. " ", 1, true) then
      rest[#rest + 1] = amount(name, value)
    end
  end
  table.sort(rest)
  for _, part in ipairs(rest) do
    parts[#parts + 1] = part
  end
  return #parts > 0 and table.concat(parts, ", ") or "nothing"
end

local function pairs_text(map)
  local parts = {}
  for name, value in pairs(map or {}) do
    parts[#parts + 1] = ("%s=%s"):format(name, tostring(value))
  end
  table.sort(parts)
  return table.concat(parts, " ")
end

local function usage_text(usage)
  local parts = {}
  if usage.cpu_s then
    parts[#parts + 1] = units.format_time(usage.cpu_s) .. " of cpu"
  end
  if usage.mem_peak then
    parts[#parts + 1] = "peak " .. units.format_size(usage.mem_peak)
  end
  if (usage.disk_peak or 0) > 0 then
    parts[#parts + 1] = units.format_size(usage.disk_peak) .. " disk"
  end
  return table.concat(parts, ", ")
end

local function head_of(row, now)
  local mark = human.state(row.state)
  local parts = { row.id .. " " .. row.name }
  local state = mark.text
  local seconds = row.runtime
    or row.started and (row.ended or now) - row.started
  if seconds then
    state = state .. " " .. units.format_time(seconds)
  end
  if row.alloc then
    state = state .. " on " .. row.alloc
      .. (row.node and " (" .. row.node .. ")" or "")
  end
  parts[2] = state
  if (row.attempt or 0) > 0 then
    parts[#parts + 1] = "attempt " .. units.number(row.attempt)
  end
  if (row.priority or 0) ~= 0 then
    parts[#parts + 1] = "PRIO " .. units.number(row.priority) .. " (low first)"
  end
  local labels = pairs_text(row.labels)
  if labels ~= "" then
    parts[#parts + 1] = "labels " .. labels
  end
  return text.clean(table.concat(parts, "   "))
end

local function file_text(file)
  return ("%s (%s, sha256:%s)"):format(file.path or file.name or "?",
    units.format_size(file.size or 0), (file.sha256 or "?"):sub(1, 8))
end

local function output_text(name, output)
  local files = output.files or {}
  if #files == 1 then
    return name .. "  " .. file_text(files[1])
  end
  local bytes = 0
  for _, file in ipairs(files) do
    bytes = bytes + (file.size or 0)
  end
  return ("%s  %s, %s"):format(name, human.count(#files, "file"),
                               units.format_size(bytes))
end

local function add_outputs(add, row)
  local names = {}
  for name in pairs(row.outputs or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add("out", output_text(name, row.outputs[name]))
  end
  for _, stream in ipairs { "stdout", "stderr" } do
    if row[stream] then
      add("log", ("%s, %s"):format(stream,
        units.format_size(row[stream].size or 0)))
    end
  end
end

local function adder(lines)
  return function(title, value)
    lines[#lines + 1] = ("  %-8s%s"):format(title, text.clean(value))
  end
end

local MANY = 8

--- Where an input comes from: a task's output, its file, or how many files.
-- @param run  id of the run
function card.input_source(input, run)
  if input.task then
    return ("%s.%d %s"):format(run, input.task, input.output or "")
  elseif input.files then
    return human.count(#input.files, "file")
  end
  local file = input.file or {}
  return file.source or "sha256:" .. (file.sha256 or "?"):sub(1, 8)
end

--- A task (a row, with `spec` if known) as lines.
function card.task(row, now)
  local lines = { head_of(row, now) }
  local add = adder(lines)
  add("need", card.amounts(row.res or {})
    .. (row.usage and "     used " .. usage_text(row.usage) or ""))
  if row.deps and #row.deps > 0 then
    add("after", table.concat(row.deps, " "))
  end
  local inputs = row.spec and row.spec.inputs or {}
  for i = 1, math.min(#inputs, MANY) do
    add("in", ("%s ← %s"):format(inputs[i].place,
                                 card.input_source(inputs[i], row.run)))
  end
  if #inputs > MANY then
    add("in", ("… %d more (--inputs)"):format(#inputs - MANY))
  end
  add_outputs(add, row)
  if row.exit and row.exit ~= 0 then
    add("exit", units.number(row.exit))
  end
  if row.error then
    add("error", row.error.kind .. ": " .. tostring(row.error.message))
  end
  if row.src then
    add("src", row.src)
  end
  return lines
end

--- A run as lines.
function card.run(row, now)
  local lines = { text.clean(runs.line(row, now)) }
  local add = adder(lines)
  add("script", (row.script or "?")
    .. (row.args and row.args[1] and " " .. table.concat(row.args, " ") or ""))
  for title, map in pairs { params = row.params, labels = row.labels } do
    local shown = pairs_text(map)
    if shown ~= "" then
      add(title, shown)
    end
  end
  add("took", units.format_time(runs.seconds(row, now)))
  if row.user then
    add("user", row.user)
  end
  if row.error then
    add("error", tostring(row.error.kind) .. ": "
      .. tostring(row.error.message))
  end
  add("see", ("neap ps %s"):format(row.id))
  return lines
end

--- An alloc as lines.
function card.alloc(row)
  local lines = { ("%s %s on %s, %s"):format(row.id, row.state or "?",
                                             row.node or "?",
                                             row.pool or "?") }
  local add = adder(lines)
  add("total", card.amounts(row.total or {}))
  add("free", card.amounts(row.free or {}))
  add("tasks", table.concat(row.tasks or {}, " "))
  if row.age then
    add("age", units.format_time(row.age))
  end
  return lines
end

return card
