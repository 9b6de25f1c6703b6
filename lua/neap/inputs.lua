--- Inputs of a task: values, their places in the work directory, the wire.
--
-- A *part* is one thing that is put at one place: a File, a Fileset, or an
-- output of another task. A list is several parts in numbered folders.

local check = require "neap.check"
local file = require "neap.file"
local fileset = require "neap.fileset"
local future = require "neap.future"
local json = require "neap.json"
local outputs = require "neap.outputs"

local inputs = {}

local function part_of(value, folder, what, field)
  if file.is(value) then
    return { place = folder .. "/" .. value.name, file = value }
  elseif fileset.is(value) then
    return { place = folder, set = value }
  end
  local task, entry = future.source(value, what)
  if not task then
    local hint = type(value) == "string"
      and "; a path is written neap.file(path)" or ""
    check.fail(field, "%s must be a File, a Fileset, a future file, a Task"
      .. " with one output, or a list of these, not %s%s", what,
      check.show(value), hint)
  end
  local single = entry.kind == "file" or entry.kind == "stdout"
  return {
    place = single and folder .. "/" .. outputs.file_name(entry) or folder,
    task = task, output = entry.name,
  }
end

local function is_list(value)
  return type(value) == "table" and getmetatable(value) == nil
end

--- Parts of one input.
-- @return parts, words: the paths that its template stands for
function inputs.parts(name, value, task)
  local what = ("input '%s' of task '%s'"):format(name, task)
  local folder = "in/" .. name
  if not is_list(value) then
    local part = part_of(value, folder, what, name)
    return { part }, { part.place }
  end
  check.list(value, what, name)
  local parts, words = {}, {}
  for i, item in ipairs(value) do
    local part = part_of(item, ("%s/%04d"):format(folder, i),
      ("item %d of %s"):format(i, what), name)
    parts[i], words[i] = part, part.place
  end
  return parts, words
end

local function set_json(part)
  local members = {}
  for i, path in ipairs(part.set:paths()) do
    members[i] = file.to_json(part.set:get(path), path)
  end
  return '"files":[' .. table.concat(members, ",") .. "]"
end

--- A part for the wire; digests must be known.
function inputs.to_json(part)
  local source
  if part.file then
    source = '"file":' .. file.to_json(part.file)
  elseif part.set then
    source = set_json(part)
  else
    source = ('"task":%d,"output":%s'):format(part.task.n,
      json.encode(part.output))
  end
  return '{"place":' .. json.encode(part.place) .. "," .. source .. "}"
end

--- Call `each(file)` for the files of a part.
function inputs.each_file(part, each)
  if part.file then
    each(part.file)
  elseif part.set then
    for _, member in ipairs(part.set:files()) do
      each(member)
    end
  end
end

return inputs
