--- Metrics as text of the Prometheus exposition format, version 0.0.4.
--
--   local page = prometheus.page()
--   page:family("neap_tasks", "gauge", "Tasks by state.")
--   page:sample(3, { state = "queued" })
--   page:histogram(h)                      of a family of type histogram
--   page:text()
--
-- A name that the format does not allow is a bug and raises.

local prometheus = {}

local Page = {}
Page.__index = Page

local types = { counter = true, gauge = true, histogram = true }

--- An empty page.
function prometheus.page()
  return setmetatable({ parts = {}, seen = {} }, Page)
end

local specials = { [math.huge] = "+Inf", [-math.huge] = "-Inf" }

local function number(value)
  if value ~= value then
    return "NaN"
  elseif specials[value] then
    return specials[value]
  end
  local text = ("%.15g"):format(value)
  return tonumber(text) == value and text or ("%.17g"):format(value)
end

local help_escapes = { ["\\"] = "\\\\", ["\n"] = "\\n" }
local value_escapes = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

-- {a="x",b="y"} with the names in order; "" without labels.
local function label_text(labels)
  local names = {}
  for name in pairs(labels or {}) do
    assert(name:find("^[a-zA-Z_][a-zA-Z0-9_]*$"), name)
    names[#names + 1] = name
  end
  if #names == 0 then
    return ""
  end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = tostring(labels[name]):gsub('[\\\n"]', value_escapes)
    names[i] = ('%s="%s"'):format(name, value)
  end
  return "{" .. table.concat(names, ",") .. "}"
end

function Page:_line(name, labels, value)
  local parts = self.parts
  parts[#parts + 1] = name .. label_text(labels) .. " " .. number(value)
end

--- Begin a family: all samples of one name stand together.
-- @param name   ends in _total exactly if it is a counter
-- @param kind   "counter" "gauge" "histogram"
-- @param help   one sentence
function Page:family(name, kind, help)
  assert(name:find("^[a-zA-Z_:][a-zA-Z0-9_:]*$"), name)
  assert(types[kind], kind)
  assert((kind == "counter") == (name:find("_total$") ~= nil), name)
  assert(not self.seen[name], name)
  self.seen[name], self.name = true, name
  local parts = self.parts
  parts[#parts + 1] = "# HELP " .. name .. " "
    .. help:gsub("[\\\n]", help_escapes)
  parts[#parts + 1] = "# TYPE " .. name .. " " .. kind
end

--- One sample of the family begun last.
-- @param labels  name → value, or nil
function Page:sample(value, labels)
  self:_line(self.name, labels, value)
end

--- The samples of a histogram (`histogram.lua`): how many were at most each
--- bound, how many at all, and their sum.
function Page:histogram(h)
  local below = 0
  for i, bound in ipairs(h.bounds) do
    below = below + h.counts[i]
    self:_line(self.name .. "_bucket", { le = number(bound) }, below)
  end
  self:_line(self.name .. "_bucket", { le = "+Inf" }, h.n)
  self:_line(self.name .. "_sum", nil, h.sum)
  self:_line(self.name .. "_count", nil, h.n)
end

--- The whole page; it ends with a newline.
function Page:text()
  return table.concat(self.parts, "\n") .. "\n"
end

return prometheus
