--- Random files.

local errors = require "neap.sched.errors"
local filesets = require "neap.sched.fileset"
local random = require "neap.sched.clock_random"

local files = {}

local MOST, LONGEST = 100, 1024 -- files, bytes

local function whole(generator, n)
  return math.floor(generator:number() * n) + 1
end

local function bytes(generator, n)
  local parts = {}
  for i = 1, n do
    parts[i] = string.char(whole(generator, 256) - 1)
  end
  return table.concat(parts)
end

--- A fileset of 1 to 100 files of 1 to 1024 random bytes, and its files in a
-- repository.
-- @param repo  repository that gets them
-- @param seed  number; the same seed gives the same files. Default 1
-- @return fileset; or nil, err when the repository fails
function files.random(repo, seed)
  if repo == nil then
    errors.raise("random_fileset: a repository is needed")
  end
  local generator = random.new(seed or 1)
  local map = {}
  for i = 1, whole(generator, MOST) do
    local data = bytes(generator, whole(generator, LONGEST))
    local id, err = repo:put(data)
    if not id then
      return nil, err
    end
    map[("folder%d/file%03d"):format(i % 3, i)] = { id = id, size = #data }
  end
  return filesets.new(map)
end

return files
