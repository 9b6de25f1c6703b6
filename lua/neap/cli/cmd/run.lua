local arguments = require "neap.cli.arguments"
local fault = require "neap.cli.fault"
local run_view = require "neap.cli.run_view"
local script = require "neap.cli.script"

local function label_map(list)
  local labels = {}
  for _, pair in ipairs(list or {}) do
    labels[pair.name] = pair.value
  end
  return labels
end

local function on_error(opts)
  if opts.keep_going and opts.fail_fast then
    fault.raise("E_USAGE", nil,
                "--keep-going and --fail-fast exclude each other")
  end
  return opts.keep_going and "continue" or opts.fail_fast and "stop" or nil
end

-- A policy by name, or a file: its absolute path.
local function policy(core, text)
  if not text or not text:find "[/.]" then
    return text
  end
  local path, message = core.realpath(text)
  if not path then
    fault.raise("E_NOENT", nil, "policy file '%s': %s", text, message)
  end
  return path
end

-- Fields for the private engine. An engine that runs already has its own.
local function engine_fields(core, opts)
  local fields = {
    cpu = opts.cpu, mem = opts.mem, res = opts.res and label_map(opts.res),
    policy_pack = policy(core, opts.policy),
    policy_priority = policy(core, opts.priority_policy),
  }
  if opts.on and next(fields) then
    fault.raise("E_USAGE", nil, "--cpu, --mem, --res, --policy and "
      .. "--priority-policy are for a private engine; not with --on")
  end
  return fields
end

local function script_arguments(opts, rest)
  local path, args = nil, {}
  if opts.params_file then
    args = { "--params-file", opts.params_file }
  end
  if not opts.e then
    path = rest[1] or fault.raise("E_USAGE",
      { hint = "neap run SCRIPT, neap run -e CODE, or - for stdin" },
      "which script?")
  end
  for i = path and 2 or 1, #rest do
    args[#args + 1] = rest[i]
  end
  return path, args
end

-- What a script finds in the global `arg`, as with stock luajit.
local function set_arg(name, args)
  local list = { [0] = name }
  for i, word in ipairs(args) do
    list[i] = word
  end
  rawset(_G, "arg", list)
end

-- Options for main.run_chunk; what is wrong with them raises.
local function run_options(ctx, opts, name, args)
  return {
    script = name, args = args, on = opts.on, on_error = on_error(opts),
    labels = label_map(opts.label), timeout_s = opts.timeout,
    engine = engine_fields(ctx.core, opts), signals = true,
  }
end

local function main(ctx, opts, rest)
  local path, args = script_arguments(opts, rest)
  local chunk, name = script.load(path, opts.e)
  local options = run_options(ctx, opts, name, args)
  local config = require "neap.config"
  config.set(config.load { project = true, getenv = ctx.env,
    flags = { log = opts.verbose and "debug" or nil } })
  local view = run_view.new(ctx, opts, require "neap.loop")
  function options.on_session(session)
    view:start(session)
  end
  function options.on_signal(signal, count)
    view:signal(signal, count)
  end
  set_arg(name, args)
  local summary = require("neap.main").run_chunk(chunk, options)
  view:finish(summary)
  return summary.code
end

return {
  name = "run",
  summary = "run a workflow",
  text = "Runs a Lua script. What stands after SCRIPT belongs to the script "
    .. "(neap.params; try --help there). Only the script's own output is on "
    .. "stdout. ^C once: running tasks finish, the rest is cancelled; twice: "
    .. "they are killed; thrice: out at once.",
  stop = true,
  arguments = {
    { "SCRIPT", doc = "a Lua file, or - for stdin" },
    { "ARGS", optional = true, many = true, doc = "for the script" },
  },
  options = {
    { "-e", arg = "CODE", doc = "run this text instead of a file" },
    { "--on", arg = "ENGINE",
      doc = "use this engine (a name or a socket), not a private one" },
    { "-k", "--keep-going",
      doc = "after a failure only skip what depends on it" },
    { "--fail-fast", doc = "after a failure kill what runs" },
    { "--timeout", arg = "TIME", check = arguments.time,
      doc = "stop the run after so long (90s, 1h30m); exit code 124" },
    { "-j", "--cpu", arg = "N", check = arguments.cores,
      doc = "cores to use (default: all)" },
    { "--mem", arg = "SIZE", check = arguments.size,
      doc = "memory to use (default: all), as 4GiB" },
    { "--res", arg = "NAME=N", many = true, check = arguments.resource,
      doc = "offer gpu or another resource, as licence_x=2; may be repeated" },
    { "--policy", arg = "NAME|FILE", doc = "packing policy" },
    { "--priority-policy", arg = "NAME|FILE", doc = "priority policy" },
    { "--label", arg = "K=V", many = true, check = arguments.label,
      doc = "a label of the run; may be repeated" },
    { "--params-file", arg = "FILE",
      doc = "parameters of the script, JSON or Lua" },
    { "--progress", arg = "MODE",
      choices = { "auto", "plain", "none", "json" },
      doc = "auto (default), plain, none or json" },
    { "--verbose", doc = "a line for each thing that happens" },
  },
  later = { "-n", "--dry-run", "--detach", "--refresh", "--no-cache",
            "--until", "--from", "--report", "--trace", "--repl" },
  examples = {
    { "neap run examples/hello.lua", "a first workflow" },
    { "neap run -k -j 2 flow.lua --lane=L2", "two cores, keep going" },
    { "neap run -e 'print(require(\"neap\").version)'", "a line of Lua" },
  },
  main = main,
}
