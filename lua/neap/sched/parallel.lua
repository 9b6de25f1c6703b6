--- One function for every item of a list, several at a time.

local errors = require "neap.sched.errors"
local ticket = require "neap.sched.ticket"

local function settle(called, ok, err)
  if not called then
    return nil, errors.from(ok)
  end
  return ok, err
end

local function run(state)
  local items, fn, group = state.items, state.fn, state.group
  while state.next <= #items and not group.cancelled do
    local item = items[state.next]
    state.next = state.next + 1
    local ok, err = settle(pcall(fn, item))
    if not ok and not group.cancelled then
      state.err = err
      group:cancel()
    end
  end
  state.workers = state.workers - 1
  if state.workers == 0 then
    state.ended:resolve(true)
  end
end

--- Do `fn(item)` for each item, in their order, `width` of them at a time. ⏸
-- The first failure calls `group` off (one that is raised is a failure too);
-- what is under way then is awaited.
-- @param pass   a ticket: when it is called off, nothing is awaited
-- @param group  a ticket beneath `pass`
-- @param fn     function(item) → true, or nil, err. ⏸
-- @return true; or nil and the first error
local function parallel(clock, items, width, pass, group, fn)
  local state = {
    items = items, fn = fn, group = group, next = 1,
    workers = math.min(width, #items), ended = clock:promise(),
  }
  if state.workers == 0 then
    return true
  elseif state.workers == 1 then
    run(state)
  else
    for _ = 1, state.workers do
      clock:spawn(run, state)
    end
    pass:wait(state.ended)
  end
  if state.err then
    return nil, state.err
  elseif group.cancelled then
    return nil, ticket.error()
  end
  return true
end

return parallel
