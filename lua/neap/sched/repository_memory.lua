--- Objects in memory, for specs and simulations.

local args = require "neap.sched.repository_args"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local file_bytes = require "neap.sched.file_bytes"
local names = require "neap.sched.repository_names"
local peer = require "neap.sched.repository_peer"
local schemes = require "neap.sched.repository_schemes"

local repository_memory = {}

local memory = {}
memory.__index = memory

-- By name, those that somebody still holds.
local named = setmetatable({}, { __mode = "v" })
local unnamed = 0

--- A new empty repository.
-- @param name  `dial("memory://NAME")` finds it as long as somebody holds it;
--              of several with one name, the one made last
-- @param opts  { source = function(digest) → URL or nil }: where an object
--              also lives in a blob store
function repository_memory.new(name, opts)
  name, opts = args.constructor("memory", "name", name, opts)
  if name == nil then
    unnamed = unnamed + 1
    name = "unnamed-" .. unnamed
  elseif name == "" then
    errors.raise("repository.memory: the name is empty")
  end
  local repo = setmetatable({
    url = "memory://" .. name, objects = {}, source = opts.source,
  }, memory)
  named[name] = repo
  return repo
end

-- The digest of an object that a name stands for.
local function resolve(self, name)
  if self.objects[name] then
    return name
  end
  local hex, list = names.hex(name), {}
  if #hex == 64 then
    local id = "sha256:" .. hex
    if self.objects[id] then
      return id
    end
    return nil, names.missing(hex, self.url)
  end
  for id in pairs(self.objects) do
    list[#list + 1] = id:sub(8)
  end
  table.sort(list)
  local found, err = names.pick(list, hex, self.url)
  return found and "sha256:" .. found, err
end

--- What is known of an object.
-- @param name  its digest, which may be abbreviated
-- @return { id, size, source }, or nil, NotExist
function memory:stat(name)
  local id, err = resolve(self, name)
  if not id then
    return nil, err
  end
  return {
    id = id, size = #self.objects[id], source = self.source and self.source(id),
  }
end

--- The bytes of an object, by its digest, which may be abbreviated.
function memory:get(name)
  local id, err = resolve(self, name)
  if not id then
    return nil, err
  end
  return self.objects[id]
end

--- Store bytes, or the file `{ path = p }`.
-- @return digest; or nil, err
function memory:put(data)
  local bytes, path = args.data(data)
  if not bytes then
    local err
    bytes, err = file_bytes.read(path)
    if not bytes then
      return nil, err
    end
  end
  local id = digest.of(bytes)
  self.objects[id] = bytes
  return id
end

--- Store an object of ours in the repository of a URL. ⏸
-- @return true; or nil, err: NotSupported if the URL cannot be dialled
function memory:write_to(id, url)
  local hex = names.whole(id)
  local to, err = schemes.find(url)
  if not to then
    return nil, err
  end
  local data = self.objects["sha256:" .. hex]
  if not data then
    return nil, names.missing(hex, self.url)
  end
  return peer.store(to, hex, data)
end

--- Fetch an object of the repository of a URL; one that is here is not. ⏸
-- @return true; or nil, err: NotSupported if the URL cannot be dialled,
--   Integrity if the bytes are not what their name says
function memory:read_from(id, url)
  local hex = names.whole(id)
  if self.objects["sha256:" .. hex] then
    return true
  end
  local from, err = schemes.find(url)
  if not from then
    return nil, err
  end
  local data, failed = peer.fetch(from, hex)
  if not data then
    return nil, failed
  end
  self.objects["sha256:" .. hex] = data
  return true
end

--- Call `fn(digest, size)` for every object, in the order of digests.
function memory:scan(fn)
  local list = {}
  for id in pairs(self.objects) do
    list[#list + 1] = id
  end
  table.sort(list)
  for i = 1, #list do
    local data = self.objects[list[i]]
    if data then
      fn(list[i], #data)
    end
  end
  return true
end

--- Remove every object that is not in `live`.
-- @param live  table, digest → true
-- @return number of objects removed, bytes
function memory:collect(live)
  args.live(live)
  local count, size = 0, 0
  for id, data in pairs(self.objects) do
    if not live[id] then
      self.objects[id] = nil
      count, size = count + 1, size + #data
    end
  end
  return count, size
end

schemes.register("memory", function(url)
  local name = url:match("^memory://(.+)$")
  if not name then
    return nil, errors.new("Invalid", "'%s' names no repository; write"
      .. " memory://NAME", url)
  end
  return named[name] or repository_memory.new(name)
end, function(url)
  local repo = named[url:match("^memory://(.+)$")]
  if not repo then
    return nil, errors.new("NotSupported", "%s is not in this process", url)
  end
  return repo
end)

return repository_memory
