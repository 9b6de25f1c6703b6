--- Functions that may suspend, begun at once: what needs no waiting is done
-- when `run` returns.

local at_once = {}

local create, resume, yield = coroutine.create, coroutine.resume,
  coroutine.yield

local DONE = {} -- what a coroutine yields when its function has returned

local pool, free = {}, 0

local function work(fn, ...)
  fn(...)
  while true do
    local again = { yield(DONE) }
    again[1](unpack(again, 2))
  end
end

--- Run `fn(…)` until it suspends for the first time or returns.
-- What it waits for lets it go on later; what it raises in its first part is
-- raised here.
-- @return true when it has returned
function at_once.run(fn, ...)
  local co = pool[free]
  if co then
    pool[free], free = nil, free - 1
  else
    co = create(work)
  end
  local ok, what = resume(co, fn, ...)
  if not ok then
    error(what, 0)
  elseif what == DONE then
    free = free + 1
    pool[free] = co
    return true
  end
  return false
end

return at_once
