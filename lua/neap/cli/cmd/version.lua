return {
  name = "version",
  summary = "the version of neap",
  main = function(ctx)
    local out, version = ctx.out, ctx.core.version
    if out.mode == "json" then
      out:document("neap.version/1", { version = version, api = 1,
                                       lua = jit.version })
    elseif out.mode == "quiet" then
      out:line(version)
    else
      out:line(("neap %s · %s"):format(version, jit.version))
    end
    return 0
  end,
}
