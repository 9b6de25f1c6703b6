--- The command line: `cli.main(arg)` → exit code.

local errors = require "neap.errors"
local fault = require "neap.cli.fault"
local out = require "neap.cli.out"
local parse = require "neap.cli.parse"

local cli = {}

-- Errors of neap pass as they are; anything else keeps its traceback.
local function handler(raised)
  if raised == out.closed or errors.is(raised) then
    return raised
  end
  local err = fault.from(raised)
  err.traceback = debug.traceback("", 2)
  return err
end

local function help(ctx, line)
  local usage = require "neap.cli.usage"
  if line.command then
    ctx.out:write(usage.command(line.command))
    return 0
  elseif line.help then
    ctx.out:write(usage.all())
    return 0
  end
  ctx.core.output(2, usage.short())
  return fault.exit.usage
end

local function dispatch(ctx, line)
  if line.opts.version then
    return require("neap.cli.commands").load("version").main(ctx, line.opts)
  elseif line.help or not line.command then
    return help(ctx, line)
  end
  return line.command.main(ctx, line.opts, line.rest)
end

-- Before the words are parsed nobody knows the mode: look for --json.
local function early_out(ctx, words)
  local opts = {}
  for _, word in ipairs(words) do
    if word == "--" then
      break
    end
    opts.json = opts.json or word == "--json"
    opts.debug = opts.debug or word == "--debug"
  end
  local ok, made = pcall(out.new, ctx.core, opts, ctx.env)
  return ok and made or out.new(ctx.core, opts, function() end)
end

local function work(ctx, words)
  local line = parse.line(words)
  ctx.out = out.new(ctx.core, line.opts, ctx.env)
  local code = dispatch(ctx, line)
  ctx.out:flush()
  return code
end

--- Run a command line.
-- @param words  the words after the program's name
-- @param given  core, env: instead of the real ones (for tests)
-- @return exit code
function cli.main(words, given)
  local ctx = { core = given and given.core or require "neap.core",
                env = given and given.env or os.getenv }
  local ok, result = xpcall(work, handler, ctx, words)
  if ok then
    return result
  elseif result == out.closed then
    return 0 -- `neap ps | head`: enough was read
  end
  ctx.out = ctx.out or early_out(ctx, words)
  ctx.out:error(result)
  return fault.code(result)
end

return cli
