--- What the schedulers of this process show of themselves, by prefix.
--
-- The later one wins a prefix. A scheduler that nobody holds any more is not
-- kept alive by being published.

local published = {}

-- prefix → object with `json()`
local sources = setmetatable({}, { __mode = "v" })

--- Show `source` under `prefix`; twice is harmless.
-- @param source  object with a method `json()` → text
function published.publish(prefix, source)
  sources[prefix] = source
end

--- Take back all that `source` shows; what others show stays.
function published.withdraw(source)
  for prefix, shown in pairs(sources) do
    if shown == source then
      sources[prefix] = nil
    end
  end
end

--- All that is published now.
-- @return new table: prefix → JSON text
function published.all()
  local texts = {}
  for prefix, source in pairs(sources) do
    texts[prefix] = source:json()
  end
  return texts
end

return published
