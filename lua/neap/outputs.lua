--- Declared outputs: names and places below `out/`.

local check = require "neap.check"
local fileset = require "neap.fileset"
local fnmatch = require "neap.fnmatch"

local outputs = {}

local function kind_of(place)
  if place == "-" then
    return "stdout"
  elseif place:sub(-1) == "/" then
    return "dir"
  end
  return fnmatch.is_glob(place) and "glob" or "file"
end

local function one(name, decl, task)
  local what = ("output '%s' of task '%s'"):format(tostring(name), task)
  check.name(name, "the name of an output of task '" .. task .. "'", name)
  local place, optional = decl, nil
  if type(decl) == "table" then
    check.fields(decl, { [1] = true, optional = true }, what)
    place, optional = decl[1], decl.optional
    if optional ~= nil then
      check.type(optional, "boolean", "optional of " .. what, name)
    end
  end
  check.text(place, "the place of " .. what, name)
  local kind = kind_of(place)
  local clean = kind == "dir" and place:gsub("/$", "") or place
  if kind ~= "stdout" and not fileset.place_ok(clean) then
    check.fail(name, "%s leaves the work directory: '%s' must be a relative"
      .. " path without '.' and '..'", what, place)
  end
  return { name = name, place = clean, kind = kind, optional = optional }
end

-- Would the task have to make one of them inside of the other?
local function clash(a, b)
  if a.place == b.place then
    return true
  elseif a.kind == "stdout" or b.kind == "stdout" then
    return false
  elseif a.kind == "glob" and b.kind ~= "glob" then
    return fnmatch.compile(a.place)(b.place)
  end
  return b.place:sub(1, #a.place + 1) == a.place .. "/"
end

local function check_pairs(list, task)
  for i, a in ipairs(list) do
    for j, b in ipairs(list) do
      if i ~= j and clash(a, b) then
        local text = a.place == b.place and "is the same place as"
          or "holds the place of"
        check.fail(a.name, "output '%s' of task '%s' ('%s') %s output '%s'"
          .. " ('%s')", a.name, task, a.place, text, b.name, b.place)
      end
    end
  end
end

--- Check declared outputs.
-- @param declared  map name → place, or list of names; nil: none
-- @return list of { name=, place=, kind=, optional= } in name order, and the
--         same by name
function outputs.parse(declared, task)
  local list, by_name = {}, {}
  if declared == nil then
    return list, by_name
  end
  check.type(declared, "table", ("outputs of task '%s'"):format(task),
    "outputs")
  for key, decl in pairs(declared) do
    local entry
    if type(key) == "number" then
      check.type(decl, "string", ("outputs[%s] of task '%s'"):format(
        tostring(key), task), "outputs")
      entry = one(decl, decl, task)
    else
      entry = one(key, decl, task)
    end
    if by_name[entry.name] then
      check.fail("outputs", "output '%s' of task '%s' is declared twice",
        entry.name, task)
    end
    by_name[entry.name] = entry
    list[#list + 1] = entry
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  check_pairs(list, task)
  return list, by_name
end

--- Where a template's `{{name}}` points to; nil for stdout.
function outputs.path(entry)
  if entry.kind == "stdout" then
    return nil
  elseif entry.kind == "glob" then
    local folder = entry.place:match("^([^*?%[{]*)/[^/]*[*?%[{]")
    return folder and "out/" .. folder or "out"
  end
  return "out/" .. entry.place
end

--- The file name that a consumer of this output sees.
function outputs.file_name(entry)
  return entry.kind == "stdout" and "stdout" or entry.place:match("[^/]+$")
end

--- Outputs for the wire.
function outputs.to_wire(list)
  local wire = {}
  for i, entry in ipairs(list) do
    wire[i] = {
      name = entry.name, kind = entry.kind, optional = entry.optional,
      place = "out/" .. (entry.kind == "stdout" and entry.name or entry.place),
    }
  end
  return #wire > 0 and wire or nil
end

return outputs
