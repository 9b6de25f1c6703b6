--- All that a command can look at: the running engines and the records of
-- runs that have ended. Turns selectors into runs and tasks.

local fault = require "neap.cli.fault"
local history = require "neap.cli.history"
local live = require "neap.cli.live"
local selection = require "neap.cli.select"

local world = {}
world.__index = world

local function running_names(engines)
  local names = {}
  for _, engine in ipairs(engines) do
    names[#names + 1] = engine.name
  end
  return #names > 0 and "running engines: " .. table.concat(names, ", ")
    or "no engine is running"
end

-- The engine called `name` (or the socket at that path).
local function pick(engines, name, dir)
  for _, engine in ipairs(engines) do
    if engine.name == name or engine.path == name then
      return engine
    end
  end
  local path = name:find "/" and name or ("%s/%s.sock"):format(dir, name)
  fault.raise("E_CONN", { lines = { running_names(engines) } },
              "no engine '%s' (nobody answers at %s)", name, path)
end

-- Folders of sockets, state and files, and the engine that the config names.
-- Loaded late: the command tables, and so the docs, need no C module.
local function places(env)
  local config = require "neap.config"
  config.set(config.load { getenv = env })
  local places_of = require "neap.engine_config"
  return {
    runtime = places_of.runtime_dir(), state = places_of.state_dir(),
    repo = require("neap.digest").default_repo(),
    target = config.current():get "engine.target",
  }
end

--- Look for engines.
-- @param name  --on, or nil: what NEAP_ENGINE or the config names, else all
--              that run
function world.open(core, name, env)
  env = env or os.getenv
  local where = places(env)
  local engines = {}
  for _, engine in ipairs(core.sockets(where.runtime) or {}) do
    if engine.alive then
      engines[#engines + 1] = engine
    end
  end
  name = name or where.target
  if name and name ~= "embedded" then
    engines = { pick(engines, name, where.runtime) }
  end
  local stores = {}
  for i, engine in ipairs(engines) do
    stores[i] = live.new(core, engine)
  end
  return setmetatable({ stores = stores,
    history = history.new(core, where.state, where.repo) }, world)
end

--- @return the run rows of the running engines, newest first, as
--          { row=, store= }
function world:live_runs()
  local list = {}
  for _, store in ipairs(self.stores) do
    for _, row in ipairs(store:runs()) do
      list[#list + 1] = { row = row, store = store }
    end
  end
  table.sort(list, function(a, b)
    return selection.run_number(a.row.id) > selection.run_number(b.row.id)
  end)
  return list
end

--- @return { row=, store= } of a run, or nil
function world:run(id)
  for _, run in ipairs(self:live_runs()) do
    if run.row.id == id then
      return run
    end
  end
  local row = self.history:run(id)
  return row and { row = row, store = self.history }
end

--- @return { row=, store= } of the newest run, or nil
function world:newest()
  local first = self:live_runs()[1]
  for _, n in ipairs(self.history:numbers()) do
    if first and selection.run_number(first.row.id) >= n then
      break
    end
    local row = self.history:run("r" .. n)
    if row then
      return { row = row, store = self.history }
    end
  end
  return first
end

-- Runs that may hold something of `terms`, oldest first: the live ones, and
-- the recorded ones that are named. By name also the newest run is searched.
local function candidates(self, terms, newest)
  local found, list = {}, {}
  local function add(run)
    if run and not found[run.row.id] then
      found[run.row.id] = true
      list[#list + 1] = run
    end
  end
  for _, run in ipairs(self:live_runs()) do
    add(run)
  end
  local recorded = self.history:numbers()
  for _, term in ipairs(terms) do
    if term.kind == "last" or term.kind == "name" then
      add(newest)
    end
    for _, n in ipairs(recorded) do
      local id = "r" .. n
      if not found[id] and selection.names_run(term, id) then
        add(self:run(id))
      end
    end
  end
  table.sort(list, function(a, b)
    return selection.run_number(a.row.id) < selection.run_number(b.row.id)
  end)
  return list
end

-- Do `terms` select all of `run`? If not: those that may select some of it.
local function split_terms(terms, run, newest_id)
  local parts = {}
  for _, term in ipairs(terms) do
    if selection.run(term, run.row, newest_id) then
      term.hit = true
      return true, {}
    elseif selection.may_hold(term, run.row.id) then
      parts[#parts + 1] = term
    end
  end
  return false, parts
end

-- What to ask the store for: of a single task only that.
local function store_query(parts, states)
  local term = parts[1]
  local query = { states = states }
  if #parts == 1 and term.kind == "tasks" and term.from == term.to then
    query.only = ("%s.%d"):format(term.run, term.from)
  elseif #parts == 1 and term.kind == "alloc" then
    query.alloc = term.id
  end
  return query
end

local function hit(parts, row)
  for _, term in ipairs(parts) do
    if selection.task(term, row) then
      term.hit = true
      return true
    end
  end
  return false
end

-- Beyond the last number that a store in order can still have.
local function is_past(parts, run, row)
  local term = parts[1]
  return run.store.live and #parts == 1 and term.kind == "tasks"
    and row.n > term.to
end

local function each_of_run(run, whole, parts, states, fn)
  local query = store_query(parts, states)
  run.store:each_task(run.row.id, query, function(row)
    if whole or hit(parts, row) then
      return fn(row, run)
    end
    return not is_past(parts, run, row)
  end)
end

-- A term that selected nothing, though not because of the filter.
local function is_miss(self, term, filtered)
  if term.hit or term.kind == "all" then
    return false
  elseif term.kind == "tasks" and not self:run(term.run) then
    return true
  end
  return term.kind == "runs" or term.kind == "last" or not filtered
end

local function check_hits(self, terms, filtered)
  for _, term in ipairs(terms) do
    if is_miss(self, term, filtered) then
      fault.raise("E_NOENT", { hint = "neap ps all shows what there is" },
                  term.kind == "last" and "there is no run yet ('%s')"
                    or "nothing is called '%s'", term.text)
    end
  end
end

--- fn(row, run) for each task that `terms` select; false stops.
-- @param states  set of state names, or nil: all
function world:each_task(terms, states, fn)
  local newest = self:newest()
  local newest_id = newest and newest.row.id
  for _, run in ipairs(candidates(self, terms, newest)) do
    local whole, parts = split_terms(terms, run, newest_id)
    local going = true
    if whole or #parts > 0 then
      each_of_run(run, whole, parts, states, function(row)
        going = fn(row, run) ~= false
        return going
      end)
    end
    if not going then
      return
    end
  end
  check_hits(self, terms, states ~= nil)
end

--- Runs that `terms` select as a whole, as { row=, store= }, oldest first.
function world:runs(terms)
  local newest = self:newest()
  local list = {}
  for _, run in ipairs(candidates(self, terms, newest)) do
    if (split_terms(terms, run, newest and newest.row.id)) then
      list[#list + 1] = run
    end
  end
  return list
end

local MANY = 8

--- The one task that `terms` select.
-- @return row, run, attempt (of r7.3#2, else nil)
-- Raises E_NOENT if there is none, or more than one.
function world:one_task(terms)
  local id, attempt = selection.single(terms)
  local rows, run_of, count = {}, nil, 0
  self:each_task(terms, nil, function(row, run)
    count = count + 1
    if count <= MANY then
      rows[count], run_of = row, run_of or run
    end
    return not id
  end)
  if count == 1 then
    return rows[1], run_of, attempt
  end
  local lines = {}
  for i, row in ipairs(rows) do
    lines[i] = ("%s %s, %s"):format(row.id, row.name, row.state)
  end
  if count > MANY then
    lines[#lines + 1] = ("… and %d more"):format(count - MANY)
  end
  local words = {}
  for i, term in ipairs(terms) do
    words[i] = term.text
  end
  local text = table.concat(words, ",")
  if count == 0 then
    fault.raise("E_NOENT", nil, "'%s' has no task", text)
  end
  fault.raise("E_NOENT", { lines = lines, hint = "name one of them" },
              "'%s' is ambiguous: %d tasks", text, count)
end

return world
