--- Why does a task wait? The core's answer, with names.

local state = require "neap.sched.state"

local explain = {}

local Explanation = {}
Explanation.__index = Explanation

--- The answer as a person reads it: one line a fact.
function Explanation.__tostring(self)
  local lines = { ("%s is %s: %s"):format(self.task, self.state,
    self.verdict) }
  for _, reason in ipairs(self.reasons) do
    lines[#lines + 1] = "  " .. reason.text
  end
  for _, alloc in ipairs(self.allocs) do
    local what = alloc.refused or (alloc.missing
      and "lacks " .. tostring(alloc.missing)) or "has room"
    lines[#lines + 1] = ("  alloc %s: %s"):format(alloc.id, what)
  end
  for _, hint in ipairs(self.unblock) do
    lines[#lines + 1] = "  it would start if " .. hint
  end
  return table.concat(lines, "\n")
end

local function answer(s, record, verdict, text)
  return setmetatable({
    task = record.key, state = state.name(record.state),
    since = s.clock:now() - (record.ended or record.started
      or record.submitted),
    verdict = verdict, reasons = { { kind = verdict, text = text } },
    allocs = {}, ahead = {}, unblock = {},
  }, Explanation)
end

local function ahead_of(s, found)
  local keys = {}
  for i, slot in ipairs(found.ahead or {}) do
    local other = s.slots[slot]
    keys[i] = other and other.key
  end
  return keys
end

local function allocs_of(s, found)
  local list = {}
  for _, row in ipairs(found.allocs or {}) do
    local alloc = s.allocs[row.number]
    list[#list + 1] = {
      id = alloc and alloc.key or ("a%d"):format(row.number),
      fits = row.fits, missing = not row.fits and row.missing or nil,
      refused = row.refused ~= "" and row.refused or nil,
      by = row.refused and row.refused ~= "" and found.pack or nil,
    }
  end
  return list
end

-- What would let it start.
local function unblock(s, record, found)
  local hints = {}
  for _, row in ipairs(found.allocs or {}) do
    local alloc = s.allocs[row.number]
    if alloc and not row.fits and alloc.ntasks > 0
      and alloc.total:available(record.resources) then
      hints[#hints + 1] = ("tasks on alloc %s end (%d there)"):format(
        alloc.key, alloc.ntasks)
    end
  end
  if (found.pending or 0) > 0 then
    hints[#hints + 1] = ("one of %d requested allocs comes"):format(
      found.pending)
  end
  if (found.backoff or 0) > 0 then
    hints[#hints + 1] = ("%.1f s pass: then the cluster is asked again")
      :format(found.backoff)
  end
  return hints
end

-- What clusters said when they were asked last.
local function add_refusals(s, made)
  for _, cluster in ipairs(s.cluster_list) do
    if cluster.refusal then
      table.insert(made.reasons, {
        kind = "backoff", text = ("cluster %s: %s"):format(cluster.name,
          tostring(cluster.refusal)),
      })
    end
  end
end

local function of_core(s, record)
  local found = s.core:why(record.handle, s.clock:now_ns(), s.clock:now())
  local made = answer(s, record, found.verdict, found.text)
  made.position = found.position ~= 0 and found.position or nil
  made.ahead, made.allocs = ahead_of(s, found), allocs_of(s, found)
  made.pending, made.backoff = found.pending, found.backoff
  made.policy = {
    pack = found.pack, priority = found.priority, key = found.key,
  }
  if (found.pending or 0) > 0 and found.verdict ~= "pending" then
    table.insert(made.reasons, {
      kind = "pending", text = ("%d requested allocs would hold it"):format(
        found.pending),
    })
  end
  if (found.backoff or 0) > 0 then
    add_refusals(s, made)
  end
  made.unblock = unblock(s, record, found)
  return made
end

--- The explanation of a task that was submitted.
-- @return { task, state, since (seconds), verdict, reasons = { { kind, text }
--   … }, position, ahead, allocs, pending, backoff, policy, unblock }
function explain.task(s, record)
  if record.state == state.done then
    local err = record.err or record.result and record.result.err
    return answer(s, record, "done", err and "it failed: " .. tostring(err)
      or "it is done")
  elseif record.direct then
    return answer(s, record, "running", "it is copied from store to store")
  elseif not record.handle then
    return answer(s, record, "pending", "its cluster has not yet said whether "
      .. "it can ever hold it")
  end
  return of_core(s, record)
end

return explain
