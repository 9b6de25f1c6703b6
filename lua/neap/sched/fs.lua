--- The calls of the file system that `io` and `os` lack.
--
-- Every function returns nil and an error when the call fails: kind NotExist,
-- NotAllowed, ResourcesExhausted (no space left) or Other, with the path, what
-- was tried and the system's text; `err.errno` is the number.

local bit = require "bit"
local errors = require "neap.sched.errors"
local ffi = require "ffi"

local fs = {}

ffi.cdef [[
struct neap_fs_time { int64_t sec; uint32_t nsec; int32_t pad; };
struct neap_fs_stat { /* statx(2): the same on every machine */
    uint32_t mask, blksize; uint64_t attributes;
    uint32_t nlink, uid, gid; uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    struct neap_fs_time atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare[14];
};
struct neap_fs_entry { /* readdir64(3) of glibc */
    uint64_t ino; int64_t off; uint16_t reclen; uint8_t type; char name[256];
};
int neap_fs_statx(int, const char *, int, unsigned, struct neap_fs_stat *)
    __asm__("statx");
int neap_fs_mkdir(const char *, unsigned) __asm__("mkdir");
int neap_fs_link(const char *, const char *) __asm__("link");
int neap_fs_rename(const char *, const char *) __asm__("rename");
int neap_fs_unlink(const char *) __asm__("unlink");
int neap_fs_rmdir(const char *) __asm__("rmdir");
int neap_fs_chmod(const char *, unsigned) __asm__("chmod");
int neap_fs_getentropy(void *, size_t) __asm__("getentropy");
char *neap_fs_getcwd(char *, size_t) __asm__("getcwd");
void *neap_fs_opendir(const char *) __asm__("opendir");
struct neap_fs_entry *neap_fs_readdir(void *) __asm__("readdir64");
int neap_fs_closedir(void *) __asm__("closedir");
char *neap_fs_strerror(int) __asm__("strerror");
]]

local C = ffi.C
local AT_FDCWD, NOFOLLOW, BASIC_STATS = -100, 0x100, 0x7ff
local FORMAT, DIRECTORY, REGULAR = 0xf000, 0x4000, 0x8000
local EEXIST = 17

local kinds = {
  [1] = "NotAllowed", [13] = "NotAllowed", [30] = "NotAllowed",
  [2] = "NotExist", [20] = "NotExist",
  [21] = "Invalid", [36] = "Invalid", -- a folder; a name too long
  [28] = "ResourcesExhausted", [122] = "ResourcesExhausted",
}

-- Error of a call that has just failed.
local function failed(errno, doing, path)
  local err = errors.new(kinds[errno] or "Other", "cannot %s '%s': %s", doing,
    path, ffi.string(C.neap_fs_strerror(errno)))
  err.errno = errno
  return nil, err
end

--- The error of a failed function of `io`, which returned nil, text, errno.
-- @param doing  "read", "write"
function fs.io_failed(doing, path, errno)
  return failed(errno, doing, path)
end

local info = ffi.new "struct neap_fs_stat"

local function look(path, flags)
  if C.neap_fs_statx(AT_FDCWD, path, flags, BASIC_STATS, info) ~= 0 then
    return failed(ffi.errno(), "look at", path)
  end
  local format = bit.band(info.mode, FORMAT)
  return {
    size = tonumber(info.size), file = format == REGULAR,
    dir = format == DIRECTORY, executable = bit.band(info.mode, 0x49) ~= 0,
    ino = tonumber(info.ino), dev = info.dev_major * 2 ^ 32 + info.dev_minor,
    mtime = tonumber(info.mtime.sec), mtime_ns = info.mtime.nsec,
    ctime = tonumber(info.ctime.sec), ctime_ns = info.ctime.nsec,
  }
end

--- What a path is; links are followed.
-- @return { size, file, dir, executable, ino, dev, mtime, mtime_ns, ctime,
--   ctime_ns }; times are whole seconds and the nanoseconds above them
function fs.stat(path)
  return look(path, 0)
