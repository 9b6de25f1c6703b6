--- The first and the last lines of a run, on stderr.

local errors = require "neap.errors"
local human = require "neap.cli.human"
local units = require "neap.units"

local run_end = {}

local MAX_LONG, MAX_SHORT = 3, 10

local function tilde(path, env)
  local home = env "HOME"
  if home and home ~= "" and path:sub(1, #home + 1) == home .. "/" then
    return "~" .. path:sub(#home + 1)
  end
  return path
end

--- "neap 0.1.0 · run r1 · private engine, 2 cpu, 22.9 GiB · repo ~/…"
-- @param info  GET /v1/info, or {} if it is not known
function run_end.header(version, session, info, env)
  local engine = session.private and "private engine"
    or ("engine '%s'"):format(info.name or "?")
  local room = info.cpu and (", %s cpu, %s"):format(human.number(info.cpu),
    units.format_size(info.mem or 0)) or ""
  local repo = info.repo and " · repo " .. tilde(info.repo, env) or ""
  return ("neap %s · run %s · %s%s%s"):format(version, session.run or "?",
    engine, room, repo)
end

local function print_failures(out, summary)
  local failed = summary.failed or {}
  local long = {}
  if summary.err then
    out:error(summary.err)
    long[summary.err] = true
  end
  local shown = summary.err and 1 or 0
  for i, one in ipairs(failed) do
    if not long[one.error] then
      if shown < MAX_LONG or out.mode == "json" then
        out:error(one.error)
        shown = shown + 1
      elseif i <= MAX_SHORT then
        out:note("also failed: %s %s: %s", one.id, one.name,
                 one.error.message)
      end
    end
  end
  if #failed > MAX_SHORT then
    out:note("… and %d more: neap ps %s --state failed",
             #failed - MAX_SHORT, summary.run)
  end
end

local function print_unused(out, summary)
  local unused = summary.unused or {}
  if #unused == 0 then
    return
  end
  local names = {}
  for i = 1, math.min(#unused, MAX_SHORT) do
    names[i] = unused[i].task .. " " .. unused[i].output
  end
  out:note("warning: %s of %s %s never used or saved: %s%s",
    human.count(#unused, "output"), summary.run,
    #unused == 1 and "was" or "were", table.concat(names, ", "),
    #unused > MAX_SHORT and " …" or "")
end

--- "✓ r1 done in 0.1 s: 1 task, 1 ran, 0 cached, 0 failed"
function run_end.last_line(summary, paint)
  local cancelled = errors.is(summary.err, "E_CANCELLED")
    or summary.code == 130 or summary.code == 143
  local mark = summary.ok and paint("green", "✓") or cancelled
    and paint("yellow", "⊘") or paint("red", "✗")
  local word = summary.ok and "done in" or cancelled and "cancelled after"
    or "failed after"
  local more = ""
  for _, key in ipairs { "skipped", "cancelled" } do
    if (summary[key] or 0) > 0 then
      more = more .. (", %d %s"):format(summary[key], key)
    end
  end
  return ("%s %s %s %s: %s, %d ran, %d cached, %d failed%s"):format(mark,
    summary.run, word, units.format_time(summary.seconds),
    human.count(summary.tasks, "task"), summary.ran, summary.cached,
    summary.nfailed, more)
end

--- All that is said at the end of a run.
-- @param summary  of main.run_chunk
function run_end.print(out, summary)
  if summary.err and summary.trace and errors.is(summary.err) then
    summary.err.traceback = summary.trace
  end
  print_failures(out, summary)
  print_unused(out, summary)
  if (summary.skipped or 0) > 0 and not summary.ok then
    out:note("%d skipped because of what failed (neap ps %s --state skipped)",
             summary.skipped, summary.run)
  end
  if summary.run then
    out:note("%s", run_end.last_line(summary, function(colour, s)
      return out:paint(colour, s, 2)
    end))
  end
end

return run_end
