--- All objects of a repository in a folder: walking, collecting, moving,
-- laying out as a tree of files.

local args = require "neap.sched.repository_args"
local errors = require "neap.sched.errors"
local file_bytes = require "neap.sched.file_bytes"
local fs = require "neap.sched.fs"
local names = require "neap.sched.repository_names"

local tree = {}

local EXDEV, EMLINK, EPERM = 18, 31, 1

-- ---- walking --------------------------------------------------------------

-- Names in a folder; none if it is not there.
local function list(path)
  local all, err = fs.list(path)
  if not all and errors.is("NotExist", err) then
    return {}
  end
  return all, err
end

local function each_in(repo, head, fn)
  local folder = repo.root .. "/objects/" .. head
  local rests, err = list(folder)
  if not rests then
    return nil, err
  end
  for _, rest in ipairs(rests) do
    local hex = head .. rest
    local found = #hex == 64 and hex:find("^[0-9a-f]+$")
      and fs.stat(folder .. "/" .. rest)
    if found and found.file then
      local ok
      ok, err = fn(hex, found)
      if not ok then
        return nil, err
      end
    end
  end
  return true
end

-- Call `fn(hex, stat)` → true, or nil, err for each object, in order.
local function each(repo, fn)
  local heads, err = list(repo.root .. "/objects")
  if not heads then
    return nil, err
  end
  for _, head in ipairs(heads) do
    if head:find("^[0-9a-f][0-9a-f]$") then
      local ok
      ok, err = each_in(repo, head, fn)
      if not ok then
        return nil, err
      end
    end
  end
  return true
end

--- Call `fn(digest, size)` for every object, in the order of digests.
-- @return true; or nil, err if a folder cannot be read
function tree:scan(fn)
  return each(self, function(hex, found)
    fn("sha256:" .. hex, found.size)
    return true
  end)
end

--- Remove every object that is not in `live`. What is stored while this runs
-- may be removed too.
-- @param live  table, digest → true
-- @return number of objects removed, bytes; or nil, err at the first that
--   cannot be removed
function tree:collect(live)
  args.live(live)
  local count, size = 0, 0
  local ok, err = each(self, function(hex, found)
    if live["sha256:" .. hex] then
      return true
    end
    local removed, failed = fs.remove(self:path(hex))
    if removed then
      count, size = count + 1, size + found.size
    elseif not errors.is("NotExist", failed) then
      return nil, failed
    end
    return true
  end)
  if not ok then
    return nil, err
  end
  return count, size
end

-- ---- moving ---------------------------------------------------------------

local function adopt(self, other, hex, found)
  local path, target = other:path(hex), self:path(hex)
  local here = fs.stat(target)
  if here and here.size == found.size then
    return fs.remove(path)
  end
  local ok, err = fs.mkdirs(target:match("^(.*)/"))
  if ok then
    ok, err = fs.rename(path, target)
  end
  if ok or err.errno ~= EXDEV then
    return ok, err
  end
  ok, err = self:take(path, hex, found.executable)
  return ok and fs.remove(path), err
end

--- Move all objects of `other` here; it is empty afterwards. ⏸ between file
-- systems.
-- @return number of objects moved or found here already; or nil, err, and then
--   every object is in one of the two
function tree.vacuum(self, other)
  local count = 0
  local ok, err = each(other, function(hex, found)
    count = count + 1
    return adopt(self, other, hex, found)
  end)
  if not ok then
    return nil, err
  end
  return count
end

-- ---- laying out -----------------------------------------------------------

-- Paths stay beneath the root.
local function check_path(path)
  if type(path) ~= "string" or path == "" or path:find("%z")
    or path:sub(1, 1) == "/" or path:sub(-1) == "/" then
    errors.raise("materialize: '%s' is no path of a file beneath the root",
      tostring(path))
  end
  for part in path:gmatch("[^/]+") do
    if part == "." or part == ".." then
      errors.raise("materialize: '%s' has a part '%s'; a path goes straight"
        .. " down from the root", path, part)
    end
  end
end

local function same_file(a, b)
  return a and b and a.dev == b.dev and a.ino == b.ino
end

-- A second name for the object, or a copy where there can be none. ⏸
local function link_or_copy(self, hex, object, found, temp)
  local ok, err = fs.link(object, temp)
  if ok then
    return true
  elseif err.errno ~= EXDEV and err.errno ~= EMLINK and err.errno ~= EPERM then
    return nil, err
  end
  local id, size = file_bytes.copy(self.clock, object, temp)
  if not id then
    return nil, size
  elseif id ~= "sha256:" .. hex then
    fs.remove(temp)
    return nil, names.damaged(hex, self.url, id, size)
  end
  return fs.chmod(temp, found.executable and 0x16d or 0x124)
end

local function place(self, hex, target)
  local object = self:path(hex)
  local found, err = fs.stat(object)
  if not found then
    return nil, errors.is("NotExist", err) and names.missing(hex, self.url)
      or err
  elseif same_file(found, (fs.lstat(target))) then
    return true
  end
  local folder = target:match("^(.*)/")
  local temp = folder .. "/.neap-" .. fs.unique()
  local ok
  ok, err = fs.mkdirs(folder)
  if ok then
    ok, err = link_or_copy(self, hex, object, found, temp)
  end
  if ok then
    ok, err = fs.rename(temp, target)
    if not ok then
      fs.remove(temp)
    end
  end
  return ok, err
end

--- Lay objects out as files: hard links, or copies on another file system.
-- Files that are there are replaced; what is right already stays. The files are
-- read-only, for they are the objects; the bytes of a link are not read.
-- @param root   folder, made if need be
-- @param files  path beneath the root → digest
-- @return true; or nil and the first error: NotExist … ⏸ while copying
function tree:materialize(root, files)
  if type(root) ~= "string" or root == "" then
    errors.raise("materialize: the path of a folder is needed, not %s",
      tostring(root))
  elseif type(files) ~= "table" then
    errors.raise("materialize: the files are a table, path -> digest, not a"
      .. " %s", type(files))
  end
  local paths, hexes = {}, {}
  for path, id in pairs(files) do
    check_path(path)
    hexes[path] = names.whole(id)
    paths[#paths + 1] = path
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local ok, err = place(self, hexes[path], root .. "/" .. path)
    if not ok then
      return nil, errors.wrap("materialize", { path }, err)
    end
  end
  return fs.mkdirs(root)
end

return tree
