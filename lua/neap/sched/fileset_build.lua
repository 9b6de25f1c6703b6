--- Plain tables to filesets, checked.

local file = require "neap.sched.file"
local text = require "neap.sched.errors_text"

local fileset_build = {}

--- How deep lists may be nested.
fileset_build.MAX_DEPTH = 100

local MAX_DEPTH = fileset_build.MAX_DEPTH
local build

local function build_entry(path, value)
  if path == "" then
    return nil, "a path of a fileset is empty"
  elseif type(value) ~= "table" then
    return nil, ("'%s' of a fileset is a file, not %s%s"):format(path,
      text.show(value), (path == "id" or path == "source")
      and "; a single file is written { ['.'] = { … } }" or "")
  end
  local f, message = file.build(value)
  return f, f == nil and ("'%s': %s"):format(path, message) or nil
end

local function build_tree(tree, by, depth)
  local map, list = {}, {}
  for key, value in pairs(tree) do
    local made, message
    if type(key) == "string" then
      made, message = build_entry(key, value)
      map[key] = made
    elseif type(key) == "number" and key >= 1 and key <= #tree then
      made, message = build(value, by, depth + 1)
      list[key] = made
    else
      message = ("%s is neither a path nor a place of a list"):format(
        text.show(key))
    end
    if not made then
      return nil, message
    end
  end
  for i = 1, #tree do
    if list[i] == nil then
      return nil, ("member %d of the list is nil"):format(i)
    end
  end
  return by.new(map, list)
end

-- by.open: the tables that are being looked at, to find a cycle
build = function(tree, by, depth)
  if by.is(tree) then
    return tree
  elseif type(tree) ~= "table" then
    return nil, "a fileset is a table of path = file and of filesets, not "
      .. text.show(tree)
  elseif by.open[tree] then
    return nil, "a fileset contains itself"
  elseif depth > MAX_DEPTH then
    return nil, ("filesets are nested deeper than %d"):format(MAX_DEPTH)
  end
  by.open[tree] = true
  local made, message = build_tree(tree, by, depth)
  by.open[tree] = nil
  return made, message
end

--- The fileset of a plain table.
-- @param tree  { path = file, … } and, or, { member, … }; members are filesets
--              or such tables
-- @param is    fn(value): is it a fileset already?
-- @param new   fn(map, list) → a fileset
-- @return what `new` gave, or nil and what is wrong with the table
function fileset_build.build(tree, is, new)
  return build(tree, { is = is, new = new, open = {} }, 1)
end

return fileset_build
