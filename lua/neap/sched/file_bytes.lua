--- Bytes of files: read, written, copied and hashed in pieces.
--
-- Between the pieces of a large file others get their turn.

local digest_stream = require "neap.sched.digest_stream"
local errors = require "neap.sched.errors"
local fs = require "neap.sched.fs"

local file_bytes = {}

local PIECE = 2 ^ 20 -- bytes
local TURN = 16      -- pieces without a pause
local LONGEST = 2 ^ 31 - 2 ^ 16 -- bytes of a Lua string, and some room

local function open(path, mode, doing)
  local file, _, errno = io.open(path, mode)
  if not file then
    return fs.io_failed(doing, path, errno)
  end
  return file
end

-- Feed the rest of `file` to `take(piece)`. ⏸
local function pump(clock, file, path, take)
  local size, count = 0, 0
  while true do
    local piece, _, errno = file:read(PIECE)
    if not piece then
      if errno then
        return fs.io_failed("read", path, errno)
      end
      return size
    end
    local ok, err = take(piece)
    if not ok then
      return nil, err
    end
    size, count = size + #piece, count + 1
    if count % TURN == 0 then
      clock:sleep(0)
    end
  end
end

--- The digest of a file. ⏸
-- @return digest, size; or nil, err
function file_bytes.hash(clock, path)
  local file, err = open(path, "rbe", "read")
  if not file then
    return nil, err
  end
  local stream = digest_stream.new()
  local size
  size, err = pump(clock, file, path, function(piece)
    stream:update(piece)
    return true
  end)
  file:close()
  if not size then
    return nil, err
  end
  return stream:finish(), size
end

-- Close what was written; the file is removed if anything failed.
local function finish(file, path, ok, err)
  local closed, _, errno = file:close()
  if ok and not closed then
    ok, err = fs.io_failed("write", path, errno)
  end
  if not ok then
    fs.remove(path)
    return nil, err
  end
  return ok
end

--- Write a new file; it must not be there.
-- @return true; or nil, err, and then there is no file
function file_bytes.write(path, data)
  local file, err = open(path, "wbxe", "write")
  if not file then
    return nil, err
  end
  local ok, _, errno = file:write(data)
  if not ok then
    ok, err = fs.io_failed("write", path, errno)
  end
  return finish(file, path, ok and true, err)
end

--- Copy a file to a new one, and hash what was copied. ⏸
-- @return digest, size; or nil, err, and then there is no new file
function file_bytes.copy(clock, from_path, to_path)
  local from, err = open(from_path, "rbe", "read")
  if not from then
    return nil, err
  end
  local to
  to, err = open(to_path, "wbxe", "write")
  if not to then
    from:close()
    return nil, err
  end
  local stream = digest_stream.new()
  local size
  size, err = pump(clock, from, from_path, function(piece)
    stream:update(piece)
    local ok, _, errno = to:write(piece)
    if not ok then
      return fs.io_failed("write", to_path, errno)
    end
    return true
  end)
  from:close()
  size, err = finish(to, to_path, size, err)
  if not size then
    return nil, err
  end
  return stream:finish(), size
end

--- All of a regular file.
-- @return bytes; or nil, err
function file_bytes.read(path)
  local found, err = fs.stat(path)
  if not found then
    return nil, err
  elseif not found.file then
    return nil, errors.new("Invalid", "'%s' is no regular file", path)
  elseif found.size > LONGEST then
    return nil, errors.new("ResourcesExhausted", "'%s' has %.0f bytes, too many"
      .. " for one text in Lua", path, found.size)
  end
  local file
  file, err = open(path, "rbe", "read")
  if not file then
    return nil, err
  end
  local data, _, errno = file:read("*a")
  file:close()
  if not data then
    return fs.io_failed("read", path, errno)
  end
  return data
end

return file_bytes
