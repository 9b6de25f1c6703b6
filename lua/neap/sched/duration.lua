--- Times that people give: seconds, or a text such as "5m".

local errors = require "neap.sched.errors"
local units = require "neap.units"

local duration = {}

--- Seconds of `value`; raises Invalid, naming `what`, if it is no time.
function duration.seconds(value, what)
  local seconds, wrong = units.parse_time(value)
  if not seconds then
    errors.raise("%s: %s", what, wrong)
  end
  return seconds
end

return duration
