--- Which of some files a repository lacks.

local ask = require "neap.sched.ask"
local errors = require "neap.sched.errors"
local parallel = require "neap.sched.parallel"

local needs = {}

local function is_digest(id)
  return type(id) == "string" and #id == 71 and id:find("^sha256:%x+$") ~= nil
end

--- Files as a list in which each digest is once.
-- @param method  who was called, for errors
-- @param files   list of files or a fileset
-- @return list; or nil, Invalid if a file is not resolved
function needs.list(method, files)
  if type(files) ~= "table" and type(files) ~= "userdata" then
    errors.raise("%s: the files are a list or a fileset, not a %s", method,
      type(files))
  end
  local all = files.files and files:files() or files
  local list, seen = {}, {}
  for i = 1, #all do
    local file = all[i]
    if type(file) ~= "table" then
      errors.raise("%s: file %d is a %s, not a file", method, i, type(file))
    elseif not is_digest(file.id) then
      return nil, errors.new("Invalid", "file %d is not resolved (id %s,"
        .. " source %s): only files with a digest can be transferred", i,
        tostring(file.id), tostring(file.source))
    elseif not seen[file.id] then
      seen[file.id] = true
      list[#list + 1] = file
    end
  end
  return list
end

local function has(self, dst, file)
  local found, err = ask(dst, "stat", file.id)
  if found then
    local size = file.size or 0 -- 0: perhaps nobody knows it
    return size == 0 or found.size == nil or found.size == size
  elseif not errors.is("NotExist", err) then
    self.log("warn", ("stat of %s in %s: %s"):format(file.id,
      tostring(dst.url), tostring(err)))
  end
  return false
end

--- The files that `dst` lacks, in their order. ⏸
-- @param self         the transferer: clock, log, and slots for `stat`
-- @param pass, group  tickets, as for `parallel`
-- @return list; or nil, Canceled
function needs.missing(self, dst, list, pass, group)
  local lacks = {}
  local ok, err = parallel(self.clock, list, self.stats.limit, pass, group,
    function(file)
      local taken, failed = self.stats:take(group)
      if not taken then
        return nil, failed
      end
      lacks[file] = not pass:call(self.clock, has, self, dst, file)
      self.stats:give()
      return true
    end)
  if not ok then
    return nil, err
  end
  local missing = {}
  for i = 1, #list do
    if lacks[list[i]] then
      missing[#missing + 1] = list[i]
    end
  end
  return missing
end

return needs
