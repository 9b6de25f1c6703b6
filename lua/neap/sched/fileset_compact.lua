--- Filesets as few bytes: each file and each set of assertions is written once.
--
--   "NFS" and the version, a byte: 1
--   sets of assertions: count, for each its entries: count, for each
--     namespace, subject, properties: count, (name, value) …
--   files: count, for each: flags, size, the fields that the flags tell
--   tree: flags (1 map, 2 list); map: count, (path, number of file) …;
--     list: count, trees …
--
-- Numbers are whole, seven bits a byte, the low ones first, the eighth bit for
-- "more follows"; texts are their length and bytes; digests 32 bytes. A length
-- or count that what is left of the input cannot hold is refused before
-- anything is made for it.

local bit = require "bit"
local ffi = require "ffi"

local digest = require "neap.sched.digest"
local sorted = require "neap.sched.sorted"

local fileset_compact = {}

local MAGIC = "NFS\1"
local MAX = 2 ^ 53
local band, floor = bit.band, math.floor

local ID, SOURCE, ETAG, TIME, TIME_TEXT, HASH, ASSERTIONS = 1, 2, 4, 8, 16, 32,
  64
local MAP, LIST = 1, 2

local time_bytes = ffi.new "union { double number; char bytes[8]; }"
local little = ffi.abi "le"

local function in_order(bytes)
  return little and bytes or bytes:reverse()
end

-- Writing: `out` is a list of pieces.

