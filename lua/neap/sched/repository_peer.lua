--- One object from or to another repository, whoever wrote that.

local ask = require "neap.sched.ask"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local names = require "neap.sched.repository_names"

local peer = {}

--- The bytes of an object of another repository, checked. ⏸
-- @param hex  its digest
-- @return bytes; or nil, err: Integrity if they are not what their name says
function peer.fetch(from, hex)
  local data, err = ask(from, "get", "sha256:" .. hex)
  if not data then
    return nil, err
  elseif type(data) ~= "string" then
    return nil, errors.new("Fatal", "get of %s returned a %s, not a text",
      tostring(from.url), type(data))
  end
  local got = digest.of(data)
  if got ~= "sha256:" .. hex then
    return nil, names.damaged(hex, tostring(from.url), got, #data)
  end
  return data
end

--- Give bytes to another repository, and check what it calls them. ⏸
-- @return true; or nil, err
function peer.store(to, hex, data)
  local id, err = ask(to, "put", data)
  if not id then
    return nil, err
  elseif id ~= "sha256:" .. hex then
    return nil, errors.new("Integrity", "object sha256:%s (%d bytes) was"
      .. " stored in %s as %s", hex, #data, tostring(to.url), tostring(id))
  end
  return true
end

return peer
