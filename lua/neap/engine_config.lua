--- What a private engine is told, and where things are.

local config = require "neap.config"
local core = require "neap.core"
local digest = require "neap.digest"
local json = require "neap.json"

local engine_config = {}

local function variable(name)
  local value = os.getenv(name)
  return value and value ~= "" and value or nil
end

--- The folder of sockets.
function engine_config.runtime_dir()
  local xdg = variable "XDG_RUNTIME_DIR"
  return variable "NEAP_RUNTIME" or xdg and xdg .. "/neap"
    or ("/tmp/neap-%d"):format(core.uid())
end

--- The folder of run histories.
function engine_config.state_dir()
  local home = variable "XDG_STATE_HOME"
    or (variable "HOME" or "") .. "/.local/state"
  return config.current():get "state" or home .. "/neap"
end

-- The folder that holds neap/policy.lua: that of this module.
local function lua_dir()
  local source = debug.getinfo(1, "S").source
  local dir = source:match("^@(.*)/?neap/engine_config%.lua$") or "."
  dir = dir ~= "" and dir:gsub("/$", "") or "."
  return core.realpath(dir) or dir
end

-- Fields of config `engine` and `policy` that the engine takes as they are.
local plain = {
  cpu = "engine.cpu", mem = "engine.mem", disk = "engine.disk",
  max_idle = "engine.max_idle", max_pending = "engine.max_pending",
  drain = "engine.drain", lost_max = "lost_max",
  policy_pack = "policy.pack", policy_priority = "policy.priority",
  policy_params = "policy.params",
}

-- What the node offers besides cpu, mem and disk: `more` wins.
local function resources(more)
  local res = {}
  for _, from in ipairs { config.current():get "node" or {}, more or {} } do
    for name, amount in pairs(from) do
      res[name] = amount
    end
  end
  return res
end

--- The JSON for `neap-engine --config`.
-- @param fields  more fields; they win
function engine_config.private(fields)
  local current = config.current()
  local out = {
    name = ("run-%d"):format(core.pid()), private = true,
    socket_dir = engine_config.runtime_dir(), repo = digest.default_repo(),
    state = engine_config.state_dir(), lua_path = lua_dir(),
    labels = current:get "engine.labels" or {},
    res = resources(fields and fields.res),
    agent = {
      path = core.libexec .. "/neap-agent", shim = core.libexec .. "/neap-shim",
      cgroup = current:get "engine.cgroup" or "auto",
    },
  }
  for field, key in pairs(plain) do
    out[field] = current:get(key)
  end
  for field, value in pairs(fields or {}) do
    if field ~= "res" then
      out[field] = value
    end
  end
  return json.encode(out)
end

return engine_config
