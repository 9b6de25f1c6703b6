--- The methods of every task database, on top of four of its storage:
--
--   put(kind, stored)              create a row; if its id is there, change it
--   change(kind, id, stored)       → true, false if there is no such row
--   select(kind, conditions)       → list of stored rows
--   each(kind, column, fn)         fn(id, stored value) until it says false
--
-- Each returns nil and an error when the storage fails. `conditions` is
-- { equal = { column = value }, id=, since=, before=, limit= }; the newest
-- rows come first: by end_time, or keepalive where there is none, then the
-- one that was created last.
--
-- Every method returns true (a query: a list), or nil and an error: NotExist
-- if there is no row with the id. Wrong arguments raise.

local columns = require "neap.sched.taskdb_columns"
local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"

local methods = {}

local function check_id(id, what)
  if type(id) ~= "string" or id == "" then
    errors.raise("%s: the id of a row is a text that is not empty, not %s",
      what, type(id) == "string" and "''" or "a " .. type(id))
  end
  return id
end

local function create(self, kind, row, what)
  local stored, err = columns.encode(kind, row)
  if not stored then
    return nil, err
  end
  check_id(stored.id, what)
  stored.start_time = stored.start_time or self.clock:now()
  stored.keepalive = stored.keepalive or stored.start_time
  return self:put(kind, stored)
end

-- Change a row of the first of `kinds` that has the id.
local function change(self, kinds, id, changes, what)
  check_id(id, what)
  for _, kind in ipairs(kinds) do
    local stored, err = columns.encode(kind, changes)
    if not stored then
      return nil, err
    end
    local found
    found, err = self:change(kind, id, stored)
    if found == nil then
      return nil, err
    elseif found then
      return true
    end
  end
  return nil, errors.new("NotExist", "%s: there is no %s with id %s", what,
    table.concat(kinds, " or "), id)
end

local RUN, TASK, PLACE = { "run" }, { "task" }, { "alloc", "pool" }

--- A run begins. `row`: columns of a run; id is needed.
function methods:create_run(row)
  return create(self, "run", row, "create_run")
end

--- What the run is of: a digest, and the list of its arguments.
function methods:set_run_attrs(id, bundle, args)
  return change(self, RUN, id, { bundle = bundle, args = args },
    "set_run_attrs")
end

--- A run is over.
-- @param attrs  run_log, eval_graph, trace: digests; end_time: default now
function methods:set_run_complete(id, attrs)
  attrs = attrs or {}
  return change(self, RUN, id, {
    run_log = attrs.run_log, eval_graph = attrs.eval_graph,
    trace = attrs.trace, end_time = attrs.end_time or self.clock:now(),
  }, "set_run_complete")
end

--- A run is known to live until then (seconds).
function methods:keep_run_alive(id, until_s)
  return change(self, RUN, id, { keepalive = until_s }, "keep_run_alive")
end

--- An attempt of a task begins. `row`: columns of a task; id is needed.
function methods:create_task(row)
  return create(self, "task", row, "create_task")
end

--- Where it runs.
function methods:set_task_uri(id, uri)
  return change(self, TASK, id, { uri = uri }, "set_task_uri")
end

--- The digest of its result.
function methods:set_task_result(id, digest)
  return change(self, TASK, id, { result_id = digest }, "set_task_result")
end

--- Digests of what it wrote: stdout, stderr, inspect.
function methods:set_task_attrs(id, attrs)
  return change(self, TASK, id, {
    stdout = attrs.stdout, stderr = attrs.stderr, inspect = attrs.inspect,
  }, "set_task_attrs")
end

--- It is over.
-- @param err  error, text, or nil if it went well
-- @param at   seconds, default now
function methods:set_task_complete(id, err, at)
  return change(self, TASK, id,
    { error = err, end_time = at or self.clock:now() }, "set_task_complete")
end

--- An attempt is known to live until then (seconds).
function methods:keep_task_alive(id, until_s)
  return change(self, TASK, id, { keepalive = until_s }, "keep_task_alive")
end

--- A pool (a machine that gives allocs) is there.
function methods:start_pool(row)
  return create(self, "pool", row, "start_pool")
end

--- An alloc is there.
function methods:start_alloc(row)
  return create(self, "alloc", row, "start_alloc")
end

--- What an alloc or pool has.
function methods:set_resources(id, r)
  return change(self, PLACE, id, { resources = r }, "set_resources")
end

--- An alloc or pool is known to live until then (seconds).
function methods:keep_id_alive(id, until_s)
  return change(self, PLACE, id, { keepalive = until_s }, "keep_id_alive")
end

--- An alloc or pool is gone.
function methods:set_end_time(id, at)
  return change(self, PLACE, id, { end_time = at or self.clock:now() },
    "set_end_time")
end

-- ---- queries --------------------------------------------------------------

-- Kind → the columns that a query may ask for by value.
local by_value = {
  run = { user = true },
  task = { run_id = true, ident = true, img_cmd_id = true, flow_id = true,
    alloc_id = true },
  alloc = { pool_id = true },
  pool = { cluster_name = true, user = true, reflow_version = true },
}

