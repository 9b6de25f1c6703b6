--- Checks of option values that several commands share. Each takes the text
-- and returns the value, or nil and what is wrong with it.

local fault = require "neap.cli.fault"
local selection = require "neap.cli.select"
local units = require "neap.units"

local arguments = {}

--- "lane=L2" → { name = "lane", value = "L2" }
function arguments.label(text)
  local name, value = text:match "^([%a_][%w_.-]*)=(.*)$"
  if not name or #name > 128 then
    return nil, ("'%s' is no label; write NAME=VALUE"):format(text)
  end
  return { name = name, value = value }
end

--- "licence_x=2" → { name = "licence_x", value = 2 }
function arguments.resource(text)
  local name, amount = text:match "^([%a_][%w_.-]*)=(%d+%.?%d*)$"
  if not name or #name > 128 then
    return nil, ("'%s' is no resource; write NAME=AMOUNT"):format(text)
  elseif name == "cpu" or name == "mem" or name == "disk" then
    return nil, ("'%s' is not set by --res; use --cpu, --mem or the config's "
      .. "engine.disk"):format(name)
  end
  return { name = name, value = tonumber(amount) }
end

--- A whole number of at least 0.
function arguments.count(text)
  local n = text:match "^%d+$" and tonumber(text)
  if not n or n > 2 ^ 31 then
    return nil, ("'%s' is no count; write a whole number"):format(text)
  end
  return n
end

--- Cores: a number in steps of 0.001.
function arguments.cores(text)
  local n = text:match "^%d+%.?%d*$" and tonumber(text)
  if not n or n < 0.001 or n > 1e6 then
    return nil, ("'%s' is no number of cores"):format(text)
  end
  return n
end

--- Bytes of "4GiB".
function arguments.size(text)
  return units.parse_size(tonumber(text) or text)
end

--- Seconds of "1h30m".
function arguments.time(text)
  return units.parse_time(tonumber(text) or text)
end

--- The terms of a selector; raises E_USAGE.
function arguments.terms(text)
  local terms, message = selection.parse(text)
  if not terms then
    fault.raise("E_USAGE", { hint = "neap help lists the selectors" },
                "%s", message)
  end
  return terms
end

return arguments
