local arguments = require "neap.cli.arguments"
local fault = require "neap.cli.fault"
local human = require "neap.cli.human"
local world = require "neap.cli.world"

local ALIVE = { waiting = true, queued = true, staging = true, running = true,
                collecting = true }
local PARTIAL = { tasks = true, alloc = true, name = true }
local BATCH = 1000

local function need_live(run)
  if not run.store.live then
    fault.raise("E_CONN", nil, "%s has ended (%s); no engine has it",
                run.row.id, run.row.state)
  end
end

-- Whole runs by one request each: also what they submit later is cancelled.
local function cancel_runs(list, reason)
  local touched = 0
  for _, run in ipairs(list) do
    need_live(run)
    local answer = run.store:post(("/v1/runs/%s/cancel"):format(run.row.id),
                                  { mode = "stop", reason = reason })
    touched = touched + (answer.touched or 0)
  end
  return touched
end

local function cancel_ids(store, ids, reason)
  local touched = 0
  for first = 1, #ids, BATCH do
    local batch = {}
    for i = first, math.min(first + BATCH - 1, #ids) do
      batch[#batch + 1] = ids[i]
    end
    local answer = store:post("/v1/cancel", { ids = batch, reason = reason })
    touched = touched + (answer.touched or 0)
  end
  return touched
end

-- Single tasks of runs that are not cancelled as a whole.
local function cancel_tasks(all, terms, whole, reason)
  local ids_of, touched, single = {}, 0, {}
  for _, term in ipairs(terms) do
    if PARTIAL[term.kind] or not next(whole) then
      single[#single + 1] = term
    end
  end
  all:each_task(single, nil, function(row, run)
    if whole[run.row.id] or not ALIVE[row.state] then
      return
    end
    need_live(run)
    local ids = ids_of[run.store] or {}
    ids_of[run.store] = ids
    ids[#ids + 1] = row.id
  end)
  for store, ids in pairs(ids_of) do
    touched = touched + cancel_ids(store, ids, reason)
  end
  return touched
end

local function main(ctx, opts)
  local all = world.open(ctx.core, opts.on, ctx.env)
  local terms = arguments.terms(opts.selector)
  local list, whole = {}, {}
  for _, run in ipairs(all:runs(terms)) do
    if terms[1].kind ~= "all" or run.store.live then
      list[#list + 1] = run
    end
    whole[run.row.id] = true
  end
  local reason = opts.reason or "neap cancel"
  local touched = cancel_runs(list, reason)
    + cancel_tasks(all, terms, whole, reason)
  if ctx.out.mode == "json" then
    ctx.out:document("neap.cancel/1", { touched = touched })
  elseif ctx.out.mode == "quiet" then
    ctx.out:line(tostring(touched))
  else
    ctx.out:line(human.count(touched, "task") .. " cancelled")
  end
  return 0
end

return {
  name = "cancel",
  summary = "cancel tasks or whole runs",
  text = "Running tasks are killed, waiting ones never start, those that "
    .. "depend on them are skipped. A whole run (r7) also ends.",
  arguments = {
    { "SELECTOR", doc = "r7, r7.3, r7.1-20, last, all, @name, a2; "
      .. "comma = union" },
  },
  options = {
    { "--reason", arg = "TEXT", doc = "recorded with each task" },
    { "--on", arg = "ENGINE", doc = "only this engine (a name or a socket)" },
  },
  examples = {
    { "neap cancel r7.3", "one task" },
    { "neap cancel '@bwa*' --reason 'wrong reference'", "by name" },
  },
  main = main,
}
