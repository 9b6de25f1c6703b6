--- Configuration: data files, variables and flags in one table.
--
-- /etc/neap/config.lua < $XDG_CONFIG_HOME/neap/config.lua < ./neap.config.lua
-- (nearest upwards, only with `project`) < NEAP_* variables < flags.
--
-- For the command line:
--   config.load{ project=bool, flags={ ["engine.cpu"]=2 } } -> config
--   config.current()            the one that was loaded last, or a plain load
--   config.set(config)          make it the current one
--   c:get("engine.cpu")         value (bytes, seconds), or nil
--   c:source("engine.cpu")      where it came from: a path, "NEAP_REPO", "flag"
--   c:keys()                    sorted list of all that is set
--   c.values                    nested plain table
-- A file that is wrong raises E_USAGE with its path and line.

local check = require "neap.check"
local core = require "neap.core"
local errors = require "neap.errors"
local schema = require "neap.config_schema"
local suggest = require "neap.suggest"
local units = require "neap.units"

local config = {}

local Config = {}
Config.__index = Config

-- Variable -> key. NEAP_CONFIG names the user's file itself.
local variables = {
  NEAP_ENGINE = "engine.target", NEAP_PROFILE = "profile",
  NEAP_REPO = "repository.path", NEAP_OUTPUT = "output", NEAP_LOG = "log",
  NEAP_PAGER = "pager", NEAP_STATE = "state",
}

-- Lua's own messages begin with the file already.
local function fail(source, fmt, ...)
  local text = fmt:format(...)
  if text:sub(1, #source + 1) ~= source .. ":" then
    text = source .. ": " .. text
  end
  error(errors.new("E_USAGE", text), 0)
end

--- Run a text as a data file: no library at all.
-- @param text    Lua source that returns a table
-- @param path    its name in messages
-- @param getenv  default os.getenv
-- @return what it returns, or nil and a message
function config.run(text, path, getenv)
  getenv = getenv or os.getenv
  local env = {
    KiB = units.KiB, MiB = units.MiB, GiB = units.GiB, TiB = units.TiB,
    env = function(name, default)
      return getenv(name) or default
    end,
  }
  local chunk, message = load(text, "@" .. path, "t", env)
  if not chunk then
    return nil, message
  end
  local ok, value = pcall(chunk)
  if not ok then
    return nil, tostring(value)
  end
  return value
end

-- Check one value and put it below `key`.
function Config:put(key, value, source)
  local section, field = key:match("^([^.]+)%.(.+)$")
  local rules = section and schema[section] or schema
  local rule = type(rules) == "table" and rules[field or key]
  if type(rule) ~= "function" then
    fail(source, "unknown key '%s'%s", key,
      suggest.hint(field or key, type(rules) == "table" and rules or schema))
  end
  local good, message = rule(value)
  if good == nil then
    fail(source, "%s: %s", key, message)
  end
  if section then
    self.values[section] = self.values[section] or {}
    self.values[section][field] = good
  else
    self.values[key] = good
  end
  self.sources[key] = source
end

local function merge(self, values, source)
  if type(values) ~= "table" then
    fail(source, "a config file must return a table, not %s",
      check.show(values))
  end
  for key, value in pairs(values) do
    if type(schema[key]) == "table" and type(value) == "table" then
      for field, inner in pairs(value) do
        self:put(key .. "." .. tostring(field), inner, source)
      end
    else
      self:put(tostring(key), value, source)
    end
  end
end

local function merge_file(self, path, getenv, required)
  local file = io.open(path, "rb")
  if not file then
    if required then
      fail(path, "there is no such config file")
    end
    return
  end
  local text = file:read("*a")
  file:close()
  local values, message = config.run(text or "", path, getenv)
  if values == nil then
    fail(path, "%s", message or "the file returns nothing")
  end
  merge(self, values, path)
end

-- The nearest neap.config.lua from the current directory upwards.
local function project_file()
  local dir = core.cwd()
  while dir and dir ~= "" do
    local path = dir:gsub("/$", "") .. "/neap.config.lua"
    if core.stat(path) then
      return path
    end
    dir = dir ~= "/" and (dir:match("^(.*)/[^/]*$")) or nil
    dir = dir == "" and "/" or dir
  end
end

-- Fields of the chosen profile stand above the same fields of the file.
local function apply_profile(self)
  local name = self.values.profile
  local profiles = self.values.profiles
  if not name or name == "local" and not (profiles and profiles[name]) then
    return
  end
  local profile = profiles and profiles[name]
  if type(profile) ~= "table" then
    fail(self.sources.profile, "there is no profile '%s'%s", name,
      suggest.hint(name, profiles or {}))
  end
  local source = "profile " .. name
  if profile.pools then
    fail(source, "not supported by this version: pools")
  end
  merge(self, profile, source)
end

--- Read everything and put it together.
-- @param opts  project = look for ./neap.config.lua; flags = map of dotted
--              keys; getenv = default os.getenv
function config.load(opts)
  opts = opts or {}
  local getenv = opts.getenv or os.getenv
  local self = setmetatable({ values = {}, sources = {} }, Config)
  merge_file(self, "/etc/neap/config.lua", getenv)
  local user = getenv "NEAP_CONFIG"
  local home = getenv "XDG_CONFIG_HOME"
    or getenv "HOME" and getenv "HOME" .. "/.config"
  if user then
    merge_file(self, user, getenv, true)
  elseif home then
    merge_file(self, home .. "/neap/config.lua", getenv)
  end
  if opts.project then
    local path = project_file()
    if path then
      merge_file(self, path, getenv)
    end
  end
  for name, key in pairs(variables) do
    local value = getenv(name)
    if value and value ~= "" then
      self:put(key, value, name)
    end
  end
  for key, value in pairs(opts.flags or {}) do
    self:put(key, value, "flag")
  end
  apply_profile(self)
  return self
end

local current

--- The config in use; loaded at the first call.
function config.current()
  current = current or config.load()
  return current
end

--- Make `c` the config in use.
function config.set(c)
  current = c
end

--- The value of a dotted key, or nil.
function Config:get(key)
  local section, field = key:match("^([^.]+)%.(.+)$")
  if section then
    local values = self.values[section]
    return values and values[field]
  end
  return self.values[key]
end

--- Where the value of a dotted key came from, or nil.
function Config:source(key)
  return self.sources[key]
end

--- Sorted list of the dotted keys that have a value.
function Config:keys()
  local keys = {}
  for key in pairs(self.sources) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

--- A read-only view of the values, for scripts.
function Config:view()
  local function wrap(values)
    return setmetatable({}, {
      __index = function(_, key)
        local value = values[key]
        return type(value) == "table" and wrap(value) or value
      end,
      __newindex = function(_, key)
        errors.raise("E_SPEC", ("neap.config is read-only: cannot set '%s'")
          :format(tostring(key)))
      end,
    })
  end
  return wrap(self.values)
end

return config
