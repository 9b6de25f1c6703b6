--- Runs that a running engine has, asked for over its HTTP API.

local errors = require "neap.errors"
local http = require "neap.cli.http"

local live = {}
live.__index = live

local PAGE = 1000

--- @param engine  { name=, path= }
function live.new(core, engine)
  return setmetatable({ core = core, engine = engine, name = engine.name,
                        live = true }, live)
end

function live:get(path, query)
  return http.json(self.core, self.engine, "GET",
                   path .. http.query(query or {}))
end

function live:post(path, body)
  return http.json(self.core, self.engine, "POST", path, body)
end

--- @return GET /v1/info
function live:info()
  return self:get "/v1/info"
end

--- @return the run rows of this engine, newest first
function live:runs()
  if not self.run_rows then
    local rows = self:get("/v1/runs").runs or {}
    table.sort(rows, function(a, b)
      return tonumber(a.id:sub(2)) > tonumber(b.id:sub(2))
    end)
    self.run_rows = rows
  end
  return self.run_rows
end

-- The row of one task, if it exists and is in one of these states.
local function one_row(self, id, states)
  local ok, doc = pcall(self.task, self, id)
  if ok then
    return (not states or states[doc.task.state]) and doc.task or nil
  elseif not errors.is(doc, "E_NOENT") then
    error(doc, 0)
  end
end

local function each_page(self, fields, fn)
  repeat
    local page = self:get("/v1/tasks", fields)
    for _, row in ipairs(page.tasks) do
      if fn(row) == false then
        return
      end
      fields.after = row.id
    end
  until not page.more or #page.tasks == 0
end

--- fn(row) for each task of a run, in the order of their numbers.
-- fn returns false to stop.
-- @param query  states: set of names, or nil; alloc; only: id of a task
function live:each_task(run, query, fn)
  if query.only then
    local row = one_row(self, query.only, query.states)
    if row then
      fn(row)
    end
    return
  end
  local names = {}
  for name in pairs(query.states or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  each_page(self, {
    run = run, alloc = query.alloc, limit = PAGE,
    state = names[1] and table.concat(names, ",") or nil,
  }, fn)
end

--- @return GET /v1/tasks/ID
function live:task(id)
  return self:get("/v1/tasks/" .. http.escape(id))
end

--- Bytes of a log from an offset.
-- @param query  stream=, offset=, attempt=
-- @return data, size, done (nothing will be added)
function live:log(id, query)
  local path = ("/v1/tasks/%s/log"):format(http.escape(id)) .. http.query {
    stream = query.stream, offset = query.offset, attempt = query.attempt,
  }
  local data, headers = http.raw(self.core, self.engine, "GET", path)
  return data, tonumber(headers["x-neap-size"]) or query.offset + #data,
         headers["x-neap-done"] == "1"
end

return live
