local commands = require "neap.cli.commands"
local fault = require "neap.cli.fault"
local suggest = require "neap.suggest"
local usage = require "neap.cli.usage"

return {
  name = "help",
  summary = "the commands, or all about one of them",
  arguments = { { "COMMAND", optional = true, doc = "a command" } },
  main = function(ctx, opts)
    if not opts.command then
      ctx.out:write(usage.all())
      return 0
    end
    local command = commands.find(opts.command)
    if not command then
      fault.raise("E_USAGE", { hint = "neap help lists the commands" },
                  "unknown command '%s'%s", opts.command,
                  suggest.hint(opts.command, commands.names))
    end
    ctx.out:write(usage.command(command))
    return 0
  end,
}
