local arguments = require "neap.cli.arguments"
local fields = require "neap.cli.fields"
local runs = require "neap.cli.runs"
local task_table = require "neap.cli.task_table"
local world = require "neap.cli.world"

local LAST_FAILURES = 10
local TERMINAL_ROWS = 100

-- What an overview asks for: alive, or failed.
local INTERESTING = { waiting = true, queued = true, staging = true,
                      running = true, collecting = true, failed = true }

local function state_set(text)
  local known = {}
  for _, name in ipairs(runs.states) do
    known[name] = true
  end
  local set = {}
  for name in text:gmatch "[^,%s]+" do
    if name == "all" then
      set = known
    elseif not known[name] then
      return nil, ("unknown state '%s'; states: all %s"):format(name,
        table.concat(runs.states, " "))
    else
      set[name] = true
    end
  end
  return set
end

local function has_labels(row, wanted)
  for _, pair in ipairs(wanted or {}) do
    if (row.labels or {})[pair.name] ~= pair.value then
      return false
    end
  end
  return true
end

-- Takes the rows that are wanted, up to a limit.
local function collector(opts, max)
  local found = { rows = {}, beyond = 0 }
  function found.add(row, run)
    if not has_labels(row, opts.label) then
      return
    elseif max and #found.rows >= max then
      found.beyond = found.beyond + 1
      return
    end
    row.spec, row.attempts = nil, nil -- they are for `neap info`
    row.engine = run.store.live and run.store.name or nil
    found.rows[#found.rows + 1] = row
  end
  return found
end

-- Without a selector: what is alive, then the last failures.
local function add_overview(looked_at, found)
  local failures = {}
  for i = #looked_at, 1, -1 do
    local run = looked_at[i]
    run.store:each_task(run.row.id, { states = INTERESTING }, function(row)
      if row.state == "failed" then
        failures[#failures + 1] = { row, run }
      else
        found.add(row, run)
      end
    end)
  end
  for i = math.max(1, #failures - LAST_FAILURES + 1), #failures do
    found.add(failures[i][1], failures[i][2])
  end
end

-- The running runs, else the newest that was.
local function runs_to_look_at(all)
  local list = all:live_runs()
  if #list == 0 then
    list[1] = all:newest()
  end
  return list
end

local function notes(ctx, looked_at, found)
  local out = ctx.out
  if looked_at and not looked_at[1] then
    out:note "no engine is running, and there was no run yet"
  elseif looked_at and not looked_at[1].store.live then
    out:note "no engine is running; the newest run was"
  end
  for _, run in ipairs(looked_at or {}) do
    out:note("%s", runs.line(run.row, ctx.core.wall()))
  end
  if found.beyond > 0 then
    out:note("(%d more: --limit 0)", found.beyond)
  end
end

local function print_runs(ctx, all, opts)
  local list = opts.selector and all:runs(arguments.terms(opts.selector))
    or runs_to_look_at(all)
  runs.print(ctx.out, list, ctx.core.wall())
  return 0
end

local function main(ctx, opts)
  local all = world.open(ctx.core, opts.on, ctx.env)
  if opts.runs then
    return print_runs(ctx, all, opts)
  end
  local columns = opts.fields and fields.parse(opts.fields)
  local max = opts.limit or ctx.out:width() and TERMINAL_ROWS or 0
  local found = collector(opts, max > 0 and max or nil)
  local looked_at
  if opts.selector then
    all:each_task(arguments.terms(opts.selector), opts.state, found.add)
  else
    looked_at = runs_to_look_at(all)
    if opts.state then
      for i = #looked_at, 1, -1 do
        local run = looked_at[i]
        run.store:each_task(run.row.id, { states = opts.state },
          function(row) found.add(row, run) end)
      end
    else
      add_overview(looked_at, found)
    end
  end
  task_table.print(ctx.out, found.rows, {
    columns = columns, tsv = opts.tsv, more = found.beyond > 0,
    engines = #all.stores > 1, now = ctx.core.wall(),
  })
  notes(ctx, looked_at, found)
  return 0
end

return {
  name = "ps",
  summary = "tasks: what is alive and what failed last, or a selection",
  text = "Without a selector: the tasks that are alive in the running "
    .. "engines (if none runs: of the newest run), then the last failures. "
    .. "With one: all tasks of the selection, also of runs that have ended.",
  arguments = {
    { "SELECTOR", optional = true,
      doc = "r7, r7.3, r7.1-20, last, all, @name, a2; comma = union" },
  },
  options = {
    { "--state", arg = "STATES", check = state_set,
      doc = "only these states (comma), or all: "
        .. table.concat(runs.states, " ") },
    { "--label", arg = "K=V", many = true, check = arguments.label,
      doc = "only tasks with this label; with all of them if repeated" },
    { "--runs", doc = "the runs instead of their tasks" },
    { "--fields", arg = "LIST", doc = "columns: id,name,state,labels.x …" },
    { "--tsv", doc = "tab-separated raw values, for awk" },
    { "--limit", arg = "N", check = arguments.count,
      doc = "at most N rows; 0: all (default: 100 on a terminal, else all)" },
    { "--on", arg = "ENGINE", doc = "only this engine (a name or a socket)" },
  },
  examples = {
    { "neap ps", "what is alive" },
    { "neap ps last --state failed", "what failed in the newest run" },
    { "neap ps r7 --json", "everything about the tasks of r7" },
    { "neap ps --runs all", "all runs that are on record" },
  },
  main = main,
}
