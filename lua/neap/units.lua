--- Sizes and times: what people write, as numbers and back.
--
-- Sizes are bytes, times are seconds. A number is taken as it is; a text is a
-- number and a unit. `parse_…` return nil and a message, they never raise.

local units = {}

units.KiB, units.MiB, units.GiB, units.TiB = 2 ^ 10, 2 ^ 20, 2 ^ 30, 2 ^ 40

local KiB, MiB, GiB, TiB = units.KiB, units.MiB, units.GiB, units.TiB

--- Bytes of each unit of size.
units.sizes = {
  B = 1, kB = 1e3, MB = 1e6, GB = 1e9, TB = 1e12,
  KiB = KiB, MiB = MiB, GiB = GiB, TiB = TiB,
  K = KiB, M = MiB, G = GiB, T = TiB,
}

local SIZES = "B, kB MB GB TB (powers of 1000), KiB MiB GiB TiB or K M G T"
  .. " (powers of 1024)"
local TIMES = "90s, 15m, 2h, 1d, 1h30m, 500ms, HH:MM:SS, D-HH:MM:SS"
local MAX = 2 ^ 53

local function number_ok(n)
  return n == n and n >= 0 and n <= MAX
end

--- Bytes of a size.
-- @param size  number of bytes, or text such as "1.5GiB"
-- @return bytes (a whole number), or nil and what is wrong
function units.parse_size(size)
  if type(size) == "number" then
    if number_ok(size) then
      return math.floor(size)
    end
    return nil, ("size %s is not a number of bytes from 0 to 2^53")
      :format(tostring(size))
  end
  if type(size) ~= "string" then
    return nil, "a size is a number of bytes or a text, not a " .. type(size)
  end
  local digits, unit = size:match("^%s*(%d+%.?%d*)%s*(%a+)%s*$")
  local factor = unit and units.sizes[unit]
  local bytes = factor and tonumber(digits) * factor
  if not bytes then
    return nil, ("'%s' is no size; write a number and one of %s")
      :format(size, SIZES)
  end
  if not number_ok(bytes) then
    return nil, ("size '%s' is too large (at most 2^53 bytes)"):format(size)
  end
  return math.floor(bytes)
end

local order = { "d", "h", "m", "s", "ms" }
local seconds = { d = 86400, h = 3600, m = 60, s = 1, ms = 0.001 }

local function parse_parts(text)
  local total, at, rank = 0, 1, 0
  while at <= #text do
    local digits, unit, stop = text:match("^(%d+%.?%d*)(%a+)()", at)
    local place
    for i = rank + 1, #order do
      place = place or (order[i] == unit and i or nil)
    end
    if not place then
      return nil
    end
    total, at, rank = total + tonumber(digits) * seconds[unit], stop, place
  end
  return #text > 0 and total or nil
end

local function parse_clock(text)
  local days, rest = text:match("^(%d+)%-(.*)$")
  local h, m, s = (rest or text):match("^(%d+):(%d%d):(%d%d)$")
  if not h or tonumber(m) > 59 or tonumber(s) > 59 then
    return nil
  end
  return (days or 0) * 86400 + h * 3600 + m * 60 + s
end

--- Seconds of a time.
-- @param time  number of seconds, or text such as "1h30m" or "00:10:00"
-- @return seconds, or nil and what is wrong
function units.parse_time(time)
  if type(time) == "number" then
    if number_ok(time) then
      return time
    end
    return nil, ("time %s is not a number of seconds of at least 0")
      :format(tostring(time))
  end
  if type(time) ~= "string" then
    return nil, "a time is a number of seconds or a text, not a " .. type(time)
  end
  local text = time:match("^%s*(.-)%s*$")
  local total = parse_clock(text) or parse_parts(text)
  if not total then
    return nil, ("'%s' is no time; write a number of seconds or one of %s")
      :format(time, TIMES)
  end
  return total
end

--- A number as text without loss: integers without exponent.
function units.number(n)
  if n == math.floor(n) and math.abs(n) <= MAX then
    return ("%d"):format(n)
  end
  local text = ("%.15g"):format(n)
  return tonumber(text) == n and text or ("%.17g"):format(n)
end

--- A size for people: "11.5 GiB", "0 B".
function units.format_size(bytes)
  local sign = bytes < 0 and "-" or ""
  local n, unit = math.abs(bytes), "B"
  for _, next_unit in ipairs { "KiB", "MiB", "GiB", "TiB" } do
    if n < 1024 then
      break
    end
    n, unit = n / 1024, next_unit
  end
  local text = ("%.1f"):format(n):gsub("%.0$", "")
  return sign .. text .. " " .. unit
end

--- A duration for people: "0.2 s", "12 s", "2 m 04 s", "3 h 12 m", "2 d 1 h".
function units.format_time(s)
  if s ~= s or s == math.huge then
    return "?"
  end
  if s < 10 then
    return ("%.1f s"):format(math.max(0, s))
  end
  s = math.floor(s + 0.5)
  if s < 60 then
    return s .. " s"
  elseif s < 3600 then
    return ("%d m %02d s"):format(s / 60, s % 60)
  elseif s < 86400 then
    return ("%d h %02d m"):format(s / 3600, s % 3600 / 60)
  end
  return ("%d d %d h"):format(s / 86400, s % 86400 / 3600)
end

return units
