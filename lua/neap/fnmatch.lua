--- Glob patterns on names and relative paths: `* ? [a-z] [!x] {a,b} **`.
-- `*`, `?` and classes stop at a slash; `**` does not. Nothing but a pattern
-- that names the dot matches a leading dot of `*` and `?` here: hidden names
-- are filtered by those who list files.

local fnmatch = {}

local function literal(char)
  return (char:gsub("%W", "%%%0"))
end

-- A class "[…]" at `at`: its Lua form and where it ends; nil if it is open.
local function class(glob, at)
  local negated = glob:find("^[!^]", at + 1)
  local from = at + (negated and 2 or 1)
  local stop = glob:find("]", from + 1, true)
  if not stop then
    return nil
  end
  local set = glob:sub(from, stop - 1):gsub("[%%%]^]", "%%%0")
  return (negated and "[^/" or "[") .. set .. "]", stop + 1
end

-- Patterns cannot say "or": braces are spelled out first.
local function expand(glob, out)
  local open, inner, close = glob:match("(){([^{}]*)}()")
  if not open then
    out[#out + 1] = glob
    return out
  end
  for choice in (inner .. ","):gmatch("(.-),") do
    expand(glob:sub(1, open - 1) .. choice .. glob:sub(close), out)
  end
  return out
end

local function to_pattern(glob)
  local out, at = {}, 1
  while at <= #glob do
    local char = glob:sub(at, at)
    local set, stop
    if char == "[" then
      set, stop = class(glob, at)
    end
    if set then
      out[#out + 1], at = set, stop
    elseif glob:sub(at, at + 2) == "**/" then
      -- any number of directories, also none: tried as two patterns
      out[#out + 1], at = "\0", at + 3
    elseif glob:sub(at, at + 1) == "**" then
      out[#out + 1], at = ".*", at + 2
    else
      local simple = { ["*"] = "[^/]*", ["?"] = "[^/]" }
      out[#out + 1], at = simple[char] or literal(char), at + 1
    end
  end
  return table.concat(out)
end

local function spell_out(pattern, out)
  local before, rest = pattern:match("^(.-)%z(.*)$")
  if not before then
    out[#out + 1] = "^" .. pattern .. "$"
    return out
  end
  spell_out(before .. rest, out)
  return spell_out(before .. ".*/" .. rest, out)
end

--- Is there a character that makes `text` a pattern?
function fnmatch.is_glob(text)
  return text:find("[*?%[{]") ~= nil
end

--- A function that tells whether a text matches.
function fnmatch.compile(glob)
  local patterns = {}
  for _, plain in ipairs(expand(glob, {})) do
    spell_out(to_pattern(plain), patterns)
  end
  return function(text)
    for i = 1, #patterns do
      if text:find(patterns[i]) then
        return true
      end
    end
    return false
  end
end

return fnmatch
