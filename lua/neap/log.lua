--- neap.log, neap.warn, neap.debug: lines on stderr, never on stdout.
--
-- `log.write(text)` writes a line; the command line replaces it while a
-- progress display is on the screen.

local config = require "neap.config"
local core = require "neap.core"

local log = {}

local ranks = { debug = 1, info = 2, warn = 3, error = 4 }

--- Write one line (with its newline). May be replaced.
function log.write(text)
  core.output(2, text)
end

local function line(level, prefix, fmt, ...)
  local least = ranks[config.current():get "log" or "info"]
  if ranks[level] >= least then
    local text = select("#", ...) > 0 and fmt:format(...) or tostring(fmt)
    log.write(prefix .. text .. "\n")
  end
end

--- A line for people.
function log.log(fmt, ...)
  line("info", "", fmt, ...)
end

--- Something that should not be.
function log.warn(fmt, ...)
  line("warn", "warning: ", fmt, ...)
end

--- Shown with NEAP_LOG=debug.
function log.debug(fmt, ...)
  line("debug", "debug: ", fmt, ...)
end

return log
