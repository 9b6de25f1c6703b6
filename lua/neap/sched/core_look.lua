--- Methods of the core for people who look: policies, why, stats.

local core_amounts = require "neap.sched.core_amounts"
local core_lib = require "neap.sched.core_lib"
local errors = require "neap.sched.errors"
local ffi = require "ffi"
local json = require "neap.json"
local suggest = require "neap.suggest"

local look = {}

local lib = core_lib.lib
local kinds = { packing = 0, priority = 1 }

local function text(pointer)
  return pointer ~= nil and ffi.string(pointer) or nil
end

local function policy_row(self, kind)
  local view = ffi.new "struct neap_face_policy_view"
  local row = { kind = kind, state = "built in" }
  if lib.neap_face_policy(self.page, kinds[kind], view) ~= 0 then
    for _, name in ipairs { "state", "path", "hooks", "last_error" } do
      row[name] = text(view[name])
    end
    for _, name in ipairs { "calls", "slow", "errors", "candidates",
      "mean_ns", "ns_per_candidate", "strikes" } do
      row[name] = view[name]
    end
  end
  row.name = text(view.name)
  return row
end

--- Put a policy to work, from the next round on.
-- @param kind          "packing" or "priority"
-- @param name_or_path  name of a policy, or a file with a '/' or ".lua"
-- @param params        map of its parameters, or nil
-- @return its full name ("default@5c1e"); or nil and an error, and the policy
--   before it goes on
function look:load_policy(kind, name_or_path, params)
  if not kinds[kind] then
    errors.raise("there is no kind of policy '%s'%s", tostring(kind),
      suggest.hint(kind, kinds))
  end
  if lib.neap_face_load_policy(self.page, kinds[kind], name_or_path,
    params and json.encode(params)) < 0 then
    return nil, core_amounts.error(self.page)
  end
  return policy_row(self, kind).name
end

--- @return rows { kind, name, state, path, hooks, calls, errors, … }, packing
--   first
function look:policies()
  return { policy_row(self, "packing"), policy_row(self, "priority") }
end

--- What policies did wrong since the last call: list of texts.
function look:complaints()
  local list = {}
  while lib.neap_face_complaint(self.page) ~= 0 do
    list[#list + 1] = ffi.string(self.page.error)
  end
  return list
end

local function list(array, n)
  local items = {}
  for i = 1, n do
    items[i] = array[i - 1]
  end
  return items
end

local function why_allocs(self, view)
  local allocs = {}
  for i = 0, view.nallocs - 1 do
    local row = view.allocs[i]
    allocs[i + 1] = {
      number = row.number, fits = row.fits ~= 0,
      missing = self.amounts:read(row.missing), refused = text(row.refused),
    }
  end
  return allocs
end

--- Why does a task wait?
-- @param wall  Unix seconds
-- @return { verdict, text, position (1 is next, 0 not queued), ahead = slots
--   of up to 8 tasks, allocs = list of { number, fits, missing, refused },
--   pending, backoff (seconds), key = list, pack, priority }
function look:why(handle, now, wall)
  local view = lib.neap_face_why(self.page, handle, now, wall)
  if view == nil then
    error(("the core has no task with the handle %s")
      :format(tostring(handle)), 2)
  end
  return {
    verdict = text(view.verdict), text = text(view.text),
    position = view.position, ahead = list(view.ahead, view.nahead),
    allocs = why_allocs(self, view), pending = view.npending,
    backoff = view.backoff_s, key = list(view.key, view.nkeys),
    pack = text(view.pack), priority = text(view.priority),
  }
end

local counters = {
  "total_tasks", "total_allocs", "rounds", "assigned", "rejected_lines",
  "policy_errors", "requests", "refused", "queued", "staging", "running",
  "lost", "done", "failed", "classes", "pending_allocs", "live_allocs",
  "round_ns_last", "round_ns_max", "bytes_per_task",
}

--- Counters, and what a waiting task costs in C (`bytes_per_task`).
function look:stats()
  local view = ffi.new "struct neap_face_stats_view"
  local stats = {}
  lib.neap_face_stats(self.page, view)
  for _, name in ipairs(counters) do
    stats[name] = view[name]
  end
  stats.rejected_last = text(view.rejected_last)
  return stats
end

return look
