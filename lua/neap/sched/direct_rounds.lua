--- The rounds of a direct transfer.

local ask = require "neap.sched.ask"
local errors = require "neap.sched.errors"
local parallel = require "neap.sched.parallel"
local ticket = require "neap.sched.ticket"

local direct_rounds = {}

local STALLED_ROUNDS = 3 -- tolerated in a row
local FIRST_S, MAX_S = 0.1, 5

local function arrived(state, copy)
  state.done[copy.name] = copy.file
  state.files, state.bytes = state.files + 1, state.bytes + copy.size
  state.progress(state.files, state.bytes)
end

-- A store that says it has copied may say how much.
local function check_size(copy, entry)
  local got = type(entry) == "table" and entry.size
  if copy.size == 0 then
    copy.size = got or 0
  elseif got and got ~= copy.size then
    return nil, errors.new("Integrity", "%s has %d bytes after the copy from"
      .. " %s; it should have %d", copy.url, got, copy.from.source, copy.size)
  end
  return true
end

local function transfer(state, copy)
  local ok, err = state.slots:take(copy.from_key, copy.to_key, state.group)
  if not ok then
    return nil, err
  end
  if state.stopped() or state.group.cancelled then
    ok, err = nil, ticket.error()
  else
    ok, err = ask(state.mux, "transfer", copy.url, copy.from.source)
  end
  state.slots:give(copy.from_key, copy.to_key)
  if not ok then
    return nil, err
  end
  return check_size(copy, ok)
end

-- One copy. Only a failure that no other round can mend ends this one.
local function try(state, copy, failed)
  local ok, err = transfer(state, copy)
  if ok then
    arrived(state, copy)
  elseif errors.restartable(err) then
    failed[#failed + 1] = { copy = copy, err = err }
  else
    return nil, errors.wrap("transfer", { copy.from.source, copy.url }, err)
  end
  return true
end

-- → list of { copy, err } to be tried again; or nil, err
local function round(state, copies)
  local failed, pass = {}, ticket.new()
  state.group = ticket.new(pass)
  local width = state.slots:limit(copies[1].to_key) -- they share a destination
  local ok, err = parallel(state.clock, copies, width, pass, state.group,
    function(copy) return try(state, copy, failed) end)
  if not ok then
    return nil, err
  end
  return failed
end

local function stalled_error(failed)
  local list = {}
  for i, one in ipairs(failed) do
    list[i] = one.err
  end
  return errors.new("TooManyTries", "scheduler direct transfer: progress"
    .. " stalled for retryable errors %s; %d incomplete transfers",
    tostring(errors.multi(list)), #failed)
end

-- 0.1 s, twice as long after each round without progress, ± 20 %.
local function pause(clock, stalled)
  local wait = math.min(MAX_S, FIRST_S * 2 ^ stalled)
  clock:sleep(wait * (0.8 + 0.4 * clock:random()))
end

local function copies_in(failed)
  local copies = {}
  for i, one in ipairs(failed) do
    copies[i] = one.copy
  end
  return copies
end

--- Copy what is needed until all is there, something fails for good, or four
-- rounds in a row have copied nothing. ⏸
-- @param state   of the transfer; `done` receives name → file
-- @param copies  those of the plan
-- @return nil, or why not all is there
function direct_rounds.run(state, copies)
  local left, stalled = {}, 0
  for _, copy in ipairs(copies) do
    if copy.needed then
      left[#left + 1] = copy
    else
      arrived(state, copy)
    end
  end
  while #left > 0 and not state.stopped() do
    local failed, err = round(state, left)
    if not failed then
      return err
    elseif #failed == 0 then
      return nil
    end
    stalled = #failed == #left and stalled + 1 or 0
    if stalled > STALLED_ROUNDS then
      return stalled_error(failed)
    end
    pause(state.clock, stalled)
    left = copies_in(failed)
  end
  return nil
end

return direct_rounds
