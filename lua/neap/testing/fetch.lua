--- Getting the files of a fileset into the repository of a fake alloc.

local digests = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local files = require "neap.sched.file"

local fetch = {}

--- Where references come from by default: bytes made of the URL, always the
-- same for the same URL.
function fetch.invented(url)
  return "content of " .. url .. "\n"
end

local function store(to, data, wanted)
  local id, err = to:put(data)
  if not id then
    return nil, err
  elseif wanted and id ~= wanted then
    return nil, errors.new("Integrity", "%s was wanted, %s came",
      digests.short(wanted), digests.short(id))
  end
  return id
end

local function resolved(from, to, file)
  if to:stat(file.id) then
    return file
  elseif not from then
    return nil, errors.new("NotExist", "no repository to get %s from",
      digests.short(file.id))
  end
  local data, err = from:get(file.id)
  if not data then
    return nil, err
  end
  local id
  id, err = store(to, data, file.id)
  return id and file, err
end

local function reference(to, file, by_url)
  local data, err = by_url(file.source)
  if not data then
    return nil, err
  end
  local id
  id, err = store(to, data, file.content_hash)
  if not id then
    return nil, err
  end
  return { id = id, size = #data, assertions = file.assertions }
end

--- Fetch every file that is not there yet. ⏸
-- @param from    repository of resolved files
-- @param to      the alloc's repository
-- @param by_url  fn(url) → bytes or nil, err
-- @return the resolved fileset; or nil, err
function fetch.all(from, to, fileset, by_url)
  local known = {}
  for _, file in ipairs(fileset:files()) do
    local got, err
    if file.id then
      got, err = resolved(from, to, file)
    else
      got, err = reference(to, file, by_url)
      known[files.digest(file)] = got
    end
    if not got then
      return nil, errors.wrap("fetch", { file.id or file.source }, err)
    end
  end
  return next(known) and (fileset:subst(known)) or fileset
end

return fetch
