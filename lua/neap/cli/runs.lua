--- Rows of runs for people and for JSON.

local human = require "neap.cli.human"
local json = require "neap.cli.json"
local selection = require "neap.cli.select"
local units = require "neap.units"

local runs = {}

runs.states = { "waiting", "queued", "staging", "running", "collecting",
                "done", "failed", "cancelled", "skipped" }

--- @return number of tasks, and "3 done, 1 failed"
function runs.counts(row)
  local total, parts = 0, {}
  for _, name in ipairs(runs.states) do
    local n = (row.counts or {})[name] or 0
    total = total + n
    if n > 0 then
      parts[#parts + 1] = ("%d %s"):format(n, name)
    end
  end
  return total, table.concat(parts, ", ")
end

--- How long a run has lasted, in seconds.
function runs.seconds(row, now)
  return (row.ended or now) - row.started
end

--- "r7 wordcount: running for 12 s, 24 tasks (3 running, 21 done)"
function runs.line(row, now)
  local total, parts = runs.counts(row)
  local when = row.ended and human.ago(row.ended, now)
    or "for " .. units.format_time(runs.seconds(row, now))
  return ("%s %s: %s %s, %s%s"):format(row.id, selection.run_name(row),
    row.state, when, human.count(total, "task"),
    total > 0 and " (" .. parts .. ")" or "")
end

local columns = {
  { key = "id", title = "ID" }, { key = "name", title = "NAME" },
  { key = "state", title = "STATE" },
  { key = "started", title = "STARTED", right = true },
  { key = "time", title = "TIME", right = true },
  { key = "total", title = "TASKS", right = true },
  { key = "counts", title = "COUNTS", give = true },
}

--- Print runs, { row=, store= } each.
function runs.print(out, list, now)
  if out.mode == "json" then
    local rows = {}
    for i, run in ipairs(list) do
      rows[i] = run.row
      rows[i].engine = run.store.live and run.store.name or nil
    end
    out:document("neap.runs/1", { runs = json.list(rows) })
    return
  end
  local cells = {}
  for i, run in ipairs(list) do
    local row = run.row
    local total, parts = runs.counts(row)
    cells[i] = { id = row.id, name = selection.run_name(row),
                 state = human.state(row.state), counts = parts,
                 started = human.ago(row.started, now),
                 time = units.format_time(runs.seconds(row, now)),
                 total = tostring(total) }
  end
  if out.mode == "quiet" then
    for _, cell in ipairs(cells) do
      out:line(cell.id)
    end
  else
    out:table(columns, cells)
  end
end

return runs
