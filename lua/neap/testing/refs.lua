--- References that a fake alloc keeps on its objects.
--
-- References are taken under a token, once, and released by it, once: whoever
-- repeats a load or an unload changes nothing.

local refs = {}

local Refs = {}
Refs.__index = Refs

--- No references.
function refs.new()
  return setmetatable({ held = {}, counts = {} }, Refs)
end

local function count(self, fileset, by)
  for _, file in ipairs(fileset:files()) do
    local n = (self.counts[file.id] or 0) + by
    self.counts[file.id] = n > 0 and n or nil
  end
end

--- Take a reference on each file, unless the token has some already.
-- @return the fileset that the token holds
function Refs:take(token, fileset)
  if not self.held[token] then
    self.held[token] = fileset
    count(self, fileset, 1)
  end
  return self.held[token]
end

--- What the token holds, or nil.
function Refs:get(token)
  return self.held[token]
end

--- Release what the token holds, if anything.
function Refs:release(token)
  local fileset = self.held[token]
  if fileset then
    self.held[token] = nil
    count(self, fileset, -1)
  end
end

--- Copy of the counts: digest → number of references, of at least 1.
function Refs:copy()
  local copy = {}
  for digest, n in pairs(self.counts) do
    copy[digest] = n
  end
  return copy
end

--- Tokens that hold something, sorted.
function Refs:tokens()
  local list = {}
  for token in pairs(self.held) do
    list[#list + 1] = token
  end
  table.sort(list)
  return list
end

return refs
