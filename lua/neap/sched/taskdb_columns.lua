--- Columns of the task database: their names, types and form in storage.
--
-- In storage a value is a text or a number; labels, arguments, resources and
-- errors are JSON. `id4`, `run_id4` and `date` are made when a row is read.

local errors = require "neap.sched.errors"
local json = require "neap.json"
local resources = require "neap.sched.resources"
local suggest = require "neap.suggest"

local columns = {}

--- The longest value, in bytes, as it is stored.
columns.MAX_BYTES = 2 ^ 20

--- Kind of row → column → type.
columns.of = {
  run = {
    id = "text", labels = "map", bundle = "text", args = "list",
    user = "text", keepalive = "time", start_time = "time",
    end_time = "time", run_log = "text", eval_graph = "text",
    trace = "text",
  },
  task = {
    id = "text", run_id = "text", flow_id = "text", alloc_id = "text",
    img_cmd_id = "text", ident = "text", attempt = "number",
    resources = "resources", uri = "text", labels = "map",
    keepalive = "time", start_time = "time", end_time = "time",
    result_id = "text", stdout = "text", stderr = "text", inspect = "text",
    error = "error",
  },
  alloc = {
    id = "text", alloc_id = "text", pool_id = "text",
    resources = "resources", keepalive = "time", start_time = "time",
    end_time = "time",
  },
  pool = {
    id = "text", pool_id = "text", pool_type = "text",
    resources = "resources", uri = "text", cluster_name = "text",
    user = "text", reflow_version = "text", keepalive = "time",
    start_time = "time", end_time = "time",
  },
}

--- Kinds of rows, in a fixed order.
columns.kinds = { "run", "task", "alloc", "pool" }

-- Made when a row is read; a row that was read may be created again.
local derived = { id4 = true, run_id4 = true, date = true }

--- Names of the columns of a kind, sorted.
function columns.names(kind)
  local names = {}
  for name in pairs(columns.of[kind]) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function wrong(kind, name, wanted, value)
  errors.raise("column '%s' of a %s row must be %s, not %s", name, kind,
    wanted, type(value) == "string" and "'" .. value:sub(1, 60) .. "'"
    or type(value) == "number" and tostring(value) or "a " .. type(value))
end

local function is_number(value)
  return type(value) == "number" and value == value
    and math.abs(value) <= 2 ^ 53
end

-- A table of texts, with names or numbers as keys; a list has no holes.
local function is_texts(value, key_type)
  if type(value) ~= "table" then
    return false
  end
  local n = 0
  for key, item in pairs(value) do
    n = n + 1
    if type(key) ~= key_type or type(item) ~= "string" then
      return false
    end
  end
  return key_type == "string" or n == #value
end

local function amounts(value)
  local plain = {}
  for _, label in ipairs(value:labels()) do
    plain[label] = value:get(label)
  end
  return plain
end

-- Type → function(kind, name, value) → its form in storage. Raise.
local encoders = {
  text = function(kind, name, value)
    return type(value) == "string" and value
      or wrong(kind, name, "a text", value)
  end,
  number = function(kind, name, value)
    return is_number(value) and value or wrong(kind, name, "a number", value)
  end,
  time = function(kind, name, value)
    return is_number(value) and value
      or wrong(kind, name, "a time in seconds", value)
  end,
  map = function(kind, name, value)
    return is_texts(value, "string") and json.encode(value)
      or wrong(kind, name, "a table of texts by name", value)
  end,
  list = function(kind, name, value)
    return is_texts(value, "number") and json.encode(value)
      or wrong(kind, name, "a list of texts", value)
  end,
  resources = function(_, _, value)
    return json.encode(amounts(resources.from(value)))
  end,
  error = function(kind, name, value)
    if type(value) == "string" then
      value = errors.new("Other", value)
    elseif not errors.is_error(value) then
      wrong(kind, name, "an error or a text", value)
    end
    return errors.encode(value)
  end,
}

local function plain(value)
  return value
end

-- Type → function(stored) → value.
local decoders = {
  text = plain, number = plain, time = plain,
  map = json.decode, list = json.decode,
  resources = function(stored)
    return resources.from(json.decode(stored))
  end,
  error = errors.decode,
}

local function too_large(kind, name, bytes)
  return nil, errors.new("Invalid", "column '%s' of a %s row has %d bytes; at"
    .. " most %d are kept", name, kind, bytes, columns.MAX_BYTES)
end

--- A row, or the changed columns of one, in the form of storage.
-- Unknown columns and wrong types raise.
-- @return table column → text or number; or nil and an error of kind Invalid
--         if a value is too large
function columns.encode(kind, row)
  local known, stored = columns.of[kind], {}
  if type(row) ~= "table" then
    errors.raise("a %s row is a table of columns, not a %s", kind, type(row))
  end
  for name, value in pairs(row) do
    local column = known[name]
    if column then
      local encoded = encoders[column](kind, name, value)
      if type(encoded) == "string" and #encoded > columns.MAX_BYTES then
        return too_large(kind, name, #encoded)
      end
      stored[name] = encoded
    elseif not derived[name] then
      errors.raise("a %s row has no column '%s'%s", kind, tostring(name),
        suggest.hint(name, known))
    end
  end
  return stored
end

local function short(id)
  return id and id:match("^sha256:(%x%x%x%x%x%x%x%x)") or nil
end

--- The row that was stored. New tables.
function columns.decode(kind, stored)
  local known, row = columns.of[kind], {}
  for name, value in pairs(stored) do
    row[name] = decoders[known[name]](value)
  end
  row.id4, row.run_id4 = short(row.id), short(row.run_id)
  row.date = row.keepalive and os.date("!%Y-%m-%d", row.keepalive) or nil
  return row
end

return columns
