--- Files: content that is known by its digest, or a reference to it.
--
-- A file is a plain table with the fields
--   id             digest of the content; nil: a *reference*
--   size           bytes
--   source         URL, required for a reference
--   etag           what the source called this state of it
--   last_modified  seconds, or the source's own text
--   content_hash   digest that a reference is expected to have
--   assertions     list, see `assertions`

local ffi = require "ffi"

local assertions = require "neap.sched.assertions"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"
local text = require "neap.sched.errors_text"

local file = {}

local MAX = 2 ^ 53

local function is_text(value)
  return type(value) == "string", "a text"
end

local function is_digest(value)
  return digest.is(value), "a digest ('sha256:' and 64 hex digits)"
end

local function is_size(value)
  return type(value) == "number" and value >= 0 and value <= MAX
    and value % 1 == 0, "a whole number of bytes from 0 to 2^53"
end

local function is_time(value)
  return type(value) == "string" or (type(value) == "number"
    and value == value and math.abs(value) ~= math.huge),
    "a number of seconds or a text"
end

local checks = {
  id = is_digest, size = is_size, source = is_text, etag = is_text,
  last_modified = is_time, content_hash = is_digest,
  assertions = function(value)
    return type(value) == "table", "a list"
  end,
}

-- nil, or a new list in the order of their keys.
local function copy_assertions(list)
  local set, message = assertions.build(list)
  if not set then
    return nil, message
  end
  return not set:empty() and set:list() or nil
end

--- A checked copy of a file, with `size` (default 0).
-- @return the copy, or nil and what is wrong
function file.build(f)
  if type(f) ~= "table" then
    return nil, ("a file is a table { id =, size = } or { source =, size = },"
      .. " not %s"):format(text.show(f))
  end
  local copy = { size = 0 }
  for field, value in pairs(f) do
    local check = checks[field]
    if not check then
      return nil, ("unknown field %s of a file%s"):format(text.show(field),
        suggest.hint(field, checks))
    end
    local ok, wanted = check(value)
    if not ok then
      return nil, ("%s of a file is %s, not %s"):format(field, wanted,
        text.show(value))
    end
    copy[field] = value
  end
  if not copy.id and (copy.source or "") == "" then
    return nil, "a file needs an id (digest of its content) or a source (URL)"
  elseif copy.assertions then
    local list, message = copy_assertions(copy.assertions)
    if message then
      return nil, message
    end
    copy.assertions = list
  end
  return copy
end

--- A checked copy of a file; raises for what is none.
function file.new(f)
  local copy, message = file.build(f)
  if not copy then
    errors.raise("%s", message)
  end
  return copy
end

--- Is this file a reference?
function file.is_ref(f)
  return f.id == nil
end

local size_bytes = ffi.new "union { uint64_t number; char bytes[8]; }"

local function le64(n)
  size_bytes.number = n
  local bytes = ffi.string(size_bytes.bytes, 8)
  return ffi.abi "le" and bytes or bytes:reverse()
end

--- The digest that stands for a file: that of its content, or the one that it
-- is expected to have, or one of what is known of the reference.
function file.digest(f)
  if type(f) ~= "table" then
    errors.raise("file.digest: a file is needed, not %s", text.show(f))
  end
  local d = f.id or f.content_hash
  if d then
    return d
  end
  local said = f.assertions and assertions.new(f.assertions):material() or ""
  return digest.of(le64(f.size or 0) .. (f.source or "") .. (f.etag or "")
    .. said)
end

local function equal_refs(a, b)
  if a.size ~= b.size or a.source ~= b.source or (a.etag or "") == ""
    or a.etag ~= b.etag then
    return false
  end
  return not a.content_hash or not b.content_hash
    or a.content_hash == b.content_hash
end

--- Is it the same content? Two references are equal if size, source and a
-- known etag are, and what they are expected to be does not differ.
-- Comparing a reference with a file whose content is known raises.
function file.equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    errors.raise("file.equal: two files are needed, not %s and %s",
      text.show(a), text.show(b))
  elseif (a.id == nil) ~= (b.id == nil) then
    errors.raise("file.equal: a reference (%s) cannot be compared with a file"
      .. " whose content is known; resolve it first",
      tostring(a.source or b.source))
  elseif a.id then
    return a.id == b.id
  end
  return equal_refs(a, b)
end

return file
