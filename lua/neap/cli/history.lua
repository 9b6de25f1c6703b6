--- Runs that have been: STATE/runs/rN.jsonl, written by the engine that had
-- them. First line the run, a line per ended task, last line the run again.
-- Same methods as live.lua, as far as a record can answer.

local fault = require "neap.cli.fault"
local json = require "neap.cli.json"

local history = {}
history.__index = history

--- @param state  folder of the state
-- @param repo   folder of the repository (for logs)
function history.new(core, state, repo)
  return setmetatable({ core = core, dir = state .. "/runs", repo = repo,
                        name = "history", rows = {} }, history)
end

function history:path(id)
  return ("%s/%s.jsonl"):format(self.dir, id)
end

--- @return numbers of the recorded runs, newest first
function history:numbers()
  local numbers = {}
  for _, name in ipairs(self.core.list(self.dir) or {}) do
    local n = name:match "^r(%d+)%.jsonl$"
    if n then
      numbers[#numbers + 1] = tonumber(n)
    end
  end
  table.sort(numbers, function(a, b) return a > b end)
  return numbers
end

-- fn(row) for each line that holds `needle`; fn returns false to stop. Only
-- the last line may be torn: its engine was killed while it wrote.
local function each_line(self, id, needle, fn)
  local file = io.open(self:path(id), "rb")
  if not file then
    return false
  end
  local number, torn = 0, nil
  for line in file:lines() do
    number = number + 1
    if torn then
      file:close()
      fault.raise("E_INTEGRITY", { hint = "the record is damaged" },
                  "%s:%d is no JSON", self:path(id), torn)
    elseif not needle or line:find(needle, 1, true) then
      local row = json.decode(line)
      if type(row) ~= "table" then
        torn = number
      elseif fn(row) == false then
        break
      end
    end
  end
  file:close()
  return true
end

local function is_run(row)
  return row.schema == "neap.run/1"
end

--- The run row, or nil if there is no record.
function history:run(id)
  if self.rows[id] then
    return self.rows[id]
  end
  local row
  each_line(self, id, '"schema"', function(line)
    row = is_run(line) and line or row
  end)
  if row and row.state == "running" then
    row.state = "aborted"
    row.error = row.error or { kind = "E_LOST",
      message = "its engine ended without closing the record" }
  end
  self.rows[id] = row
  return row
end

-- The rows that are wanted, in the order of their ends.
local function rows_of(self, id, query)
  local rows = {}
  local needle = query.only and '"' .. query.only .. '"'
  each_line(self, id, needle, function(row)
    if not is_run(row) and (not query.only or row.id == query.only)
      and (not query.states or query.states[row.state]) then
      rows[#rows + 1] = row
    end
  end)
  return rows
end

--- fn(row) for each ended task of a run, in the order of their numbers.
-- fn returns false to stop.
-- @param query  states: set of names, or nil; only: id of a task
function history:each_task(id, query, fn)
  local rows = rows_of(self, id, query)
  table.sort(rows, function(a, b) return a.n < b.n end)
  for _, row in ipairs(rows) do
    if fn(row) == false then
      return
    end
  end
end

--- @return the document of one task, or nil
function history:task(id)
  local row = rows_of(self, id:match "^r%d+", { only = id })[1]
  return row and { task = row }
end

--- Bytes of a log of an ended task, from an offset.
-- @return data, size, done=true; nil, message if there is none
function history:log(id, query)
  local doc = self:task(id)
  local file = doc and doc.task[query.stream]
  if not file then
    return "", 0, true -- empty ones are not stored
  end
  local path = self.core.object(self.repo, file.sha256)
  if not path then
    return nil, ("the %s of %s is no longer in the repository %s"):format(
      query.stream, id, self.repo)
  end
  local data, message = self.core.read(path, query.offset, query.max)
  if not data then
    return nil, message
  end
  return data, file.size, query.offset + #data >= file.size
end

return history
