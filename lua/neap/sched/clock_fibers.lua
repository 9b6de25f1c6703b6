--- Clocks in scripts that `neap` runs.
--
-- There, the main chunk is a fiber of `neap.loop`. To a clock each fiber is a
-- main chunk: the first that waits turns the clock, the others wait in the
-- loop until it wakes them or leaves them the turning. A real clock does not
-- sleep but waits in the loop, so that other fibers go on.

local fibers = {}

local running = coroutine.running

-- The loop of which the running coroutine (or the main thread) is a fiber.
local function loop_here()
  local loop = package.loaded["neap.loop"]
  if loop and loop.current and loop.current().co == running() then
    return loop
  end
end

--- Is a wait in this coroutine one of a main chunk?
function fibers.is_main(co)
  local loop = package.loaded["neap.loop"]
  return loop ~= nil and loop.current ~= nil and loop.current().co == co
end

--- Does another fiber turn the clock?
function fibers.turned_elsewhere(clock)
  return clock.turner ~= running() and loop_here() ~= nil
end

--- Wait until `mark` is woken or the clock is left to us. ⏸
function fibers.wait(clock, mark)
  loop_here().wait(function(wake)
    mark.wake = wake
    table.insert(clock.parked, mark)
  end)
  for i, other in ipairs(clock.parked) do
    if other == mark then
      table.remove(clock.parked, i)
      break
    end
  end
end

--- Nobody turns the clock any more: let the next do it.
function fibers.leave(clock)
  local mark = table.remove(clock.parked, 1)
  if mark then
    mark.wake()
  end
end

--- Let other fibers go on for at most `seconds`, or until something on the
-- clock becomes ready. ⏸
-- @return false outside of neap, where there is nobody to go on
function fibers.sleep(clock, seconds)
  local loop = loop_here()
  if not loop then
    return false
  end
  local timer
  loop.wait(function(wake)
    clock.on_ready = wake
    if seconds < math.huge then
      timer = loop.timer(seconds, wake)
    end
  end)
  clock.on_ready = nil
  if timer then
    loop.forget(timer)
  end
  return true
end

return fibers
