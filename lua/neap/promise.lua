--- Something that will have a value or an error, once.
--
-- Tasks, fibers and requests hold these fields: `settled` ("ok" or "err"),
-- `value`, `seen` (the error reached somebody). Callbacks run where the value
-- comes in: they may wake fibers, they must not wait.

local promise = {}

local Promise = {}
Promise.__index = Promise

--- A new promise, or the same in `self`.
function promise.new()
  return setmetatable({}, Promise)
end

--- Call `fn(p)` when `p` is settled, at once if it is.
function promise.on(p, fn)
  if p.settled then
    fn(p)
    return
  end
  local callbacks = p.callbacks
  if callbacks then
    callbacks[#callbacks + 1] = fn
  else
    p.callbacks = { fn }
  end
end

--- Forget a callback.
function promise.off(p, fn)
  local callbacks = p.callbacks or {}
  for i = #callbacks, 1, -1 do
    if callbacks[i] == fn then
      table.remove(callbacks, i)
    end
  end
end

--- Give `p` its value (or error). The first time counts.
function promise.settle(p, ok, value)
  if p.settled then
    return
  end
  p.settled, p.value = ok and "ok" or "err", value
  local callbacks = p.callbacks
  p.callbacks = nil
  for i = 1, callbacks and #callbacks or 0 do
    callbacks[i](p)
  end
end

--- The error of `p` reached somebody, and with it those that caused it.
function promise.mark_seen(p)
  if p.seen then
    return
  end
  p.seen = true
  for _, cause in ipairs(p.causes or {}) do
    promise.mark_seen(cause)
  end
end

return promise
