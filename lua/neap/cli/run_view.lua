--- What a person sees of a run: header, progress, end. All on stderr.

local errors = require "neap.errors"
local human = require "neap.cli.human"
local progress = require "neap.cli.progress"
local sticky = require "neap.cli.sticky"
local text = require "neap.cli.text"
local units = require "neap.units"

local run_view = {}
run_view.__index = run_view

local FIRST_S, REDRAW_S = 0.4, 0.1 -- nothing flashes up for short runs
local PLAIN_S, JSON_S = 10, 1
local MAX_LONG, MAX_SHORT = 3, 10

--- @param ctx   core, out, env
-- @param opts  progress: "auto", "plain", "none", "json"; verbose
-- @param loop  neap.loop, for the timer
function run_view.new(ctx, opts, loop)
  local self = setmetatable({ core = ctx.core, out = ctx.out, loop = loop,
    verbose = opts.verbose, began = ctx.core.mono() }, run_view)
  self.kind = opts.progress or "auto"
  if ctx.out.mode ~= "human" and self.kind ~= "json" then
    self.kind = "none"
  elseif self.kind == "auto" then
    local terminal = ctx.core.isatty(2) and ctx.env "TERM" ~= "dumb"
    self.kind = terminal and "terminal" or "plain"
  end
  return self
end

local function tilde(path, env)
  local home = env "HOME"
  if home and home ~= "" and path:sub(1, #home + 1) == home .. "/" then
    return "~" .. path:sub(#home + 1)
  end
  return path
end

--- "neap 0.1.0 · run r1 · private engine, 2 cpu, 22.9 GiB · repo ~/…"
function run_view.header(version, session, env)
  local info = session.info or {}
  local engine = session.private and "private engine"
    or ("engine '%s'"):format(info.name or "?")
  local room = info.cpu and (", %s cpu, %s"):format(human.number(info.cpu),
    units.format_size(info.mem or 0)) or ""
  local repo = info.repo and " · repo " .. tilde(info.repo, env) or ""
  return ("neap %s · run %s · %s%s%s"):format(version, session.run or "?",
    engine, room, repo)
end

-- State for progress, or nil while there is nothing to show.
local function state_of(self)
  local session = self.session
  if not session or not session.run then
    return nil
  end
  local allocs = 0
  for _, event in pairs(session.allocs or {}) do
    if event.kind == "alloc.live" then
      allocs = allocs + 1
    end
  end
  return { run = session.run, counters = session.counters, allocs = allocs,
           seconds = self.core.mono() - self.began }
end

local function tick(self)
  local state = state_of(self)
  if not state then
    return
  elseif self.kind == "terminal" then
    local columns = (self.core.columns(2) or 80) - 1
    self.sticky:draw(progress.lines(state, columns, self.out.colour[2]
      and text.paint or nil))
  elseif self.kind == "plain" then
    self.core.output(2, progress.summary(state) .. "\n")
  else
    self.core.output(2, progress.json(state) .. "\n")
  end
end

local function start_ticking(self, first_s, period_s)
  local id
  id = self.loop.stream(function()
    tick(self)
    self.core.timer(id, period_s)
  end)
  self.timer = id
  self.core.timer(id, first_s)
end

local event_words = {
  ["task.start"] = function(e)
    return ("%s started on %s"):format(e.task, e.alloc or "?")
  end,
  ["task.retry"] = function(e)
    return ("%s is tried again: %s"):format(e.task,
      e.error and e.error.message or "?")
  end,
  ["task.lost"] = function(e)
    return ("%s was lost and starts anew: %s"):format(e.task,
      e.error and e.error.message or "?")
  end,
  ["policy.error"] = function(e)
    return ("policy %s failed: %s"):format(e.policy or "?", e.message or "?")
  end,
  ["alloc.lost"] = function(e) return ("%s was lost"):format(e.alloc) end,
}

-- Shown even without --verbose: something is wrong, though the run goes on.
local always = { ["policy.error"] = true, ["alloc.lost"] = true }

local function on_event(self, event)
  if event.kind == "run.start" then
    self:show_header()
    return
  end
  local words = event_words[event.kind]
  if words and (self.verbose or always[event.kind]) then
    self.out:note("· %s", text.clean(words(event)))
  elseif self.verbose and event.row then
    self.out:note("· %s %s %s", event.row.id, event.row.name,
                  event.row.state)
  end
end

function run_view:show_header()
  if not self.headed then
    self.headed = true
    self.out:note("%s", run_view.header(self.core.version, self.session,
                                        self.env or os.getenv))
  end
end

--- The run has begun. (main.run_chunk: on_session)
function run_view:start(session)
  self.session = session
  session:on_event(function(event) on_event(self, event) end)
  if session.run then
    self:show_header()
  end
  if self.kind == "terminal" then
    self.sticky = sticky.new(self.core)
    self.sticky:on()
    start_ticking(self, FIRST_S, REDRAW_S)
  elseif self.kind == "plain" then
    start_ticking(self, PLAIN_S, PLAIN_S)
  elseif self.kind == "json" then
    start_ticking(self, JSON_S, JSON_S)
  end
end

local function running_words(self)
  local n = self.session and self.session.counters.total.running or 0
  return human.count(n, "running task")
end

--- A signal was acted on. (main.run_chunk: on_signal)
function run_view:signal(name, count)
  local key = name == "INT" and "^C" or "SIG" .. name
  if name == "INT" and count == 1 then
    self.out:note("%s: %s may finish, the rest is cancelled; once more kills "
      .. "them", key, running_words(self))
  elseif name == "INT" and count == 2 then
    self.out:note("%s: %s are killed; once more leaves at once", key,
                  running_words(self))
  elseif name ~= "WINCH" then
    self.out:note("%s: the run ends", key)
  end
end

--- No more progress; the terminal is as it was.
function run_view:stop()
  if self.timer then
    self.loop.forget(self.timer)
    self.timer = nil
  end
  if self.sticky then
    self.sticky:off()
    self.sticky = nil
  end
end

local function print_failures(self, summary)
  local failed, out = summary.failed or {}, self.out
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

local function print_unused(self, summary)
  local unused = summary.unused or {}
  if #unused == 0 then
    return
  end
  local names = {}
  for i = 1, math.min(#unused, MAX_SHORT) do
    names[i] = unused[i].task .. " " .. unused[i].output
  end
  self.out:note("warning: %s of %s %s never used or saved: %s%s",
    human.count(#unused, "output"), summary.run,
    #unused == 1 and "was" or "were", table.concat(names, ", "),
    #unused > MAX_SHORT and " …" or "")
end

--- "✓ r1 done in 0.1 s: 1 task, 1 ran, 0 cached, 0 failed"
function run_view.last_line(summary, paint)
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

--- The end of the run.
function run_view:finish(summary)
  self:stop()
  if summary.err and summary.trace and errors.is(summary.err) then
    summary.err.traceback = summary.trace
  end
  print_failures(self, summary)
  print_unused(self, summary)
  if (summary.skipped or 0) > 0 and not summary.ok then
    self.out:note("%d skipped because of what failed (neap ps %s --state "
      .. "skipped)", summary.skipped, summary.run)
  end
  if self.kind == "json" and self.session then
    self.core.output(2, progress.json(state_of(self)) .. "\n")
  end
  if summary.run then
    self.out:note("%s", run_view.last_line(summary, function(colour, s)
      return self.out:paint(colour, s, 2)
    end))
  end
end

return run_view
