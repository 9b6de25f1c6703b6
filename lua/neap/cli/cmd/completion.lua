local fault = require "neap.cli.fault"

return {
  name = "completion",
  summary = "a completion script for bash, zsh or fish",
  arguments = { { "SHELL", doc = "bash, zsh or fish" } },
  examples = {
    { "source <(neap completion bash)", "complete in this shell" },
  },
  main = function(ctx, opts)
    local tree = require("neap.cli.parse").tree()
    local make = ({ bash = tree.get_bash_complete,
                    zsh = tree.get_zsh_complete,
                    fish = tree.get_fish_complete })[opts.shell]
    if not make then
      fault.raise("E_USAGE", nil,
        "no completion for '%s'; there is one for bash, zsh and fish",
        opts.shell)
    end
    ctx.out:write(make(tree))
    return 0
  end,
}
