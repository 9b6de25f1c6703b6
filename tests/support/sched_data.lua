--- What the specs of repositories, stores and transfers share.

local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"

local sched_data = {}

--- A new folder; `remove` takes it away again.
function sched_data.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute("mkdir '" .. path .. "'") == 0)
  return path
end

function sched_data.remove(path)
  assert(#path > 5)
  os.execute("chmod -R u+w '" .. path .. "'; rm -rf '" .. path .. "'")
end

function sched_data.read(path)
  local file = assert(io.open(path, "rb"))
  local data = file:read("*a")
  file:close()
  return data
end

function sched_data.write(path, data)
  local file = assert(io.open(path, "wb"))
  assert(file:write(data))
  file:close()
end

--- Output of a command, without the newline at its end.
function sched_data.shell(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("\n$", ""))
end

--- `fn(…)` must raise Invalid, with a text that holds `part`.
function sched_data.invalid(part, fn, ...)
  local ok, err = pcall(fn, ...)
  assert(not ok, "nothing was raised; expected: " .. part)
  assert(errors.is("Invalid", err), tostring(err))
  assert(tostring(err):find(part, 1, true),
    ("'%s' is not in: %s"):format(part, tostring(err)))
  return err
end

--- The results must be nil and an error of this kind whose text holds `part`.
function sched_data.fails(kind, part, value, err)
  assert(value == nil or value == false, "it succeeded: " .. tostring(value))
  assert(errors.is(kind, err), ("expected %s, got: %s"):format(kind,
    tostring(err)))
  assert(tostring(err):find(part or "", 1, true),
    ("'%s' is not in: %s"):format(tostring(part), tostring(err)))
  return err
end

--- A repository in Lua, all of whose methods a spec may replace.
-- @return table with `objects` (digest → bytes) and counted `calls` (method →
--   number)
function sched_data.lua_repository(url)
  local repo = { url = url, objects = {}, calls = {} }
  local function count(method)
    repo.calls[method] = (repo.calls[method] or 0) + 1
  end
  function repo:stat(id)
    count "stat"
    local data = self.objects[id]
    if not data then
      return nil, errors.new("NotExist", "no %s", id)
    end
    return { id = id, size = #data }
  end
  function repo:get(id)
    count "get"
    local data = self.objects[id]
    if not data then
      return nil, errors.new("NotExist", "no %s", id)
    end
    return data
  end
  function repo:put(data)
    count "put"
    local id = digest.of(data)
    self.objects[id] = data
    return id
  end
  return repo
end

--- Store texts; → list of files.
function sched_data.files(repo, ...)
  local list = {}
  for i, data in ipairs { ... } do
    list[i] = { id = repo:put(data), size = #data }
  end
  return list
end

return sched_data
