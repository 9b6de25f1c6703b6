--- "Did you mean …?": the known name that is nearest to a wrong one.

local suggest = {}

-- Rows of the edit distance with swaps of neighbours counted as one edit.
local function distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do
    last[j] = j
  end
  for i = 1, #a do
    row[0] = i
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(
        last[j] + 1, row[j - 1] + 1, last[j - 1] + (same and 0 or 1)
      )
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
        and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

--- The nearest of `known` to `word`, if it is near enough to be meant.
-- @param word   what was typed
-- @param known  list of names, or map whose keys are names
-- @return the name, or nil
function suggest.nearest(word, known)
  if type(word) ~= "string" or #word > 64 then
    return nil
  end
  local names = {}
  for k, v in pairs(known) do
    local name = type(k) == "number" and v or k
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  local best, best_edits
  for _, name in ipairs(names) do
    local edits = distance(word:lower(), name:lower())
    if not best_edits or edits < best_edits then
      best, best_edits = name, edits
    end
  end
  local allowed = math.max(1, math.floor(#word / 3))
  return best_edits and best_edits <= allowed and best or nil
end

--- " (did you mean 'x'?)", or "" when nothing is near.
-- @param word   what was typed
-- @param known  as for `nearest`
-- @param form   format of the name in the text, default "'%s'"
function suggest.hint(word, known, form)
  local name = suggest.nearest(word, known)
  if not name then
    return ""
  end
  return " (did you mean " .. (form or "'%s'"):format(name) .. "?)"
end

return suggest
