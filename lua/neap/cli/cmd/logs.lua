local arguments = require "neap.cli.arguments"
local fault = require "neap.cli.fault"
local tail = require "neap.cli.tail"
local world = require "neap.cli.world"

local CHUNK = 1024 * 1024
local POLL_S = 0.25

local function wait(core, seconds)
  local deadline = core.mono() + seconds
  while core.mono() < deadline do
    core.step(deadline - core.mono())
  end
end

-- One piece of the log from an offset; raises if it is gone.
local function piece(store, id, query)
  local data, size, done = store:log(id, query)
  if not data then
    fault.raise("E_NOENT", nil, "%s", size)
  end
  return data, size, done
end

local function copy(ctx, store, id, query, follow)
  while true do
    local data, size, done = piece(store, id, query)
    ctx.out:write(data)
    query.offset = query.offset + #data
    if query.offset >= size or #data == 0 then
      if done or not follow then
        return
      end
      ctx.out:flush()
      wait(ctx.core, POLL_S)
    end
  end
end

local function main(ctx, opts)
  local all = world.open(ctx.core, opts.on, ctx.env)
  local row, run, attempt = all:one_task(arguments.terms(opts.selector))
  local query = { stream = opts.stderr and "stderr" or "stdout", offset = 0,
                  attempt = opts.attempt or attempt, max = CHUNK }
  if opts.tail then
    query.offset = tail.offset(function(offset)
      query.offset = offset
      return piece(run.store, row.id, query)
    end, opts.tail)
  end
  copy(ctx, run.store, row.id, query, opts.follow)
  return 0
end

return {
  name = "logs",
  summary = "what a task wrote to stdout or stderr",
  text = "The bytes as they are. Works while the task runs, and when its run "
    .. "has ended.",
  arguments = { { "SELECTOR", doc = "one task: r7.3, or r7.3#2 (attempt 2)" } },
  options = {
    { "--stderr", doc = "stderr instead of stdout" },
    { "-f", "--follow", doc = "go on until the task has ended" },
    { "--tail", arg = "N", check = arguments.count,
      doc = "begin at the last N lines" },
    { "--attempt", arg = "N", check = arguments.count,
      doc = "of this attempt (default: the last)" },
    { "--on", arg = "ENGINE", doc = "only this engine (a name or a socket)" },
  },
  examples = {
    { "neap logs r7.3 --stderr --tail 20", "the last words of r7.3" },
    { "neap logs -f r7.3", "while it runs" },
  },
  main = main,
}
