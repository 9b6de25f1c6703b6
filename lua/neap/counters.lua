--- How many tasks of a run are in which phase, in all and by name.
-- What was submitted is counted for ever, so sums never go back.

local counters = {}

local Counters = {}
Counters.__index = Counters

local function zeros()
  return {
    submitted = 0, queued = 0, running = 0, done = 0, cached = 0, failed = 0,
    cancelled = 0, skipped = 0,
  }
end

--- New counters: .total, .by_name[NAME], .names in order of appearance.
function counters.new()
  return setmetatable({ total = zeros(), by_name = {}, names = {} }, Counters)
end

--- Add `n` to a phase of the tasks called `name`.
function Counters:add(name, phase, n)
  local one = self.by_name[name]
  if not one then
    one = zeros()
    self.by_name[name], self.names[#self.names + 1] = one, name
  end
  one[phase] = one[phase] + n
  self.total[phase] = self.total[phase] + n
end

return counters
