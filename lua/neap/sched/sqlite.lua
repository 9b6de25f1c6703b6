--- SQLite by FFI: a connection that runs prepared statements.
--
--   sqlite.open(path, opts) → connection, or nil and an error
--   c:run(sql, values, n)   → number of changed rows
--   c:each(sql, values, n, fn)   fn(row) for each row, until it says false
--   c:close()
--
-- `values` is an array of texts, numbers and nil with `n` places; a row is an
-- array of the same, valid during the call. Statements are kept by their text,
-- so that text must not be built of values. Errors are returned.

local errors = require "neap.sched.errors"
local ffi = require "ffi"

local sqlite = {}

ffi.cdef [[
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open_v2(const char *path, sqlite3 **ret, int flags,
                    const char *vfs);
int sqlite3_close_v2(sqlite3 *db);
int sqlite3_busy_timeout(sqlite3 *db, int ms);
int sqlite3_limit(sqlite3 *db, int id, int value);
const char *sqlite3_errmsg(sqlite3 *db);
const char *sqlite3_errstr(int rc);
int sqlite3_changes(sqlite3 *db);
int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size,
                       sqlite3_stmt **ret, const char **tail);
int sqlite3_finalize(sqlite3_stmt *stmt);
int sqlite3_step(sqlite3_stmt *stmt);
int sqlite3_reset(sqlite3_stmt *stmt);
int sqlite3_clear_bindings(sqlite3_stmt *stmt);
int sqlite3_bind_double(sqlite3_stmt *stmt, int place, double value);
int sqlite3_bind_text(sqlite3_stmt *stmt, int place, const char *text,
                      int size, void *destructor);
int sqlite3_column_count(sqlite3_stmt *stmt);
int sqlite3_column_type(sqlite3_stmt *stmt, int column);
double sqlite3_column_double(sqlite3_stmt *stmt, int column);
const char *sqlite3_column_text(sqlite3_stmt *stmt, int column);
int sqlite3_column_bytes(sqlite3_stmt *stmt, int column);
]]

local READWRITE, CREATE, NOMUTEX = 0x2, 0x4, 0x8000
local OK, ROW, DONE = 0, 100, 101
local INTEGER, FLOAT, TEXT = 1, 2, 3
local LIMIT_LENGTH, MAX_LENGTH = 0, 16 * 2 ^ 20
local MAX_KEPT = 256 -- statements
local TRANSIENT = ffi.cast("void *", -1) -- the text is copied

-- SQLite's result code → kind of error; others are "Other".
local kinds = {
  [3] = "NotAllowed",          -- PERM
  [5] = "Unavailable",         -- BUSY
  [6] = "Unavailable",         -- LOCKED
  [7] = "ResourcesExhausted",  -- NOMEM
  [8] = "NotAllowed",          -- READONLY
  [10] = "Unavailable",        -- IOERR
  [11] = "Integrity",          -- CORRUPT
  [13] = "ResourcesExhausted", -- FULL
  [14] = "NotExist",           -- CANTOPEN
  [18] = "Invalid",            -- TOOBIG
  [19] = "Invalid",            -- CONSTRAINT
  [23] = "NotAllowed",         -- AUTH
  [26] = "Integrity",          -- NOTADB
}

-- The library, or nil and an error. Loaded when it is first needed.
local library
local function load()
  if not library then
    local ok, loaded = pcall(ffi.load, "libsqlite3.so.0")
    if not ok then
      return nil, errors.new("NotSupported", "SQLite is not installed: %s",
        tostring(loaded))
    end
    library = loaded
  end
  return library
end

local Connection = {}
Connection.__index = Connection

local function failed(self, what, rc)
  local said = self.db ~= nil and library.sqlite3_errmsg(self.db)
    or library.sqlite3_errstr(rc)
  return nil, errors.wrap(what, { self.path },
    errors.new(kinds[rc % 256] or "Other", "%s", ffi.string(said)))
end

