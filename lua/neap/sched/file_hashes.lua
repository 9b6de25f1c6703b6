--- Digests of files that are not ours, remembered as long as these do not
-- change.

local file_bytes = require "neap.sched.file_bytes"

local file_hashes = {}

local Hashes = {}
Hashes.__index = Hashes

local MOST = 10000 -- files remembered
local SETTLED_S = 2 -- a younger file may change without a sign of it

--- @param clock  others run on it while a large file is read
function file_hashes.new(clock)
  return setmetatable({ clock = clock, count = 0, by_path = {} }, Hashes)
end

local function same(a, b)
  return a.ino == b.ino and a.dev == b.dev and a.size == b.size
    and a.mtime == b.mtime and a.mtime_ns == b.mtime_ns
    and a.ctime == b.ctime and a.ctime_ns == b.ctime_ns
end

local function remember(self, path, found, digest)
  if not self.by_path[path] then
    if self.count == MOST then
      self.count, self.by_path = 0, {}
    end
    self.count = self.count + 1
  end
  self.by_path[path] = { found = found, digest = digest }
end

--- The digest of a file. ⏸
-- @param found  what fs.stat said of it just now
-- @return digest; or nil, err
function Hashes:of(path, found)
  local known = self.by_path[path]
  if known and same(known.found, found) then
    return known.digest
  end
  local digest, err = file_bytes.hash(self.clock, path)
  if not digest then
    return nil, err
  end
  if os.time() - math.max(found.mtime, found.ctime) > SETTLED_S then
    remember(self, path, found, digest)
  end
  return digest
end

return file_hashes
