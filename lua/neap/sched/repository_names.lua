--- Digests as people and programs write them, abbreviated or whole.
--
-- An abbreviation is the beginning of the hex digits, an even number of them,
-- or a digest with zeros in its second half.

local errors = require "neap.sched.errors"

local names = {}

local function show(value)
  return type(value) == "string" and "'" .. value .. "'" or tostring(value)
end

--- The hex digits that a name begins with; raises Invalid if it is no digest.
-- @return 2 to 64 lower-case digits
function names.hex(name)
  local text = type(name) == "string" and name:gsub("^sha256:", "")
  local hex = text and text:match("^%x+$")
  if not hex or #hex > 64 then
    errors.raise("a digest is 'sha256:' and 64 hex digits, or their"
      .. " beginning, not %s", show(name))
  elseif #hex % 2 == 1 then
    errors.raise("digest %s has an odd number of hex digits", show(name))
  end
  hex = hex:lower()
  if #hex == 64 and hex:find("^0+$", 33) then
    while hex:sub(-2) == "00" do
      hex = hex:sub(1, -3)
    end
  end
  if hex == "" then
    errors.raise("the zero digest names nothing")
  end
  return hex
end

--- The 64 hex digits of a name that must be whole.
function names.whole(name)
  local hex = names.hex(name)
  if #hex < 64 then
    errors.raise("a whole digest is needed here, 'sha256:' and 64 hex"
      .. " digits, not %s", show(name))
  end
  return hex
end

--- The one of `candidates` that begins with `hex`.
-- @param candidates  list of hex digits
-- @param where       the repository's URL, for errors
-- @return 64 digits; or nil and NotExist, or Invalid if there are several
function names.pick(candidates, hex, where)
  local found
  for i = 1, #candidates do
    local one = candidates[i]
    if one:sub(1, #hex) == hex then
      if found then
        return nil, errors.new("Invalid", "digest '%s' is not unique in %s:"
          .. " '%s', '%s'", hex, where, found:sub(1, #hex + 8),
          one:sub(1, #hex + 8))
      end
      found = one
    end
  end
  if not found then
    return nil, names.missing(hex, where)
  end
  return found
end

--- The error of an object that is not there.
function names.missing(hex, where)
  return errors.new("NotExist", "there is no object %s in %s",
    #hex > 16 and hex:sub(1, 16) .. "..." or hex, where)
end

--- The error of bytes that are not what their name says.
-- @param where  where they came from
-- @param got    digest of the bytes; size their number
function names.damaged(hex, where, got, size)
  return errors.new("Integrity", "object sha256:%s of %s is damaged: its %d"
    .. " bytes have the digest %s", hex, where, size, got)
end

return names
