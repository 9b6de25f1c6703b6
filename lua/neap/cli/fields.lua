--- The fields of a task that `neap ps --fields` knows: how each is found in a
-- row, and how people see it.

local fault = require "neap.cli.fault"
local human = require "neap.cli.human"
local public = require "neap.cli.public"
local suggest = require "neap.suggest"
local units = require "neap.units"

local fields = {}

local function plain(key, more)
  local field = { key = key, title = key:upper(), raw = function(row)
    return row[key]
  end }
  for name, value in pairs(more or {}) do
    field[name] = value
  end
  return field
end

local function time(key)
  return plain(key, { raw = function(row)
    return row[key] and public.time(row[key])
  end })
end

-- How long a task has run, or ran.
local function run_seconds(row, now)
  if row.runtime then
    return row.runtime
  end
  return row.started and (row.ended or now) - row.started or nil
end

local function sorted_labels(row)
  local list = {}
  for name, value in pairs(row.labels or {}) do
    list[#list + 1] = name .. "=" .. value
  end
  table.sort(list)
  return table.concat(list, " ")
end

local function resource(key, show)
  return { key = key, title = key:upper(), right = true,
    raw = function(row) return row.res and row.res[key] end,
    show = function(row)
      local value = row.res and row.res[key]
      return value and value ~= 0 and show(value) or ""
    end }
end

local function usage(key, title, show)
  return { key = key, title = title, right = true,
    raw = function(row) return row.usage and row.usage[key] end,
    show = function(row)
      local value = row.usage and row.usage[key]
      return value and show(value) or ""
    end }
end

local function seconds(value)
  return value and units.format_time(value) or ""
end

local known = {
  plain "id", plain "run", plain("n", { right = true }), plain "name",
  plain("state", { show = function(row) return human.state(row.state) end }),
  plain("attempt", { right = true }), plain "alloc", plain "node",
  plain "engine",
  plain("priority", { right = true, title = "PRIO" }),
  resource("cpu", human.number), resource("mem", units.format_size),
  resource("disk", units.format_size), resource("gpu", human.number),
  { key = "labels", title = "LABELS", give = true, raw = sorted_labels },
  plain "src", time "submitted", time "started", time "ended",
  plain("exit", { right = true }), plain("signal", { right = true }),
  plain("runtime", { right = true, show = function(row, now)
    return seconds(run_seconds(row, now))
  end, title = "TIME" }),
  plain("queued", { right = true, show = function(row)
    return seconds(row.queued)
  end }),
  plain "cached",
  usage("cpu_s", "CPU-TIME", units.format_time),
  usage("mem_peak", "PEAK", units.format_size),
  { key = "error", title = "ERROR", give = true, raw = function(row)
    return row.error and row.error.kind
  end, show = function(row)
    return row.error and (row.error.message or row.error.kind) or ""
  end },
}

local by_key = {}
for _, field in ipairs(known) do
  by_key[field.key] = field
end

-- labels.lane, res.licence_x, error.kind …
local function dotted(name)
  local first, second = name:match "^(%l+)%.([%w_.-]+)$"
  if first ~= "labels" and first ~= "res" and first ~= "usage"
    and first ~= "error" then
    return nil
  end
  return { key = name, title = second:upper(), raw = function(row)
    return row[first] and row[first][second]
  end }
end

local function names()
  local list = {}
  for i, field in ipairs(known) do
    list[i] = field.key
  end
  return table.concat(list, " ")
end

--- Parse "id,name,labels.lane".
-- @return list of fields; raises E_USAGE
function fields.parse(text)
  local list = {}
  for name in text:gmatch "[^,%s]+" do
    local field = by_key[name] or dotted(name)
    if not field then
      fault.raise("E_USAGE", { hint = "fields: " .. names()
        .. "; labels.X res.X usage.X error.X" }, "unknown field '%s'%s", name,
                  suggest.hint(name, by_key))
    end
    list[#list + 1] = field
  end
  if #list == 0 then
    fault.raise("E_USAGE", nil, "--fields names no field")
  end
  return list
end

--- Cell of a field for people.
function fields.cell(field, row, now)
  local value
  if field.show then
    value = field.show(row, now)
  else
    value = field.raw(row)
  end
  return value == nil and "" or type(value) == "table" and value
    or tostring(value)
end

--- Value of a field for machines.
function fields.value(field, row)
  local value = field.raw(row)
  return type(value) ~= "table" and value or nil
end

return fields
