--- A task database in a file, with SQLite.
--
-- One table for each kind of row. The file is written ahead (WAL), so others
-- may read it meanwhile: `sqlite3 tasks.db 'select * from tasks'`. A power cut
-- may lose the last moments, but never breaks the file.

local clock = require "neap.sched.clock"
local columns = require "neap.sched.taskdb_columns"
local connection = require "neap.sched.sqlite"
local errors = require "neap.sched.errors"
local methods = require "neap.sched.taskdb_methods"

local sqlite = {}

local Sqlite = setmetatable({}, { __index = methods })
Sqlite.__index = Sqlite

local VERSION = 1

local tables = { run = "runs", task = "tasks", alloc = "allocs",
  pool = "pools" }

local sql_types = { number = "REAL", time = "REAL" }

-- The columns that queries look for.
local indexes = {
  "runs (keepalive)", "tasks (keepalive)", "allocs (keepalive)",
  "pools (keepalive)", "tasks (run_id)", "tasks (alloc_id)",
  "tasks (ident, end_time)", "tasks (img_cmd_id, end_time)",
}

local function schema()
  local list = {}
  for _, kind in ipairs(columns.kinds) do
    local parts = { "n INTEGER PRIMARY KEY", "id TEXT NOT NULL UNIQUE" }
    for _, name in ipairs(columns.names(kind)) do
      if name ~= "id" then
        local of = columns.of[kind][name]
        parts[#parts + 1] = ('"%s" %s'):format(name, sql_types[of] or "TEXT")
      end
    end
    list[#list + 1] = ("CREATE TABLE %s (%s)"):format(tables[kind],
      table.concat(parts, ", "))
  end
  for i, index in ipairs(indexes) do
    list[#list + 1] = ("CREATE INDEX by_%d ON %s"):format(i, index)
  end
  list[#list + 1] = "PRAGMA user_version = " .. VERSION
  return list
end

local function run_all(db, list)
  for _, sql in ipairs(list) do
    local ok, err = db:run(sql)
    if not ok then
      return nil, err
    end
  end
  return true
end

local function version_of(db)
  local version
  local ok, err = db:each("PRAGMA user_version", {}, 0, function(row)
    version = row[1]
  end)
  return ok and version, err
end

-- Inside of a transaction: another process may do the same.
local function make_tables(db)
  local version, err = version_of(db)
  if not version then
    return nil, err
  elseif version == 0 then
    return run_all(db, schema())
  elseif version ~= VERSION then
    return nil, errors.new("NotSupported", "%s is a task database of version"
      .. " %d; this neap reads version %d", db.path, version, VERSION)
  end
  return true
end

local function prepare_file(db)
  local ok, err = run_all(db, {
    "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL",
    "BEGIN IMMEDIATE",
  })
  if not ok then
    return nil, err
  end
  ok, err = make_tables(db)
  if not ok then
    db:run "ROLLBACK"
    return nil, err
  end
  return db:run "COMMIT"
end

--- The database in a file; it is made if it is not there.
-- @param path  of the file
-- @param opts  clock: for times that a row does not bring, default the clock
--              in use; busy_ms: how long a call waits for a lock of another
--              process before it returns Unavailable, default 250
-- @return the database, or nil and an error
function sqlite.new(path, opts)
  if type(path) ~= "string" or path == "" then
    errors.raise("taskdb.sqlite(path): path must be the name of a file, not"
      .. " %s", type(path) == "string" and "''" or "a " .. type(path))
  end
  local db, err = connection.open(path, opts)
  if not db then
    return nil, err
  end
  local ok
  ok, err = prepare_file(db)
  if not ok then
    db:close()
    return nil, err
  end
  return setmetatable({
    clock = opts and opts.clock or clock.default(), db = db,
  }, Sqlite)
end

-- Names of the columns of `stored`, in order, and their values.
local function split(stored, skipped)
  local names, values = {}, {}
  for name in pairs(stored) do
    if name ~= skipped then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    values[i] = stored[name]
  end
  return names, values
end

local function put_sql(kind, names)
  local places, updates = {}, {}
  for i, name in ipairs(names) do
    places[i] = "?"
    updates[i] = ('"%s" = excluded."%s"'):format(name, name)
  end
  return ('INSERT INTO %s ("%s") VALUES (%s) ON CONFLICT (id) DO UPDATE SET %s')
    :format(tables[kind], table.concat(names, '", "'),
      table.concat(places, ", "), table.concat(updates, ", "))
end

function Sqlite:put(kind, stored)
  local names, values = split(stored)
  local ok, err = self.db:run(put_sql(kind, names), values, #values)
  if not ok then
    return nil, err
  end
  return true
end

function Sqlite:change(kind, id, stored)
  local names, values = split(stored, "id")
  local sets = {}
  for i, name in ipairs(names) do
    sets[i] = ('"%s" = ?'):format(name)
  end
  sets[1] = sets[1] or "id = id"
  values[#names + 1] = id
  local changed, err = self.db:run(("UPDATE %s SET %s WHERE id = ?")
    :format(tables[kind], table.concat(sets, ", ")), values, #names + 1)
  if not changed then
    return nil, err
  end
  return changed > 0
end

-- The id, or the beginning of a digest: those sort before its text and "g".
local function where_id(id, parts, values)
  local hex = id:match("^sha256:(%x+)$") or id:match("^(%x+)$")
  values[#values + 1] = id
  if not hex then
    parts[#parts + 1] = "id = ?"
    return
  end
  parts[#parts + 1] = "(id = ? OR id >= ? AND id < ?)"
  values[#values + 1] = "sha256:" .. hex
  values[#values + 1] = "sha256:" .. hex .. "g"
end

local function where(conditions)
  local parts = {}
  local names, values = split(conditions.equal)
  for i, name in ipairs(names) do
    parts[i] = ('"%s" = ?'):format(name)
  end
  if conditions.id then
    where_id(conditions.id, parts, values)
  end
  for name, operator in pairs { since = ">", before = "<" } do
    if conditions[name] then
      parts[#parts + 1] = ("keepalive %s ?"):format(operator)
      values[#values + 1] = conditions[name]
    end
  end
  local text = #parts > 0 and " WHERE " .. table.concat(parts, " AND ") or ""
  return text, values
end

function Sqlite:select(kind, conditions)
  local names = columns.names(kind)
  local text, values = where(conditions)
  values[#values + 1] = math.min(conditions.limit or -1, 2 ^ 53)
  local list = {}
  local ok, err = self.db:each(('SELECT "%s" FROM %s%s ORDER BY'
    .. " coalesce(end_time, keepalive) DESC, n DESC LIMIT ?")
    :format(table.concat(names, '", "'), tables[kind], text), values, #values,
    function(row)
      local stored = {}
      for i, name in ipairs(names) do
        stored[name] = row[i]
      end
      list[#list + 1] = stored
    end)
  if not ok then
    return nil, err
  end
  return list
end

function Sqlite:each(kind, column, fn)
  return self.db:each(('SELECT id, "%s" FROM %s WHERE "%s" IS NOT NULL'
    .. " ORDER BY n"):format(column, tables[kind], column), {}, 0,
    function(row)
      return fn(row[1], row[2])
    end)
end

--- Begin to write together what comes until `commit`; it is much faster.
function Sqlite:begin()
  local ok, err = self.db:run "BEGIN IMMEDIATE"
  return ok and true or nil, err
end

--- Write it.
function Sqlite:commit()
  local ok, err = self.db:run "COMMIT"
  return ok and true or nil, err
end

--- Forget it.
function Sqlite:rollback()
  local ok, err = self.db:run "ROLLBACK"
  return ok and true or nil, err
end

--- Close the file. Calls after that return an error of kind Precondition.
function Sqlite:close()
  self.db:close()
end

return sqlite
