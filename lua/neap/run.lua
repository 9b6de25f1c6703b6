--- neap.run: the run that this script is.

local core = require "neap.core"
local params = require "neap.params"
local session = require "neap.session"

local fields = {
  -- begins the run; waits for the engine's answer
  id = function() return session.ensure():wait_run() end,
  name = function() return session.options.script end,
  user = function() return core.user() end,
  labels = function() return session.options.labels or {} end,
  params = function() return params.values end,
  started = function()
    local run = session.current()
    return run and run.started
  end,
}

return setmetatable({}, {
  __index = function(_, name)
    local field = fields[name]
    return field and field()
  end,
  __tostring = function()
    local run = session.current()
    return ("Run(%s)"):format(run and run.run or "?")
  end,
})
