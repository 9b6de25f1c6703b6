--- Filesets: trees of path → file.
--
-- A fileset has a list of filesets, a map of paths to files, or both; a single
-- file has the path ".". It is an immutable value: what changes something gives
-- a new one. The files that it hands out are its own; do not change them, make
-- a new one with `file.new`.
--
-- Everything that walks the tree looks at a fileset's own map first, by path,
-- and then at its list: a later entry of the same path wins.

local assertions = require "neap.sched.assertions"
local builder = require "neap.sched.fileset_build"
local codec = require "neap.sched.fileset_codec"
local diff = require "neap.sched.fileset_diff"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local file = require "neap.sched.file"
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"
local units = require "neap.units"

local fileset = {}

-- SHA-256's number, between a path and the digest of its file.
local HASH_TAG = "\0\5"

local Fileset, methods = {}, {}
Fileset.__index = methods

local getmetatable, setmetatable = getmetatable, setmetatable
local ipairs, pairs, type = ipairs, pairs, type

--- Is this value a fileset?
function fileset.is(value)
  return type(value) == "table" and getmetatable(value) == Fileset
end

-- The only place that makes one. No empty map, no empty list.
local function new(map, list)
  local paths = {}
  for path in pairs(map or {}) do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  return setmetatable({
    _map = paths[1] and map or false,
    _list = list and list[1] and list or false,
    _paths = paths, _pulled = false, _digest = false,
  }, Fileset)
end

--- A fileset.
-- @param tree  { ["a/b"] = file, … } and, or, { fileset, … }; members may be
--              plain tables of the same form. What is wrong raises.
function fileset.new(tree)
  local made, message = builder.build(tree, fileset.is, new)
  if not made then
    errors.raise("fileset: %s", message)
  end
  return made
end

local function check_set(value, method)
  if not fileset.is(value) then
    errors.raise("%s of a fileset: a fileset is needed, not %s", method,
      text.show(value))
  end
end

-- fn(path, file) for each entry of the tree.
local function each(fs, fn)
  for _, path in ipairs(fs._paths) do
    fn(path, fs._map[path])
  end
  for _, member in ipairs(fs._list or {}) do
    each(member, fn)
  end
end

-- The same tree with fn(file) for each file.
local function rebuild(fs, fn)
  local map, list = {}, {}
  for _, path in ipairs(fs._paths) do
    map[path] = fn(fs._map[path])
  end
  for i, member in ipairs(fs._list or {}) do
    list[i] = rebuild(member, fn)
  end
  return new(map, list)
end

