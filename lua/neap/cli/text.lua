--- Text on a terminal: width, cutting, control characters, colour.

local text = {}

-- Code points that take two columns (the blocks that matter).
local wide = {
  { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf },
  { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f },
  { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1faff },
  { 0x20000, 0x3fffd },
}

local function code_point(char)
  local first = char:byte()
  if #char == 1 then
    return first
  end
  local value = first % 2 ^ (7 - #char)
  for i = 2, #char do
    value = value * 64 + char:byte(i) % 64
  end
  return value
end

local function char_width(char)
  local point = code_point(char)
  if point >= 0x300 and point <= 0x36f then
    return 0 -- combining
  end
  for _, block in ipairs(wide) do
    if point >= block[1] and point <= block[2] then
      return 2
    end
  end
  return 1
end

local UTF8_CHAR = "[%z\1-\127\194-\244][\128-\191]*"

--- Columns that `s` takes. Escape sequences of colours count nothing.
function text.width(s)
  if not s:find "[\27\128-\255]" then
    return #s
  end
  local columns = 0
  for char in s:gsub("\27%[[%d;]*m", ""):gmatch(UTF8_CHAR) do
    columns = columns + char_width(char)
  end
  return columns
end

--- `s` cut to `columns`, with "…" where something is missing.
-- `s` must hold no escape sequences.
function text.cut(s, columns)
  if text.width(s) <= columns then
    return s
  elseif columns < 1 then
    return ""
  end
  local out, used = {}, 0
  for char in s:gmatch(UTF8_CHAR) do
    local w = char_width(char)
    if used + w > columns - 1 then
      break
    end
    out[#out + 1] = char
    used = used + w
  end
  return table.concat(out) .. "…"
end

--- `s` for one line of a terminal: control characters become visible, so that
-- a name or a message cannot move the cursor.
function text.clean(s)
  s = tostring(s):gsub("[\r\n\t]+", " ")
  return (s:gsub("[%z\1-\31\127]", "?"):gsub("\194[\128-\159]", "?"))
end

local codes = {
  red = "31", green = "32", yellow = "33", blue = "34", magenta = "35",
  cyan = "36", grey = "90", bold = "1", dim = "2",
}

--- `s` in a colour; as it is if `colour` is nil.
function text.paint(colour, s)
  if not colour then
    return s
  end
  return ("\27[%sm%s\27[0m"):format(codes[colour] or error(colour), s)
end

return text
