--- Folders of neap: sockets, state, repository (docs/design/architecture.md).

local paths = {}

local function below(env, variable, home)
  local dir = env(variable)
  if not dir or dir == "" then
    dir = (env "HOME" or "") .. home
  end
  return dir .. "/neap"
end

local function runtime_dir(core, env)
  local own, dir = env "NEAP_RUNTIME", env "XDG_RUNTIME_DIR"
  if own and own ~= "" then
    return own
  elseif dir and dir ~= "" then
    return dir .. "/neap"
  end
  return "/tmp/neap-" .. core.uid()
end

--- @param env  function(name) → value or nil
-- @return { runtime=, state=, repo=, target= }; target: the engine that the
--         config or NEAP_ENGINE names, or nil
function paths.find(core, env)
  -- loaded late: the command tables, and so the docs, need no C module
  local settings = require("neap.config").load { getenv = env }
  return {
    runtime = runtime_dir(core, env),
    state = settings:get "state"
      or below(env, "XDG_STATE_HOME", "/.local/state"),
    repo = settings:get "repository.path"
      or below(env, "XDG_CACHE_HOME", "/.cache") .. "/repo",
    target = settings:get "engine.target",
  }
end

return paths