local common = { id = true, since = true, before = true, limit = true }

local function check_number(q, name, whole)
  local value = q[name]
  if value ~= nil and (type(value) ~= "number" or value ~= value
    or whole and (value < 0 or value ~= math.floor(value))) then
    errors.raise("%s of a query must be a %s, not %s", name,
      whole and "whole number of at least 0" or "time in seconds",
      tostring(value))
  end
  return value
end

local function conditions_of(kind, q, flag)
  local found = {
    equal = {}, since = check_number(q, "since"),
    before = check_number(q, "before"),
    limit = check_number(q, "limit", true),
  }
  for name, value in pairs(q) do
    if by_value[kind][name] then
      found.equal[name] = check_id(value, name .. " of a query")
    elseif not common[name] and name ~= flag then
      local known = { [flag or "id"] = true }
      for _, names in ipairs { common, by_value[kind] } do
        for other in pairs(names) do
          known[other] = true
        end
      end
      errors.raise("a query of %ss has no field '%s'%s", kind,
        tostring(name), suggest.hint(name, known))
    end
  end
  return found
end

-- Rows of all the ids that were asked for, each once.
local function select_ids(self, kind, conditions, ids)
  local list, seen = {}, {}
  for _, id in ipairs(ids) do
    conditions.id = check_id(id, "id of a query")
    local some, err = self:select(kind, conditions)
    if not some then
      return nil, err
    end
    for _, stored in ipairs(some) do
      if not seen[stored.id] then
        seen[stored.id] = true
        list[#list + 1] = stored
      end
    end
  end
  return list
end

local function select(self, kind, q, flag)
  if q ~= nil and type(q) ~= "table" then
    errors.raise("a query of %ss is a table such as { limit = 10 }, not a %s",
      kind, type(q))
  end
  q = q or {}
  local conditions = conditions_of(kind, q, flag)
  local list, err
  if q.id ~= nil then
    list, err = select_ids(self, kind, conditions,
      type(q.id) == "table" and q.id or { q.id })
  else
    list, err = self:select(kind, conditions)
  end
  if not list then
    return nil, err
  end
  for i, stored in ipairs(list) do
    list[i] = columns.decode(kind, stored)
  end
  return list
end

-- Put the row of `kind` that `row[column]` names into each row's `field`.
local function join(self, list, column, kind, field)
  local known = {}
  for _, row in ipairs(list) do
    local id = row[column]
    if id and known[id] == nil then
      local found, err = self:select(kind, { equal = { id = id }, limit = 1 })
      if not found then
        return nil, err
      end
      known[id] = found[1] and columns.decode(kind, found[1]) or false
    end
    row[field] = id and known[id] or nil
  end
  return list
end

--- Runs, the newest first.
-- @param q  id (whole, or the beginning of a digest, or a list of them), user,
--           since and before (seconds, of the keepalive), limit
function methods:runs(q)
  return select(self, "run", q)
end

--- Pools. q: id cluster_name user reflow_version since before limit
function methods:pools(q)
  return select(self, "pool", q)
end

--- Allocs, each with its `pool` if that is known.
-- q: id pool_id since before limit
function methods:allocs(q)
  local list, err = select(self, "alloc", q)
  if not list then
    return nil, err
  end
  return join(self, list, "pool_id", "pool", "pool")
end

local function join_allocs(self, list)
  local joined, err = join(self, list, "alloc_id", "alloc", "alloc")
  if not joined then
    return nil, err
  end
  local allocs = {}
  for _, row in ipairs(joined) do
    allocs[#allocs + 1] = row.alloc
  end
  joined, err = join(self, allocs, "pool_id", "pool", "pool")
  return joined and list, err
end

--- Attempts of tasks, the newest first.
-- @param q  id run_id ident img_cmd_id flow_id alloc_id since before limit;
--           with_alloc: each with its `alloc`, and that with its `pool`
function methods:tasks(q)
  local list, err = select(self, "task", q, "with_alloc")
  if not list or not (q and q.with_alloc) then
    return list, err
  end
  return join_allocs(self, list)
end

--- Look at each value of a column, in rows of every kind that has it.
-- @param fn  function(id, value, kind); false ends the scan
-- @return how many it was told, or nil and an error
function methods:scan(column, fn)
  local n, known, going = 0, {}, true
  if type(fn) ~= "function" then
    errors.raise("scan(column, fn): fn must be a function, not a %s", type(fn))
  end
  for _, kind in ipairs(columns.kinds) do
    for name in pairs(columns.of[kind]) do
      known[name] = true
    end
  end
  if not known[column] then
    errors.raise("no row has a column '%s'%s", tostring(column),
      suggest.hint(column, known))
  end
  for _, kind in ipairs(columns.kinds) do
    if going and columns.of[kind][column] then
      local ok, err = self:each(kind, column, function(id, stored)
        n = n + 1
        local row = columns.decode(kind, { [column] = stored })
        going = fn(id, row[column], kind) ~= false
        return going
      end)
      if not ok then
        return nil, err
      end
    end
  end
  return n
end

return methods
