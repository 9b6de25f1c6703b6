--- Content: where bytes are and what their SHA-256 is.
--
-- A record stands for one content: a local file (`path`), a text made in the
-- script (`text`) or an object of the repository (only `sha`). Records of the
-- same file in the same state are shared, so that it is hashed once.

local config = require "neap.config"
local core = require "neap.core"
local errors = require "neap.errors"
local loop = require "neap.loop"
local promise = require "neap.promise"
local wait = require "neap.wait"

local digest = {}

digest.EMPTY =
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

local by_file = setmetatable({}, { __mode = "v" })

local found = {} -- the folder, and the config that said so

--- The repository's folder, from config and environment.
function digest.default_repo()
  local now = config.current()
  if found.config == now then
    return found.path
  end
  local path = now:get("repository.path")
  local cache = os.getenv "XDG_CACHE_HOME"
  if cache == nil or cache == "" then
    cache = (os.getenv "HOME" or "") .. "/.cache"
  end
  found.config, found.path = now, path or cache .. "/neap/repo"
  return found.path
end

--- Call `fn(repo)` when the repository is known. A session on an engine that
-- was running before replaces this.
function digest.with_repo(fn)
  fn(digest.repo())
end

--- The repository's folder.
function digest.repo()
  return digest.default_repo()
end

--- The record of a local file.
-- @param path  absolute
-- @param stat  of core.stat
function digest.of_file(path, stat)
  local key = ("%s\0%.0f\0%.9f"):format(path, stat.size, stat.mtime or 0)
  local record = by_file[key]
  if not record then
    record = { path = path, size = stat.size, x = stat.x }
    by_file[key] = record
  end
  return record
end

--- The record of a text.
function digest.of_text(text)
  return { text = text, size = #text }
end

--- The record of an object: FILE of the protocol.
function digest.of_object(file)
  return { sha = file.sha256, size = file.size, x = file.x,
           settled = "ok" }
end

local kinds = { NotExist = "E_NOENT", Integrity = "E_INTEGRITY" }

local function failure(record, event)
  local what = record.path or "a text"
  return errors.new(kinds[event.code] or "E_FETCH",
    ("cannot hash '%s': %s"):format(what, event.error), { path = record.path })
end

local function finish(record, event)
  if event.error then
    promise.settle(record, false, failure(record, event))
    return
  end
  record.sha, record.size = event.sha256, event.size
  if record.path then
    record.x = event.x
    record.dev, record.ino = event.dev, event.ino
    record.mtime_ns, record.ctime_ns = event.mtime_ns, event.ctime_ns
  end
  promise.settle(record, true, record)
end

--- Make the record known; it is a promise of itself.
function digest.start(record)
  if record.settled or record.started then
    return record
  end
  record.started = true
  local function on_event(event)
    finish(record, event)
  end
  if record.path then
    core.hash(loop.once(on_event), record.path)
    return record
  end
  loop.busy = loop.busy + 1 -- until the repository is known
  digest.with_repo(function(repo, err)
    loop.busy = loop.busy - 1
    if err then
      promise.settle(record, false, err)
    else
      core.put(loop.once(on_event), repo, record.text)
    end
  end)
  return record
end

--- Wait until the record is known; raises when it cannot be. ⏸
function digest.wait(record)
  digest.start(record)
  wait.settled(record)
  if record.settled == "err" then
    error(record.value, 0)
  end
  return record
end

--- Where the bytes can be read, or nil and an error.
function digest.path(record)
  if record.path then
    return record.path
  elseif not record.sha then
    return nil
  end
  local path = core.object(digest.repo(), record.sha)
  if path then
    return path
  end
  return nil, errors.new("E_NOENT", ("object sha256:%s is not in the"
    .. " repository %s (any more)"):format(record.sha:sub(1, 8),
    digest.repo()), { path = record.sha })
end

return digest
