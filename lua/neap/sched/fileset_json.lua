--- Filesets in JSON.
--
-- { "List": [ fileset, … ], "Fileset": { path: file, … } }, a file being
-- { "ID", "Size", "Source", "ETag", "LastModified", "ContentHash",
-- "Assertions": [ { "Namespace", "Subject", "Properties" } ] }; what there is
-- none of is left out. Paths are sorted: equal filesets give equal text.

local json = require "neap.json"
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"
local units = require "neap.units"

local fileset_json = {}

-- JSON's name → the field of a file, in the order in which they are written.
local file_fields = {
  { "ID", "id" }, { "Size", "size" }, { "Source", "source" },
  { "ETag", "etag" }, { "LastModified", "last_modified" },
  { "ContentHash", "content_hash" }, { "Assertions", "assertions" },
}
local assertion_fields = {
  { "Namespace", "namespace" }, { "Subject", "subject" },
  { "Properties", "properties" },
}

local function scalar(value)
  if type(value) == "number" then
    return units.number(value)
  end
  return (json.encode(value):gsub("\\/", "/"))
end

local function properties_text(properties)
  local names, parts = {}, {}
  for name in pairs(properties) do
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    parts[i] = scalar(name) .. ":" .. scalar(properties[name])
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function assertions_text(list)
  local parts = {}
  for i, entry in ipairs(list) do
    parts[i] = ('{"Namespace":%s,"Subject":%s,"Properties":%s}'):format(
      scalar(entry.namespace), scalar(entry.subject),
      properties_text(entry.properties))
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local function file_text(f)
  local parts = {}
  for _, names in ipairs(file_fields) do
    local value = f[names[2]]
    if value ~= nil then
      parts[#parts + 1] = '"' .. names[1] .. '":'
        .. (type(value) == "table" and assertions_text(value) or scalar(value))
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- The JSON text of a fileset.
function fileset_json.encode(fs)
  local fields = {}
  if fs._list then
    local members = {}
    for i, member in ipairs(fs._list) do
      members[i] = fileset_json.encode(member)
    end
    fields[1] = '"List":[' .. table.concat(members, ",") .. "]"
  end
  if fs._map then
    local entries = {}
    for i, path in ipairs(fs._paths) do
      entries[i] = scalar(path) .. ":" .. file_text(fs._map[path])
    end
    fields[#fields + 1] = '"Fileset":{' .. table.concat(entries, ",") .. "}"
  end
  return "{" .. table.concat(fields, ",") .. "}"
end

-- The object with its fields renamed, or nil and a message.
local function rename(object, fields, what)
  if type(object) ~= "table" then
    return nil, ("%s is an object, not %s"):format(what, text.show(object))
  end
  local ours, out = {}, {}
  for _, names in ipairs(fields) do
    ours[names[1]] = names[2]
  end
  for key, value in pairs(object) do
    if not ours[key] then
      return nil, ("unknown field %s of %s%s"):format(text.show(key), what,
        suggest.hint(key, ours))
    end
    out[ours[key]] = value
  end
  return out
end

local function read_file(object)
  local f, message = rename(object, file_fields, "a file")
  if not f or f.assertions == nil then
    return f, message
  elseif type(f.assertions) ~= "table" then
    return nil, "'Assertions' is an array"
  end
  local list = {}
  for i, entry in ipairs(f.assertions) do
    list[i], message = rename(entry, assertion_fields, "an assertion")
    if not list[i] then
      return nil, message
    end
  end
  f.assertions = list
  return f
end

local read_tree

local function read_list(list, tree)
  if type(list) ~= "table" then
    return "'List' is an array"
  end
  for key, member in pairs(list) do
    if type(key) ~= "number" then
      return "'List' is an array, not an object"
    end
    local message
    tree[key], message = read_tree(member)
    if message then
      return message
    end
  end
end

local function read_map(map, tree)
  if type(map) ~= "table" then
    return "'Fileset' is an object"
  end
  for path, object in pairs(map) do
    if type(path) ~= "string" then
      return "'Fileset' is an object, not an array"
    end
    local message
    tree[path], message = read_file(object)
    if message then
      return message
    end
  end
end

read_tree = function(object)
  local fields, message = rename(object,
    { { "List", "list" }, { "Fileset", "map" } }, "a fileset")
  if not fields then
    return nil, message
  end
  local tree = {}
  message = fields.list ~= nil and read_list(fields.list, tree)
    or fields.map ~= nil and read_map(fields.map, tree)
  if message then
    return nil, message
  end
  return tree
end

--- The tree of a JSON text, or nil and a message.
function fileset_json.decode(source)
  local object, message = json.decode(source)
  if object == nil then
    return nil, message
  end
  return read_tree(object)
end

return fileset_json
