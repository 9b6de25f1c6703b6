--- Objects between a repository in a folder and others, by URL.
--
-- Each is moved once for all who want it at the same time.

local file_bytes = require "neap.sched.file_bytes"
local fs = require "neap.sched.fs"
local names = require "neap.sched.repository_names"
local peer = require "neap.sched.repository_peer"
local schemes = require "neap.sched.repository_schemes"
local ticket = require "neap.sched.ticket"

local exchange = {}

-- From folder to folder: what was read and found whole gets a second name; on
-- another file system it is copied.
local function share(clock, from, to, hex)
  local found, err = from:look(hex)
  if not found then
    return nil, err
  elseif to:has(hex, found.size, found.executable) then
    return true
  end
  local path = from:path(hex)
  local got, size = file_bytes.hash(clock, path)
  if not got then
    return nil, size
  elseif got ~= "sha256:" .. hex then
    return nil, names.damaged(hex, from.url, got, size)
  end
  local target = to:path(hex)
  if fs.mkdirs(target:match("^(.*)/")) and fs.link(path, target) then
    return true
  end
  to.clock = to.clock or clock
  local id
  id, err = to:take(path, hex, found.executable)
  return id and true, err
end

local function fetch(self, from, hex)
  if getmetatable(from) == getmetatable(self) then
    return share(self.clock, from, self, hex)
  end
  local data, err = peer.fetch(from, hex)
  if not data then
    return nil, err
  end
  local id
  id, err = self:put(data)
  return id and true, err
end

local function give(self, to, hex)
  if getmetatable(to) == getmetatable(self) then
    return share(self.clock, self, to, hex)
  end
  local data, err = self:get("sha256:" .. hex)
  if not data then
    return nil, err
  end
  return peer.store(to, hex, data)
end

--- Store an object of ours in the repository of a URL. ⏸
-- @return true; or nil, err: NotSupported if the URL cannot be reached,
--   NotExist, Integrity
function exchange:write_to(id, url)
  local hex = names.whole(id)
  local to, err = schemes.find(url)
  if not to then
    return nil, err
  end
  return self.flights:run(hex .. " " .. url, url, ticket.new(), function()
    return give(self, to, hex)
  end)
end

--- Fetch an object of the repository of a URL; one that is here is not. ⏸
-- @return true; or nil, err: NotSupported if the URL cannot be reached,
--   NotExist, Integrity if the bytes are not what their name says
function exchange:read_from(id, url)
  local hex = names.whole(id)
  if self:look(hex) then
    return true
  end
  local from, err = schemes.find(url)
  if not from then
    return nil, err
  end
  return self.flights:run(hex, url, ticket.new(), function()
    return fetch(self, from, hex)
  end)
end

return exchange
