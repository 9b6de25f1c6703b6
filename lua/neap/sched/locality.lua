--- What tasks read and what allocs have, told to the core in numbers, so that a
-- policy can send a task to its data (`alloc:local_bytes(task)`).

local locality = {}

-- A fileset of more files counts as one thing.
local MANY = 256

-- The first 52 bits of "sha256:0123…" as a number.
local function key_of(digest)
  return tonumber(digest:sub(8, 20), 16)
end

local function add_file(list, file)
  local digest = file.id or file.content_hash
  if digest then
    list[#list + 1] = key_of(digest)
    list[#list + 1] = file.size or 0
  end
end

--- What a fileset consists of.
-- @return list of key, bytes, key, bytes …; files without a digest are left
--         out
function locality.of(fileset)
  local list = {}
  if fileset:n() > MANY then
    return { key_of(fileset:digest()), fileset:size() }
  end
  for _, file in ipairs(fileset:files()) do
    add_file(list, file)
  end
  return list
end

--- What the arguments of a task consist of; nil if there is nothing.
function locality.of_args(args)
  local all
  for i = 1, #args do
    local fileset = args[i].fileset
    if fileset ~= nil then
      all = all or {}
      for _, number in ipairs(locality.of(fileset)) do
        all[#all + 1] = number
      end
    end
  end
  return all
end

--- An alloc has a fileset now.
function locality.loaded(core, number, fileset)
  local list = locality.of(fileset)
  for i = 1, #list, 2 do
    core:holds(number, list[i])
  end
end

return locality
