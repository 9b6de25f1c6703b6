--- How many files and bytes wait, are under way, arrived and failed.
--
-- Counted in total for ever, and for a pair of repositories as long as
-- something of it waits or is under way.

local amounts = require "neap.sched.resources_amounts"

local transfer_status = {}

local Status = {}
Status.__index = Status

local STATES = { "done", "transferring", "waiting", "failed" }

local function counters()
  local all = {}
  for _, state in ipairs(STATES) do
    all[state] = { count = 0, bytes = 0 }
  end
  return all
end

function transfer_status.new()
  return setmetatable({ total = counters(), pairs = {}, made = 0 }, Status)
end

local function add(all, state, count, bytes)
  local c = all[state]
  c.count, c.bytes = c.count + count, c.bytes + bytes
end

local function pair_of(self, src, dst)
  local from = self.pairs[src]
  if not from then
    from = {}
    self.pairs[src] = from
  end
  local pair = from[dst]
  if not pair then
    self.made = self.made + 1
    pair = counters()
    pair.src, pair.dst, pair.order = src, dst, self.made
    from[dst] = pair
  end
  return pair
end

local function forget(self, pair)
  local from = self.pairs[pair.src]
  from[pair.dst] = nil
  if not next(from) then
    self.pairs[pair.src] = nil
  end
end

--- A file begins to wait.
-- @param src, dst  what names the repositories: URLs, or they themselves
-- @return entry for `move`
function Status:begin(src, dst, bytes)
  local entry = {
    pair = pair_of(self, src, dst), bytes = bytes, state = "waiting",
  }
  add(self.total, "waiting", 1, bytes)
  add(entry.pair, "waiting", 1, bytes)
  return entry
end

--- The file goes on to another state; nil: it was another's to transfer.
function Status:move(entry, state)
  local pair, bytes = entry.pair, entry.bytes
  add(self.total, entry.state, -1, -bytes)
  add(pair, entry.state, -1, -bytes)
  entry.state = state
  if state then
    add(self.total, state, 1, bytes)
    add(pair, state, 1, bytes)
  end
  if pair.waiting.count == 0 and pair.transferring.count == 0 then
    forget(self, pair)
  end
end

local function render(all)
  local parts = {}
  for i, state in ipairs(STATES) do
    parts[i] = ("%s: %d %s"):format(state, all[state].count,
      amounts.text("mem", all[state].bytes))
  end
  return table.concat(parts, ", ")
end

local printable = { __tostring = render }

local function copy(all)
  local out = {}
  for _, state in ipairs(STATES) do
    out[state] = { count = all[state].count, bytes = all[state].bytes }
  end
  return setmetatable(out, printable)
end

local function name(key)
  return type(key) == "string" and key or "(no URL)"
end

--- What `status()` of a transferer returns: it does not change any more.
-- @return { done, transferring, waiting, failed, pairs }, each { count, bytes };
--   pairs is a list of the same with `src` and `dst`, oldest first
function Status:snapshot()
  local out, list = copy(self.total), {}
  for _, from in pairs(self.pairs) do
    for _, pair in pairs(from) do
      local row = copy(pair)
      row.src, row.dst, row.order = name(pair.src), name(pair.dst), pair.order
      list[#list + 1] = row
    end
  end
  table.sort(list, function(a, b) return a.order < b.order end)
  for _, row in ipairs(list) do
    row.order = nil
  end
  out.pairs = list
  return out
end

return transfer_status
