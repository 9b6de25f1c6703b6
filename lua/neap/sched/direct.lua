--- Copies of an extern from blob store to blob store, without an alloc.
--
--   plan    what is to be copied where, and what is there already
--   rounds  copy all that is left; failures that may go away are tried again
--           in the next round, after a pause, until nothing moves any more
--
-- What is wrong with the plan is an error of the transfer; NotSupported then
-- means that an alloc has to do it. What fails in a round is in the result.

local direct_plan = require "neap.sched.direct_plan"
local direct_rounds = require "neap.sched.direct_rounds"
local endpoints = require "neap.sched.endpoints"
local errors = require "neap.sched.errors"
local fileset = require "neap.sched.fileset"

local direct = {}

local DEFAULT_LIMIT = 20 -- copies at a time, of an endpoint

-- The transferer's slots; one that people wrote has none to lend.
local function slots_of(opts)
  local lent = opts.transferer and opts.transferer.endpoints
  return lent or endpoints.new { clock = opts.clock, default = DEFAULT_LIMIT }
end

local function canceled()
  return errors.new("Canceled", "the direct transfer was called off")
end

--- Do a direct transfer. ⏸
-- @param opts
--   clock, mux   required
--   transferer   whose limits the copies keep to; default: 20 an endpoint
--   url          where the files go: URL .. "/" .. path, for "." the URL itself
--   args         the task's arguments: exactly one, with a fileset
--   repository   knows where else resolved files are (`stat(d).source`)
--   log          function(level, message), optional
--   stopped      function() → true once nobody wants it any more, optional;
--                copies under way are awaited, no others begin
--   progress     function(files, bytes) after each file that is there, with
--                all until then, optional
-- @return { fileset, err }: what is there now, as in the argument (assertions
--   too), and why not all of it; or nil, err
function direct.run(opts)
  local stopped = opts.stopped or function() return false end
  local state = {
    clock = opts.clock, mux = opts.mux, slots = slots_of(opts),
    stopped = stopped, progress = opts.progress or function() end,
    log = opts.log or function() end, done = {}, files = 0, bytes = 0,
  }
  local copies, err = direct_plan.make(opts, state)
  if not copies then
    return nil, err
  end
  local failure = direct_rounds.run(state, copies)
  if stopped() then
    return nil, canceled()
  end
  return { fileset = fileset.new(state.done), err = failure }
end

return direct