end

--- The same of a link itself.
function fs.lstat(path)
  return look(path, NOFOLLOW)
end

--- Names in a folder, sorted, without "." and "..".
function fs.list(path)
  local dir = C.neap_fs_opendir(path)
  if dir == nil then
    return failed(ffi.errno(), "read folder", path)
  end
  local names = {}
  ffi.errno(0)
  local entry = C.neap_fs_readdir(dir)
  while entry ~= nil do
    local name = ffi.string(entry.name)
    if name ~= "." and name ~= ".." then
      names[#names + 1] = name
    end
    entry = C.neap_fs_readdir(dir)
  end
  local errno = ffi.errno()
  C.neap_fs_closedir(dir)
  if errno ~= 0 then
    return failed(errno, "read folder", path)
  end
  table.sort(names)
  return names
end

--- Make a folder and those above it; it may be there.
function fs.mkdirs(path)
  if C.neap_fs_mkdir(path, 0x1ff) == 0 then
    return true
  end
  local errno = ffi.errno()
  local above = path:match("^(.*[^/])/+[^/]+/*$")
  if errno == EEXIST then
    local found, err = fs.stat(path)
    if found and found.dir then
      return true
    end
    return nil, err or errors.new("Invalid", "cannot make folder '%s': there"
      .. " is a file of this name", path)
  elseif errno ~= 2 or not above then
    return failed(errno, "make folder", path)
  end
  local ok, err = fs.mkdirs(above)
  if not ok then
    return nil, err
  end
  if C.neap_fs_mkdir(path, 0x1ff) ~= 0 and ffi.errno() ~= EEXIST then
    return failed(ffi.errno(), "make folder", path)
  end
  return true
end

--- Give a file a second name.
function fs.link(from, to)
  if C.neap_fs_link(from, to) ~= 0 then
    return failed(ffi.errno(), "link to", to)
  end
  return true
end

--- Rename; a file at `to` is replaced, in one step.
function fs.rename(from, to)
  if C.neap_fs_rename(from, to) ~= 0 then
    return failed(ffi.errno(), "rename to", to)
  end
  return true
end

--- Remove a file. That it is not there is an error, of kind NotExist.
function fs.remove(path)
  if C.neap_fs_unlink(path) ~= 0 then
    return failed(ffi.errno(), "remove", path)
  end
  return true
end

--- Remove an empty folder.
function fs.rmdir(path)
  if C.neap_fs_rmdir(path) ~= 0 then
    return failed(ffi.errno(), "remove folder", path)
  end
  return true
end

--- @param mode  a number: 0x124 is 0444, 0x16d is 0555
function fs.chmod(path, mode)
  if C.neap_fs_chmod(path, mode) ~= 0 then
    return failed(ffi.errno(), "set the mode of", path)
  end
  return true
end

--- An absolute path for a path, without slashes at its end.
function fs.absolute(path)
  if path:sub(1, 1) ~= "/" then
    local room = ffi.new("char[?]", 4096)
    if C.neap_fs_getcwd(room, 4096) == nil then
      return failed(ffi.errno(), "find the folder of", path)
    end
    path = ffi.string(room) .. "/" .. path
  end
  return (path:gsub("(.)/+$", "%1"))
end

local token, count

-- What tells this Lua state from all others.
local function new_token()
  local number = ffi.new "uint32_t[2]"
  if C.neap_fs_getentropy(number, 8) ~= 0 then
    error(errors.new("Unavailable", "the system gives no random numbers"
      .. " (getentropy: error %d)", ffi.errno()), 0)
  end
  return ("%08x%08x"):format(number[0], number[1])
end

--- A name for a temporary file that nobody else uses.
function fs.unique()
  token, count = token or new_token(), (count or 0) + 1
  return ("%s-%d"):format(token, count)
end

return fs
