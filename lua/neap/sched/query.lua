--- Queries of records: what a query may ask for, and what it means.
--
--   local q = query.new("tasks", columns, tests, orders)
--   q:select({ records }, { state = "done", limit = 5 }, extra)
--
-- A row has the columns of a record. Rows are made of those records only that
-- are asked for: a queue may be long.

local errors = require "neap.sched.errors"
local fnmatch = require "neap.fnmatch"
local suggest = require "neap.suggest"

local query = {}

local Query = {}
Query.__index = Query

local LIMIT = 100

--- A sort of query.
-- @param what     what it looks for, in messages: "tasks"
-- @param columns  name → function(record, …) → value; "n" is a number of the
--                 record's own
-- @param tests    field of the query → test (below)
-- @param orders   set of the columns by which rows may be ordered
function query.new(what, columns, tests, orders)
  local known = { limit = true, order = true }
  for name in pairs(tests) do
    known[name] = true
  end
  return setmetatable({
    what = what, columns = columns, tests = tests, orders = orders,
    known = known,
  }, Query)
end

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- ---- tests: { column, prepare(wanted, name) → w, passes(value, w) } -------

local function text(wanted, name)
  if type(wanted) ~= "string" then
    errors.raise("%s in a query must be a text, not %s", name,
      type(wanted) == "number" and tostring(wanted) or "a " .. type(wanted))
  end
  return wanted
end

local function same(value, wanted)
  return value == wanted
end

--- The column is this text.
function query.equal(column)
  return { column = column, prepare = text, passes = same }
end

--- The column begins with this text; a digest also without "sha256:".
function query.prefix(column)
  return { column = column, prepare = text, passes = function(value, wanted)
    return type(value) == "string" and (value:sub(1, #wanted) == wanted
      or value:sub(1, 7 + #wanted) == "sha256:" .. wanted)
  end }
end

--- The column matches this name or glob.
function query.glob(column)
  return {
    column = column,
    prepare = function(wanted, name)
      return fnmatch.compile(text(wanted, name))
    end,
    passes = function(value, matches)
      return type(value) == "string" and matches(value)
    end,
  }
end

--- The column is one of these words; a query may have a list of them.
-- @param words    set of words
-- @param aliases  other word → word of the column
function query.choice(column, words, aliases)
  local function prepare(wanted, name)
    local chosen = {}
    for _, word in ipairs(type(wanted) == "table" and wanted or { wanted }) do
      local meant = aliases[word] or word
      if not words[meant] then
        errors.raise("%s in a query must be one of %s, not '%s'%s", name,
          names_of(words), tostring(word), suggest.hint(word, words))
      end
      chosen[meant] = true
    end
    return chosen
  end
  return { column = column, prepare = prepare, passes = function(value, chosen)
    return chosen[value] == true
  end }
end

--- The column is a number of at least this.
function query.at_least(column)
  local function prepare(wanted, name)
    if type(wanted) ~= "number" or wanted ~= wanted then
      errors.raise("%s in a query must be a time of the clock in seconds,"
        .. " not %s", name, tostring(wanted))
    end
    return wanted
  end
  return { column = column, prepare = prepare, passes = function(value, wanted)
    return value ~= nil and value >= wanted
  end }
end

--- The label `label` of the column is this text.
function query.label(column, label)
  return { column = column, prepare = text, passes = function(value, wanted)
    return value[label] == wanted
  end }
end

--- The column has these labels: "name", "name=value", or a table of them.
function query.labels(column)
  local function prepare(wanted, name)
    if type(wanted) == "table" then
      return wanted
    end
    local key, value = text(wanted, name):match("^(.-)=(.*)$")
    return { [key or wanted] = value or true }
  end
  return { column = column, prepare = prepare, passes = function(labels, all)
    for key, value in pairs(all) do
      if labels[key] == nil or value ~= true and labels[key] ~= value then
        return false
      end
    end
    return true
  end }
end

-- ---- choosing -------------------------------------------------------------

-- The tests that `q` asks for: lists of { value_of, passes, wanted }.
local function prepare(self, q)
  local list = {}
  for name, wanted in pairs(q) do
    if not self.known[name] then
      errors.raise("unknown field '%s' in a query of %s%s", tostring(name),
        self.what, suggest.hint(name, self.known))
    end
    local test = self.tests[name]
    if test then
      list[#list + 1] = {
        value_of = self.columns[test.column], passes = test.passes,
        wanted = test.prepare(wanted, name),
      }
    end
  end
  return list
end

local function limit_of(q)
  local limit = q.limit or LIMIT
  if type(limit) ~= "number" or limit < 0
    or limit ~= math.floor(limit) then
    errors.raise("limit in a query must be a whole number of at least 0 or"
      .. " math.huge, not %s", tostring(limit))
  end
  return limit
end

-- "-ended": by this column, the largest first.
-- Records without the column come last; equal ones by `n`.
local function order_of(self, q, extra)
  local descending, column = tostring(q.order or "n"):match("^(%-?)(.*)$")
  if not self.orders[column] then
    errors.raise("order in a query of %s must be one of %s, with '-' before"
      .. " it for the largest first, not '%s'%s", self.what,
      names_of(self.orders), tostring(q.order),
      suggest.hint(column, self.orders))
  end
  local value_of, n_of = self.columns[column], self.columns.n
  return function(a, b)
    local x, y = value_of(a, extra), value_of(b, extra)
    if x == y then
      return n_of(a) < n_of(b)
    elseif x == nil or y == nil then
      return y == nil
    elseif descending == "-" then
      return x > y
    end
    return x < y
  end
end

local function passes(tests, record, extra)
  for i = 1, #tests do
    local test = tests[i]
    if not test.passes(test.value_of(record, extra), test.wanted) then
      return false
    end
  end
  return true
end

local function cut(list, limit)
  for i = #list, limit + 1, -1 do
    list[i] = nil
  end
end

-- The first `limit` records that pass. The list is cut each time it has grown
-- to about twice the limit, so a long queue is not sorted as a whole.
local function choose(sources, tests, less, limit, extra)
  local list, n, more = {}, 0, false
  for _, records in ipairs(sources) do
    for _, record in pairs(records) do
      if passes(tests, record, extra) then
        n = n + 1
        list[n] = record
        if n > 2 * limit + 64 then
          table.sort(list, less)
          cut(list, limit)
          n, more = limit, true
        end
      end
    end
  end
  table.sort(list, less)
  more = more or n > limit
  cut(list, limit)
  return list, more
end

--- The rows that a query asks for.
-- @param sources  list of tables of records
-- @param q        the query, or nil for all
-- @param extra    given to the columns' functions
-- @return list of rows, and whether the limit left some out
function Query:select(sources, q, extra)
  if q ~= nil and type(q) ~= "table" then
    errors.raise("a query of %s is a table such as { limit = 10 }, not a %s",
      self.what, type(q))
  end
  q = q or {}
  local list, more = choose(sources, prepare(self, q),
    order_of(self, q, extra), limit_of(q), extra)
  for i, record in ipairs(list) do
    local row = {}
    for name, value_of in pairs(self.columns) do
      row[name] = value_of(record, extra) or nil
    end
    list[i] = row
  end
  return list, more
end

return query
