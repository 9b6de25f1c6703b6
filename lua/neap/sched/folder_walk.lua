--- The files beneath a folder, links to folders left aside.

local errors = require "neap.sched.errors"
local fs = require "neap.sched.fs"

local walk

-- May keys that begin with `base` begin with `prefix`?
local function meets(base, prefix)
  local n = math.min(#base, #prefix)
  return base:sub(1, n) == prefix:sub(1, n)
end

local function visit(state, path, key)
  local found = fs.lstat(path)
  if not found or not meets(key, state.prefix) then
    return true
  elseif found.dir then
    return walk(state, path, key .. "/")
  end
  found = fs.stat(path)
  if found and found.file and #key >= #state.prefix then
    state.list[#state.list + 1] = { key = key, path = path, found = found }
  end
  return true
end

walk = function(state, folder, base)
  local names, err = fs.list(folder == "" and "/" or folder)
  if not names then
    return errors.is("NotExist", err) or nil, err -- gone meanwhile
  end
  local but = state.but
  for _, name in ipairs(names) do
    if name:sub(1, #but) ~= but then
      local ok
      ok, err = visit(state, folder .. "/" .. name, base .. name)
      if not ok then
        return nil, err
      end
    end
  end
  return true
end

--- Files whose paths from the folder (their keys) begin with `prefix`.
-- @param folder  "" is the root of the file system; one that is not there has
--                no files
-- @param but     files whose names begin so are left out
-- @return list of { key, path, found = what fs.stat says }, in the order of
--   keys; or nil and the error of a folder that cannot be read
local function folder_walk(folder, prefix, but)
  local state = { prefix = prefix, but = but, list = {} }
  local ok, err = walk(state, folder, "")
  if not ok then
    return nil, err
  end
  table.sort(state.list, function(a, b) return a.key < b.key end)
  return state.list
end

return folder_walk
