local arguments = require "neap.cli.arguments"
local fault = require "neap.cli.fault"
local view = require "neap.view"
local world = require "neap.cli.world"

local function need_engine(all)
  if not all.stores[1] then
    fault.raise("E_CONN", { hint = "an engine lives as long as its run" },
                "no engine is running, so nothing waits")
  end
end

local function print_why(out, why)
  if out.mode == "json" then
    out:document("neap.why/1", why)
  elseif out.mode == "quiet" then
    out:line(why.verdict)
  else
    out:line(view.why(why))
  end
end

-- A task that has ended waits for nothing; its row says what became of it.
local function ended(row)
  local reason = { kind = row.state, text = "it has ended: " .. row.state }
  if row.error then
    reason.text = reason.text .. ", " .. row.error.message
  end
  return { task = row.id, name = row.name, state = row.state,
           verdict = "done", reasons = { reason } }
end

local function why_task(ctx, all, selector)
  local row, run = all:one_task(arguments.terms(selector))
  if not run.store.live then
    print_why(ctx.out, ended(row))
    return
  end
  local why = run.store:get("/v1/tasks/" .. row.id .. "/why")
  why.name = why.name or row.name
  print_why(ctx.out, why)
end

-- The reasons of all engines, added up.
local function summary(all)
  local sum = { waiting = 0, reasons = {} }
  local by_text = {}
  for _, store in ipairs(all.stores) do
    local part = store:get "/v1/why"
    sum.waiting = sum.waiting + (part.waiting or 0)
    for _, reason in ipairs(part.reasons or {}) do
      local key = reason.kind .. "\0" .. (reason.text or "")
      if by_text[key] then
        by_text[key].count = by_text[key].count + reason.count
      else
        by_text[key] = reason
        table.insert(sum.reasons, reason)
      end
    end
  end
  table.sort(sum.reasons, function(a, b)
    if a.count ~= b.count then
      return a.count > b.count
    end
    return (a.text or a.kind) < (b.text or b.kind)
  end)
  return sum
end

local function why_all(ctx, all)
  need_engine(all)
  local out, sum = ctx.out, summary(all)
  if out.mode == "json" then
    out:document("neap.why_summary/1", sum)
    return
  end
  local rows = {}
  for i, reason in ipairs(sum.reasons) do
    rows[i] = { count = tostring(reason.count), kind = reason.kind,
                text = reason.text }
  end
  out:table({ { key = "count", title = "TASKS", right = true },
              { key = "kind", title = "REASON" },
              { key = "text", title = "TEXT", give = true } }, rows)
  out:note("%d tasks wait", sum.waiting)
end

local function main(ctx, opts)
  if (opts.summary or false) == (opts.selector ~= nil) then
    fault.raise("E_USAGE", { hint = "neap why r7.3, or neap why --summary" },
                opts.summary and "--summary is about all tasks; no selector"
                  or "of which task?")
  end
  local all = world.open(ctx.core, opts.on, ctx.env)
  if opts.summary then
    why_all(ctx, all)
  else
    why_task(ctx, all, opts.selector)
  end
  return 0
end

return {
  name = "why",
  summary = "why a task is not running",
  text = "Every reason, what each alloc says, the place in the queue, and "
    .. "what would let the task start. With --summary: the reasons of all "
    .. "waiting tasks, counted.",
  arguments = {
    { "SELECTOR", optional = true, doc = "one task: r7.3" },
  },
  options = {
    { "--summary", doc = "count the reasons of all waiting tasks" },
    { "--on", arg = "ENGINE", doc = "only this engine (a name or a socket)" },
  },
  examples = {
    { "neap why r7.3", "why r7.3 waits" },
    { "neap why --summary", "what all of them wait for" },
  },
  main = main,
}
