--- One object from one repository to another.
--
-- Tried in order: the destination reads it from the source's URL, the source
-- writes it to the destination's URL, its bytes pass through here. "Not
-- supported" means the next way. What arrived is looked at: an object is there
-- when the destination says so, with the right size.

local ask = require "neap.sched.ask"
local errors = require "neap.sched.errors"
local peer = require "neap.sched.repository_peer"

local object_transfer = {}

local RETRIES, FIRST_S, FACTOR, MAX_S = 3, 0.02, 1.5, 0.1

local function name_of(repo)
  return tostring(repo.url or "a repository without a URL")
end

-- Files whose size nobody knows say 0.
local function wanted_size(file)
  return file.size and file.size > 0
end

local function wrong_size(file, where, size)
  return errors.new("Integrity", "object %s has %s bytes in %s; it should have"
    .. " %d", file.id, tostring(size), where, file.size)
end

local function through_here(dst, src, file)
  local hex = file.id:sub(8)
  local data, err = peer.fetch(src, hex)
  if not data then
    return nil, err
  elseif wanted_size(file) and #data ~= file.size then
    return nil, wrong_size(file, name_of(src), #data)
  end
  return peer.store(dst, hex, data)
end

local function first_way(dst, src, file)
  local ok, err
  if src.url then
    ok, err = ask(dst, "read_from", file.id, src.url)
    if ok or not errors.is("NotSupported", err) then
      return ok, err
    end
  end
  if dst.url then
    ok, err = ask(src, "write_to", file.id, dst.url)
    if ok or not errors.is("NotSupported", err) then
      return ok, err
    end
  end
  return through_here(dst, src, file)
end

local function once(dst, src, file)
  local ok, err = first_way(dst, src, file)
  if not ok then
    return nil, err
  end
  local found
  found, err = ask(dst, "stat", file.id)
  if not found then
    if errors.is("NotExist", err) then
      err = errors.new("Integrity", "object %s is not in %s, which had taken"
        .. " it", file.id, name_of(dst))
    end
    return nil, err
  elseif wanted_size(file) and found.size ~= file.size then
    return nil, wrong_size(file, name_of(dst), found.size)
  end
  return true
end

--- Transfer the object of a resolved file. ⏸
-- Errors that may go away, and damage, are tried again: three times, after
-- 20, 30 and 45 ms.
-- @param group  a ticket: no more tries once it is called off
-- @return true; or nil and the last error
function object_transfer.run(clock, dst, src, file, group)
  local ok, err = once(dst, src, file)
  for n = 1, RETRIES do
    if ok or group.cancelled
      or not (errors.transient(err) or errors.is("Integrity", err)) then
      break
    end
    clock:sleep(math.min(MAX_S, FIRST_S * FACTOR ^ (n - 1)))
    if group.cancelled then
      break
    end
    ok, err = once(dst, src, file)
  end
  return ok, err
end

return object_transfer