local function put_number(out, n)
  while n >= 128 do
    out[#out + 1] = string.char(n % 128 + 128)
    n = floor(n / 128)
  end
  out[#out + 1] = string.char(n)
end

local function put_text(out, value)
  put_number(out, #value)
  out[#out + 1] = value
end

local function put_time(out, seconds)
  time_bytes.number = seconds
  out[#out + 1] = in_order(ffi.string(time_bytes.bytes, 8))
end

local function put_assertions(out, list)
  put_number(out, #list)
  for _, entry in ipairs(list) do
    put_text(out, entry.namespace)
    put_text(out, entry.subject)
    local names = sorted.keys(entry.properties)
    put_number(out, #names)
    for _, name in ipairs(names) do
      put_text(out, name)
      put_text(out, entry.properties[name])
    end
  end
end

local function flags_of(f)
  local time = type(f.last_modified)
  return (f.id and ID or 0) + (f.source and SOURCE or 0)
    + (f.etag and ETAG or 0) + (time == "number" and TIME or 0)
    + (time == "string" and TIME_TEXT or 0) + (f.content_hash and HASH or 0)
    + (f.assertions and ASSERTIONS or 0)
end

-- The number of a piece in a table of pieces, which it may be new to.
local function number_of(pieces, piece)
  local n = pieces.of[piece]
  if not n then
    n = #pieces
    pieces[n + 1], pieces.of[piece] = piece, n
  end
  return n
end

local function file_piece(f, sets)
  local out = {}
  put_number(out, flags_of(f))
  put_number(out, f.size)
  out[#out + 1] = f.id and digest.bytes(f.id) or ""
  for _, field in ipairs { "source", "etag" } do
    if f[field] then
      put_text(out, f[field])
    end
  end
  if type(f.last_modified) == "number" then
    put_time(out, f.last_modified)
  elseif f.last_modified then
    put_text(out, f.last_modified)
  end
  out[#out + 1] = f.content_hash and digest.bytes(f.content_hash) or ""
  if f.assertions then
    local set = {}
    put_assertions(set, f.assertions)
    put_number(out, number_of(sets, table.concat(set)))
  end
  return table.concat(out)
end

local function put_tree(out, fs, files, sets)
  put_number(out, (fs._map and MAP or 0) + (fs._list and LIST or 0))
  if fs._map then
    put_number(out, #fs._paths)
    for _, path in ipairs(fs._paths) do
      put_text(out, path)
      put_number(out, number_of(files, file_piece(fs._map[path], sets)))
    end
  end
  if fs._list then
    put_number(out, #fs._list)
    for _, member in ipairs(fs._list) do
      put_tree(out, member, files, sets)
    end
  end
end

--- The bytes of a fileset.
function fileset_compact.encode(fs)
  local sets, files, tree, out = { of = {} }, { of = {} }, {}, { MAGIC }
  put_tree(tree, fs, files, sets)
  for _, pieces in ipairs { sets, files } do
    put_number(out, #pieces)
    for i = 1, #pieces do
      out[#out + 1] = pieces[i]
    end
  end
  return table.concat(out) .. table.concat(tree)
end

-- Reading: `r` is { text, at }. What is wrong raises { refused = message },
-- which `decode` catches.

local function refuse(r, fmt, ...)
  error({ refused = fmt:format(...) .. (" at byte %d"):format(r.at) }, 0)
end

local function left(r)
  return #r.text - r.at + 1
end

local function get_bytes(r, n)
  if n > left(r) then
    refuse(r, "%.0f bytes are missing", n - left(r))
  end
  local bytes = r.text:sub(r.at, r.at + n - 1)
  r.at = r.at + n
  return bytes
end

local function get_number(r)
  local n, scale = 0, 1
  repeat
    local byte = r.text:byte(r.at)
    if not byte then
      refuse(r, "it ends within a number")
    end
    n, scale, r.at = n + byte % 128 * scale, scale * 128, r.at + 1
    if n > MAX or scale > 2 ^ 56 then
      refuse(r, "a number is larger than 2^53")
    end
  until byte < 128
  return n
end

-- A count of things of which each takes at least `least` bytes.
local function get_count(r, least)
  local n = get_number(r)
  if n * least > left(r) then
    refuse(r, "%.0f things are told of, %d bytes are left", n, left(r))
  end
  return n
end

local function get_text(r)
  return get_bytes(r, get_number(r))
end

local function get_digest(r)
  local d = digest.from_bytes(get_bytes(r, 32))
  return d or refuse(r, "a digest is zero")
end

-- When a file was changed: number, text or nothing.
local function get_time(r, flags)
  if band(flags, TIME) > 0 then
    ffi.copy(time_bytes.bytes, in_order(get_bytes(r, 8)), 8)
    return time_bytes.number
  elseif band(flags, TIME_TEXT) > 0 then
    return get_text(r)
  end
end

local function get_assertions(r)
  local list = {}
  for i = 1, get_count(r, 3) do
    local entry = { namespace = get_text(r), subject = get_text(r),
                    properties = {} }
    for _ = 1, get_count(r, 2) do
      local name = get_text(r)
      entry.properties[name] = get_text(r)
    end
    list[i] = entry
  end
  return list
end

-- The thing of a number that was written.
local function get_member(r, list, what)
  local n = get_number(r)
  return list[n + 1] or refuse(r, "there is no %s %.0f", what, n)
end

local function get_file(r, sets)
  local flags, f = get_number(r), {}
  if flags > 127 or (band(flags, TIME) > 0 and band(flags, TIME_TEXT) > 0) then
    refuse(r, "flags %.0f of a file are unknown", flags)
  end
  local function has(flag)
    return band(flags, flag) > 0
  end
  f.size = get_number(r)
  f.id = has(ID) and get_digest(r) or nil
  f.source = has(SOURCE) and get_text(r) or nil
  f.etag = has(ETAG) and get_text(r) or nil
  f.last_modified = get_time(r, flags)
  f.content_hash = has(HASH) and get_digest(r) or nil
  f.assertions = has(ASSERTIONS) and get_member(r, sets, "set") or nil
  return f
end

local function get_tree(r, files, depth)
  local flags, tree = get_number(r), {}
  if flags > MAP + LIST then
    refuse(r, "flags %.0f of a fileset are unknown", flags)
  elseif depth == 0 then
    refuse(r, "filesets are nested too deep")
  end
  if band(flags, MAP) > 0 then
    for _ = 1, get_count(r, 2) do
      local path = get_text(r)
      tree[path] = get_member(r, files, "file")
    end
  end
  if band(flags, LIST) > 0 then
    for i = 1, get_count(r, 1) do
      tree[i] = get_tree(r, files, depth - 1)
    end
  end
  return tree
end

local function get_all(r, depth)
  if get_bytes(r, math.min(#MAGIC, left(r))) ~= MAGIC then
    refuse(r, "it does not begin as version 1 does")
  end
  local sets, files = {}, {}
  for i = 1, get_count(r, 1) do
    sets[i] = get_assertions(r)
  end
  for i = 1, get_count(r, 2) do
    files[i] = get_file(r, sets)
  end
  local tree = get_tree(r, files, depth)
  if left(r) > 0 then
    refuse(r, "%d bytes follow that do not belong to it", left(r))
  end
  return tree
end

--- The tree of such bytes, or nil and a message.
-- @param depth  how deep it may be nested
function fileset_compact.decode(source, depth)
  local ok, tree = pcall(get_all, { text = source, at = 1 }, depth)
  if ok then
    return tree
  elseif type(tree) == "table" and tree.refused then
    return nil, tree.refused
  end
  error(tree, 0)
end

return fileset_compact