--- Open a database file; it is made if it is not there.
-- @param opts  busy_ms: how long a call waits for a lock of another process,
--              default 250
function sqlite.open(path, opts)
  local lib, err = load()
  if not lib then
    return nil, err
  end
  local out = ffi.new "sqlite3 *[1]"
  local rc = lib.sqlite3_open_v2(path, out, READWRITE + CREATE + NOMUTEX, nil)
  local self = setmetatable({
    path = path, db = out[0], statements = {}, kept = 0,
  }, Connection)
  if rc ~= OK then
    local _, reason = failed(self, "open", rc)
    lib.sqlite3_close_v2(out[0])
    return nil, reason
  end
  self.db = ffi.gc(out[0], lib.sqlite3_close_v2)
  lib.sqlite3_busy_timeout(self.db, opts and opts.busy_ms or 250)
  lib.sqlite3_limit(self.db, LIMIT_LENGTH, MAX_LENGTH)
  return self
end

-- A statement that nobody else uses: it leaves the cache until `put_back`.
local function take(self, sql)
  local statement = self.statements[sql]
  if statement then
    self.statements[sql], self.kept = nil, self.kept - 1
    return statement
  elseif not self.db then
    return nil, errors.new("Precondition", "the database %s is closed",
      self.path)
  end
  local out = ffi.new "sqlite3_stmt *[1]"
  local rc = library.sqlite3_prepare_v2(self.db, sql, #sql, out, nil)
  if rc ~= OK then
    return failed(self, "prepare", rc)
  end
  return ffi.gc(out[0], library.sqlite3_finalize)
end

local function finalize(statement)
  library.sqlite3_finalize(ffi.gc(statement, nil))
end

local function put_back(self, sql, statement)
  if not self.db or self.statements[sql] or self.kept >= MAX_KEPT then
    finalize(statement)
    return
  end
  library.sqlite3_reset(statement)
  library.sqlite3_clear_bindings(statement)
  self.statements[sql], self.kept = statement, self.kept + 1
end

local function bind(self, statement, values, n)
  for i = 1, n do
    local value, rc = values[i], OK
    if type(value) == "string" then
      rc = library.sqlite3_bind_text(statement, i, value, #value, TRANSIENT)
    elseif value ~= nil then
      rc = library.sqlite3_bind_double(statement, i, value)
    end
    if rc ~= OK then
      return failed(self, "bind", rc)
    end
  end
  return true
end

local function read_row(statement, row)
  for i = 0, library.sqlite3_column_count(statement) - 1 do
    local kind = library.sqlite3_column_type(statement, i)
    if kind == TEXT then
      local text = library.sqlite3_column_text(statement, i)
      row[i + 1] = ffi.string(text, library.sqlite3_column_bytes(statement, i))
    elseif kind == INTEGER or kind == FLOAT then
      row[i + 1] = library.sqlite3_column_double(statement, i)
    else
      row[i + 1] = nil
    end
  end
  return row
end

local function step_all(self, statement, fn)
  local row = {}
  while true do
    local rc = library.sqlite3_step(statement)
    if rc == DONE then
      return true
    elseif rc ~= ROW then
      return failed(self, "step", rc)
    elseif fn and fn(read_row(statement, row)) == false then
      return true
    end
  end
end

-- On every way out, also when fn raises.
local function finish(self, sql, statement, ok, ...)
  put_back(self, sql, statement)
  if not ok then
    error((...), 0)
  end
  return ...
end

--- Run a statement and look at each of its rows.
-- @param fn  function(row); false ends it. It may use the connection
-- @return true, or nil and an error
function Connection:each(sql, values, n, fn)
  local statement, err = take(self, sql)
  if not statement then
    return nil, err
  end
  local ok
  ok, err = bind(self, statement, values, n)
  if not ok then
    return finish(self, sql, statement, true, nil, err)
  end
  return finish(self, sql, statement, pcall(step_all, self, statement, fn))
end

--- Run a statement that gives no rows.
-- @return number of rows that it changed, or nil and an error
function Connection:run(sql, values, n)
  local ok, err = self:each(sql, values or {}, n or 0)
  if not ok then
    return nil, err
  end
  return library.sqlite3_changes(self.db)
end

--- Close it. A second time does nothing; other calls then return an error.
function Connection:close()
  if not self.db then
    return
  end
  for _, statement in pairs(self.statements) do
    finalize(statement)
  end
  self.statements, self.kept = {}, 0
  library.sqlite3_close_v2(ffi.gc(self.db, nil))
  self.db = nil
end

return sqlite
