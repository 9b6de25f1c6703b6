--- What a person sees while a run goes on. All on stderr.

local human = require "neap.cli.human"
local progress = require "neap.cli.progress"
local run_end = require "neap.cli.run_end"
local sticky = require "neap.cli.sticky"
local text = require "neap.cli.text"

local run_view = {}
run_view.__index = run_view

local FIRST_S, REDRAW_S = 0.4, 0.1 -- nothing flashes up for short runs
local PLAIN_S, JSON_S = 10, 1

--- @param ctx   core, out, env
-- @param opts  progress: "auto", "plain", "none", "json"; verbose
-- @param loop  neap.loop, for the timer
function run_view.new(ctx, opts, loop)
  local self = setmetatable({ core = ctx.core, out = ctx.out, loop = loop,
    env = ctx.env, verbose = opts.verbose, began = ctx.core.mono() }, run_view)
  self.kind = opts.progress or "auto"
  if ctx.out.mode ~= "human" and self.kind ~= "json" then
    self.kind = "none"
  elseif self.kind == "auto" then
    local terminal = ctx.core.isatty(2) and ctx.env "TERM" ~= "dumb"
    self.kind = terminal and "terminal" or "plain"
  end
  return self
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

local function show_header(self)
  if not self.headed and self.session.run then
    self.headed = true
    self.out:note("%s", run_end.header(self.core.version, self.session,
                                       self.info or {}, self.env))
  end
end

-- The header needs what the engine says about itself. A private engine knows
-- its machine a moment later, in any case when it has the first alloc.
local function ask_header(self)
  self.session.conn:send("GET", "/v1/info", nil, function(info)
    self.info = info or self.info
    if info and info.cpu then
      show_header(self)
    end
  end)
end

local function on_event(self, event)
  if event.kind == "run.start"
    or event.kind == "alloc.live" and not self.headed then
    ask_header(self)
  end
  local words = event_words[event.kind]
  if words and (self.verbose or always[event.kind]) then
    self.out:note("· %s", text.clean(words(event)))
  elseif self.verbose and event.row and event.row.name then
    self.out:note("· %s %s %s", event.row.id, event.row.name,
                  event.row.state)
  end
end

--- The run has begun. (main.run_chunk: on_session)
function run_view:start(session)
  self.session = session
  session:on_event(function(event) on_event(self, event) end)
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

local first_words = "%s: %s may finish, the rest is cancelled; once more kills "
  .. "what runs"
local first_idle = "%s: nothing new is started; once more stops the script"
local second_words = "%s: what runs is killed; once more leaves at once"

--- A signal was acted on. (main.run_chunk: on_signal)
function run_view:signal(name, count)
  local running = self.session and self.session.counters.total.running or 0
  if name == "WINCH" then
    return -- the next redraw has the new width
  elseif name ~= "INT" then
    self.out:note("SIG%s: the run ends", name)
  elseif count > 1 then
    self:stop() -- a third one leaves at once: nothing may be on the screen
    self.out:note(second_words, "^C")
  elseif running > 0 then
    self.out:note(first_words, "^C", human.count(running, "running task"))
  else
    self.out:note(first_idle, "^C")
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

--- The end of the run.
function run_view:finish(summary)
  self:stop()
  if self.session then
    show_header(self)
  end
  run_end.print(self.out, summary)
  if self.kind == "json" and self.session then
    self.core.output(2, progress.json(state_of(self)) .. "\n")
  end
end

return run_view
