--- What is different between two filesets, for people.

local digest = require "neap.sched.digest"
local file = require "neap.sched.file"

local fileset_diff = {}

-- A path in quotes, on one line.
local function quoted(path)
  return (("%q"):format(path):gsub("\\\n", "\\n"):gsub("\r", "\\r"))
end

-- Name of the entry → digest of its file. Entries of lists are told apart by
-- their place: `[2] "path"`.
local function collect(fs, prefix, into)
  for _, path in ipairs(fs._paths) do
    into[prefix .. quoted(path)] = file.digest(fs._map[path])
  end
  for i, member in ipairs(fs._list or {}) do
    collect(member, ("%s[%d] "):format(prefix, i), into)
  end
  return into
end

local function short(d)
  return d and digest.short(d) or "void"
end

--- The lines that differ, and whether there are any.
function fileset_diff.text(a, b)
  local before, after = collect(a, "", {}), collect(b, "", {})
  local names, lines = {}, {}
  for name, d in pairs(before) do
    if after[name] ~= d then
      names[#names + 1] = name
    end
  end
  for name in pairs(after) do
    if not before[name] then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    lines[i] = ("%s = %s -> %s"):format(name, short(before[name]),
      short(after[name]))
  end
  return table.concat(lines, "\n"), #lines > 0
end

return fileset_diff
