--- What a direct transfer has to copy.

local ask = require "neap.sched.ask"
local errors = require "neap.sched.errors"
local mux = require "neap.sched.mux"
local parallel = require "neap.sched.parallel"
local ticket = require "neap.sched.ticket"

local direct_plan = {}

local LOOKS = 20 -- files looked at a time

-- The map of the only argument.
local function files_of(args)
  local only = args and args[1]
  if not only or #args ~= 1 or only.fileset == nil then
    return nil, errors.new("Precondition", "an extern has exactly one argument,"
      .. " a fileset; this one has %d%s", args and #args or 0,
      only and #args == 1 and ", which is none" or "")
  end
  return only.fileset:map()
end

-- What is at the destination: URL → reference.
local function list(opts, url)
  local entries, err = ask(opts.mux, "scan", url, false)
  if not entries then
    return nil, err
  end
  local there, location = {}, mux.location(url)
  for _, entry in ipairs(entries) do
    local source = location .. entry.key
    there[source] = {
      source = source, size = entry.size, etag = entry.etag,
      content_hash = entry.content_hash,
    }
  end
  return there
end

-- Where a file can be copied from; it is a reference to there.
local function source_of(opts, copy)
  local file = copy.file
  if file.id == nil then
    return file
  end
  local found, err = ask(opts.repository, "stat", file.id)
  if not found then
    return nil, err
  elseif found.source == nil or found.source == "" then
    return nil, errors.new("NotSupported", "object %s ('%s') is in no blob"
      .. " store, only in the repository", file.id, copy.name)
  end
  return {
    source = found.source, size = found.size or file.size,
    content_hash = file.id,
  }
end

-- Must it be copied? Who cannot tell copies.
local function needed(opts, state, copy, existing)
  if not existing then
    return true
  end
  local need, err = ask(opts.mux, "need_transfer", existing, copy.from)
  if need == nil then
    state.log("warn", ("direct transfer: cannot tell whether %s is there"
      .. " already, it is copied: %s"):format(copy.url, tostring(err)))
  end
  return need ~= false
end

-- Fill in where a copy comes from and whether it is needed.
local function look(opts, state, copy, there)
  if state.stopped() then
    return nil, ticket.error()
  end
  local err, can
  copy.from, err = source_of(opts, copy)
  if not copy.from then
    return nil, err
  end
  can, err = ask(opts.mux, "can_transfer", copy.url, copy.from.source)
  if not can then
    return nil, err
  end
  copy.size = copy.from.size or 0
  copy.to_key = mux.location(copy.url)
  copy.from_key = mux.location(copy.from.source)
  copy.needed = needed(opts, state, copy, there[copy.url])
  return true
end

local function copies_of(url, files)
  local copies = {}
  for name, file in pairs(files) do
    copies[#copies + 1] = {
      name = name, file = file, url = name == "." and url or url .. "/" .. name,
    }
  end
  table.sort(copies, function(a, b) return a.name < b.name end)
  return copies
end

--- The copies of a direct transfer. ⏸
-- @param opts   those of `direct.run`
-- @param state  of the transfer: clock, log, stopped
-- @return list of { name, file, url, from, size, from_key, to_key, needed },
--   by name; or nil, err: Precondition, NotSupported, …
function direct_plan.make(opts, state)
  local files, err = files_of(opts.args)
  if not files then
    return nil, err
  elseif type(opts.url) ~= "string" then
    return nil, errors.new("Precondition", "an extern needs the URL of its"
      .. " destination")
  end
  local url = opts.url:gsub("([^/:])/+$", "%1")
  local there
  there, err = list(opts, url)
  if not there then
    return nil, err
  end
  local copies = copies_of(url, files)
  local pass = ticket.new()
  local ok
  ok, err = parallel(opts.clock, copies, LOOKS, pass, ticket.new(pass),
    function(copy) return look(opts, state, copy, there) end)
  return ok and copies, err
end

return direct_plan
