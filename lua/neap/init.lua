--- neap: what a script requires. `local neap = require "neap"`

local collect = require "neap.collect"
local config = require "neap.config"
local core = require "neap.core"
local coro = require "neap.coro"
local def = require "neap.def"
local engine = require "neap.engine"
local errors = require "neap.errors"
local file = require "neap.file"
local fileset = require "neap.fileset"
local log = require "neap.log"
local loop = require "neap.loop"
local main = require "neap.main"
local params = require "neap.params"
local run = require "neap.run"
local scope = require "neap.scope"
local session = require "neap.session"
local suggest = require "neap.suggest"
local sync = require "neap.sync"
local task = require "neap.task"
local units = require "neap.units"
local wait = require "neap.wait"

local neap = {
  version = core.version, api = 1,
  KiB = units.KiB, MiB = units.MiB, GiB = units.GiB, TiB = units.TiB,

  task = task.task, def = def.def, params = params.declare,
  file = file.file, glob = file.glob, text = file.text,
  dir = fileset.dir, fileset = fileset.fileset,

  await = wait.await, all = wait.all, settle = wait.settle, any = wait.any,
  as_done = wait.as_done, sleep = wait.sleep, timeout = wait.timeout,
  import = wait.import, spawn = loop.spawn, scope = scope.scope,
  semaphore = sync.semaphore, channel = sync.channel,

  map = collect.map, each = collect.each, chunk = collect.chunk,
  reduce_tree = collect.reduce_tree, fold = collect.fold, zip = collect.zip,
  product = collect.product, group = collect.group, range = collect.range,

  log = log.log, warn = log.warn, debug = log.debug,
  run = run,
}

--- neap.connect(target, opts): the engine of this script. ⏸
-- Before the first task only; nil is the default engine.
function neap.connect(target, opts)
  if session.current() then
    errors.raise("E_SPEC", "neap.connect: the run has begun already; connect"
      .. " before the first task")
  end
  local check = require "neap.check"
  check.opts(opts, { timeout = true, readonly = true }, "neap.connect")
  if opts and opts.readonly then
    check.fail("readonly", "not supported by this version: readonly = true")
  end
  target = target or config.current():get "engine.target"
  session.options.on = target
  if target == nil or target == "embedded" then
    return session.ensure().conn
  end
  return engine.connect(target)
end

-- Values that are known only while the script runs.
local live = {
  engine = function() return session.ensure().conn end,
  config = function() return config.current():view() end,
}

setmetatable(neap, {
  __index = function(_, name)
    if live[name] then
      return live[name]()
    end
    local known = { engine = 1, config = 1 }
    for key in pairs(neap) do
      known[key] = 1
    end
    errors.raise("E_SPEC", ("neap has no '%s'%s"):format(tostring(name),
      suggest.hint(name, known, "'neap.%s'")), { field = tostring(name) })
  end,
})

if not main.managed then
  coro.install()
  main.attach()
end

return neap