--- The different files (by digest), in the order of the tree.
function methods:files()
  local list, seen = {}, {}
  each(self, function(_, f)
    local d = file.digest(f)
    if not seen[d] then
      seen[d] = true
      list[#list + 1] = f
    end
  end)
  return list
end

--- Number of entries of the tree; the same file counts as often as it is there.
function methods:n()
  local count = 0
  each(self, function()
    count = count + 1
  end)
  return count
end

--- Bytes of all entries.
function methods:size()
  local total = 0
  each(self, function(_, f)
    total = total + f.size
  end)
  return total
end

--- Are there no files at all?
function methods:empty()
  return self:n() == 0
end

--- Has this fileset, or one in it, neither files nor filesets?
function methods:any_empty()
  for _, member in ipairs(self._list or {}) do
    if member:any_empty() then
      return true
    end
  end
  return not self._map and not self._list
end

--- The members, or nil if it has no list.
function methods:list()
  if not self._list then
    return nil
  end
  local copy = {}
  for i, member in ipairs(self._list) do
    copy[i] = member
  end
  return copy
end

--- The members, or a list of itself.
function methods:flatten()
  return self:list() or { self }
end

--- The whole tree as one map; later members win.
function methods:pullup()
  if not self._list then
    return self
  end
  if not self._pulled then
    local map = {}
    each(self, function(path, f)
      map[path] = f
    end)
    self._pulled = new(map)
  end
  return self._pulled
end

--- A new table path → file, of the pull-up.
function methods:map()
  local map = {}
  for path, f in pairs(self:pullup()._map or {}) do
    map[path] = f
  end
  return map
end

--- The file at a path of the pull-up, or nil.
function methods:get(path)
  local map = self:pullup()._map
  return map and map[path] or nil
end

--- The file of a fileset that is exactly ".".
-- @return the file, or nil and an error of kind Precondition
function methods:file()
  if self._list or #self._paths ~= 1 or self._paths[1] ~= "." then
    return nil, errors.new("Precondition", "%s is not a single file",
      tostring(self))
  end
  return self._map["."]
end

--- Put files in the place of others.
-- @param files  { [digest of a file] = the file that replaces it }
-- @return a fileset, and true when no reference is left in it
function methods:subst(files)
  if type(files) ~= "table" then
    errors.raise("subst of a fileset: a table digest = file is needed, not %s",
      text.show(files))
  end
  local ready, resolved = {}, true
  for d, f in pairs(files) do
    if not digest.is(d) then
      errors.raise("subst of a fileset: %s is no digest", text.show(d))
    end
    ready[d] = file.new(f)
  end
  local fs = rebuild(self, function(f)
    f = ready[file.digest(f)] or f
    resolved = resolved and not file.is_ref(f)
    return f
  end)
  return fs, resolved
end

-- A copy of the file with these assertions.
local function with_assertions(f, list)
  local copy = {}
  for field, value in pairs(f) do
    copy[field] = value
  end
  copy.assertions = list
  return copy
end

--- The same files, with the assertions of those in `files` that have the same
-- digest. Others keep theirs.
-- @param files  list of files
function methods:map_assertions_by_file(files)
  local by_digest = {}
  for _, f in ipairs(files) do
    f = file.new(f)
    by_digest[file.digest(f)] = f
  end
  return rebuild(self, function(f)
    local other = by_digest[file.digest(f)]
    return other and with_assertions(f, other.assertions) or f
  end)
end

--- The same files, each with these assertions as well.
-- @param set  assertions
-- @return a fileset, or nil and an error of kind Invalid if they contradict
--         those of a file
function methods:add_assertions(set)
  set = assertions.new(set)
  local failure
  local fs = rebuild(self, function(f)
    local merged, err = assertions.new(f.assertions or {}):merge(set)
    failure = failure or err
    return merged and with_assertions(f, not merged:empty() and merged:list()
      or nil) or f
  end)
  if failure then
    return nil, failure
  end
  return fs
end

--- The digest: that of path, 00 05 and the file's digest of each entry.
-- It says nothing about how lists are nested.
function methods:digest()
  if not self._digest then
    local parts = {}
    each(self, function(path, f)
      parts[#parts + 1] = path .. HASH_TAG .. digest.bytes(file.digest(f))
    end)
    self._digest = digest.of(table.concat(parts))
  end
  return self._digest
end

--- What is different in `other`.
-- @return text with a line `"path" = old -> new` for each entry, digests in
--         short form, "void" for none; true if there is any
function methods:diff(other)
  check_set(other, "diff")
  return diff.text(self, other)
end

--- As text: "json", or "compact" for bytes.
function methods:encode(form)
  if not codec.forms[form] then
    errors.raise("encode of a fileset: unknown form %s%s; it is 'json' or"
      .. " 'compact'", text.show(form), suggest.hint(form, codec.forms))
  end
  return codec.forms[form].encode(self)
end

--- The fileset of a text that `encode` wrote.
-- @return a fileset, or nil and an error of kind Invalid
function fileset.decode(source, form)
  if not codec.forms[form] then
    errors.raise("fileset.decode: unknown form %s%s; it is 'json' or"
      .. " 'compact'", text.show(form), suggest.hint(form, codec.forms))
  elseif type(source) ~= "string" then
    errors.raise("fileset.decode: a text is needed, not %s",
      text.show(source))
  end
  local tree, message = codec.forms[form].decode(source, builder.MAX_DEPTH)
  local fs
  if tree then
    fs, message = builder.build(tree, fileset.is, new)
  end
  if not fs then
    return nil, errors.new("Invalid", "this is no fileset in form '%s': %s",
      form, message)
  end
  return fs
end

function Fileset.__eq(a, b)
  return a:digest() == b:digest()
end

function Fileset.__newindex(_, key)
  errors.raise("a fileset is a value: %s cannot be set; make a new one",
    text.show(key))
end

function Fileset:__tostring()
  local n = self:n()
  return ("fileset(%d file%s, %s)"):format(n, n == 1 and "" or "s",
    units.format_size(self:size()))
end

return setmetatable(fileset, {
  __call = function(_, tree)
    return fileset.new(tree)
  end,
})
