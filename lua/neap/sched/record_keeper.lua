--- What the scheduler writes into the task database, if there is one.
--
-- Every write goes through `taskdb.behind`: it is asynchronous, its failures
-- are logged, and nothing in here changes what happens to a task.

local digest = require "neap.sched.digest"
local taskdb = require "neap.sched.taskdb"

local record_keeper = {}

local LEASE, RENEWAL = 120, 90 -- seconds: a task's row is kept alive

-- ---- without a database ---------------------------------------------------

local Nobody = {}
Nobody.__index = Nobody

for _, name in ipairs { "attempt_begins", "running", "attempt_over",
  "alloc_live", "alloc_gone", "stop" } do
  Nobody[name] = function() end
end

-- ---- with one -------------------------------------------------------------

local Keeper = {}
Keeper.__index = Keeper

local function keep_alive(self, record, row)
  self.timers[row] = self.clock:after(RENEWAL, function()
    self.db:keep_task_alive(row, self.clock:now() + LEASE)
    keep_alive(self, record, row)
  end)
end

--- An attempt begins on an alloc: it has a row from here on.
function Keeper:attempt_begins(record, alloc)
  local row = record.id
  record.taskdb = { task_id = row }
  self.db:create_task {
    id = row, run_id = record.run_id, flow_id = record.flow_id,
    ident = record.ident, attempt = record.attempt,
    resources = record.resources, alloc_id = alloc and alloc.taskdb_id,
    uri = not alloc and "local" or nil, start_time = self.clock:now(),
  }
  self.db:keep_task_alive(row, self.clock:now() + LEASE)
  keep_alive(self, record, row)
end

--- Its exec runs.
function Keeper:running(record, exec)
  if exec and exec.uri then
    self.db:set_task_uri(record.id, exec.uri)
  end
end

local function end_row(self, record, row, err)
  local stop = self.timers[row]
  if stop then
    stop()
    self.timers[row] = nil
  end
  local result = record.result or record.outcome
  if not err and result and result.fileset then
    self.db:set_task_result(row, result.fileset:digest())
  end
  local info = record.run_info
  if type(info) == "table" and (info.stdout or info.stderr or info.inspect) then
    self.db:set_task_attrs(row, {
      stdout = info.stdout, stderr = info.stderr, inspect = info.inspect,
    })
  end
  self.db:set_task_complete(row, err, self.clock:now())
end

--- An attempt is over.
function Keeper:attempt_over(record, err)
  local row = record.taskdb and record.taskdb.task_id
  if row and self.timers[row] then
    end_row(self, record, row, err)
  end
end

-- The row of an alloc, whoever else writes into the same database.
local function alloc_row(alloc)
  return digest.of(("%s/%s/%.9f"):format(alloc.cluster, alloc.key,
    alloc.created))
end

--- An alloc is there.
function Keeper:alloc_live(alloc)
  alloc.taskdb_id = alloc_row(alloc)
  self.db:start_alloc {
    id = alloc.taskdb_id, alloc_id = alloc.key, resources = alloc.total,
    pool_id = alloc.cluster, start_time = self.clock:now(),
  }
end

--- An alloc has ended.
function Keeper:alloc_gone(alloc)
  if alloc.taskdb_id then
    self.db:set_end_time(alloc.taskdb_id, self.clock:now())
  end
end

--- No timer of it runs any more; what was written is in the database.
-- Suspends.
function Keeper:stop()
  for row, cancel in pairs(self.timers) do
    cancel()
    self.timers[row] = nil
  end
  return self.db:flush()
end

--- For scheduler `s`; `db` may be nil.
function record_keeper.new(s, db)
  if not db then
    return setmetatable({}, Nobody)
  end
  local log = function(level, text) s:log(level, "%s", text) end
  return setmetatable({
    clock = s.clock, db = taskdb.behind(db, s.clock, log), timers = {},
  }, Keeper)
end

return record_keeper
