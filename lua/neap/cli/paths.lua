--- Folders of neap: sockets, state, repository (docs/design/architecture.md).

local paths = {}

local function pick(env, name, base, home, tail)
  local own = env(name)
  if own and own ~= "" then
    return own
  end
  local dir = env(base)
  if dir and dir ~= "" then
    return dir .. "/neap" .. tail
  end
  return (env "HOME" or "") .. home .. "/neap" .. tail
end

--- @param env  function(name) → value or nil
-- @return { runtime=, state=, repo= }
function paths.find(core, env)
  local runtime = env "NEAP_RUNTIME"
  if not runtime or runtime == "" then
    local dir = env "XDG_RUNTIME_DIR"
    runtime = dir and dir ~= "" and dir .. "/neap" or "/tmp/neap-" .. core.uid()
  end
  return {
    runtime = runtime,
    state = pick(env, "NEAP_STATE", "XDG_STATE_HOME", "/.local/state", ""),
    repo = pick(env, "NEAP_REPO", "XDG_CACHE_HOME", "/.cache", "/repo"),
  }
end

return paths
