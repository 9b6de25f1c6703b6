--- A strict reader of the Prometheus text format 0.0.4: it raises on whatever
-- a scraper would refuse or a reviewer would.

local exposition = {}

local function read_labels(text, line)
  local labels, at = {}, 1
  while at <= #text do
    local name, stop = text:match('^([a-zA-Z_][a-zA-Z0-9_]*)="()', at)
    assert(name, "bad label in: " .. line)
    assert(labels[name] == nil, "label twice in: " .. line)
    local value, i = {}, stop
    while text:sub(i, i) ~= '"' do
      local char = text:sub(i, i)
      assert(char ~= "", "open label value in: " .. line)
      if char == "\\" then
        local escaped = text:sub(i + 1, i + 1)
        char = ({ n = "\n", ["\\"] = "\\", ['"'] = '"' })[escaped]
        assert(char, "unknown escape in: " .. line)
        i = i + 1
      end
      value[#value + 1], i = char, i + 1
    end
    labels[name] = table.concat(value)
    at = i + 1
    if at <= #text then
      assert(text:sub(at, at) == "," and at < #text, "bad end in: " .. line)
      at = at + 1
    end
  end
  return labels
end

local function read_number(text, line)
  local special = { ["+Inf"] = math.huge, ["-Inf"] = -math.huge,
    NaN = 0 / 0 }
  local value = special[text]
    or text:find("^[-+]?[%d.]+[eE]?[-+]?%d*$") and tonumber(text)
  assert(value, "bad number in: " .. line)
  return value
end

local function key_of(labels, skipped)
  local parts = {}
  for name, value in pairs(labels) do
    if name ~= skipped then
      parts[#parts + 1] = ("%s=%q"):format(name, value)
    end
  end
  table.sort(parts)
  return table.concat(parts, ",")
end

local suffixes = { histogram = { _bucket = true, _sum = true, _count = true } }

local function read_sample(family, line)
  local name, rest = line:match("^([a-zA-Z_:][a-zA-Z0-9_:]*)(.*)$")
  assert(name and family, "sample outside of a family: " .. line)
  local labels, value = rest:match("^{(.*)} (%S+)$")
  value = value or rest:match("^ (%S+)$")
  assert(value, "no sample: " .. line)
  local suffix = name:sub(#family.name + 1)
  assert(name:sub(1, #family.name) == family.name
    and (suffixes[family.type] or { [""] = true })[suffix],
    name .. " is not of family " .. family.name)
  labels = read_labels(labels or "", line)
  assert((suffix == "_bucket") == (labels.le ~= nil), "le of: " .. line)
  local sample = { name = name, suffix = suffix, labels = labels,
    value = read_number(value, line) }
  local key = name .. "|" .. key_of(labels)
  assert(not family.keys[key], "sample twice: " .. line)
  family.keys[key] = true
  family.samples[#family.samples + 1] = sample
end

-- Buckets ascend, end at +Inf, and agree with _count.
local function check_histogram(family)
  local series = {}
  for _, sample in ipairs(family.samples) do
    local key = key_of(sample.labels, "le")
    local one = series[key] or { le = -math.huge, below = 0 }
    series[key] = one
    if sample.suffix == "_bucket" then
      local le = read_number(sample.labels.le, family.name)
      assert(le > one.le and sample.value >= one.below, family.name)
      one.le, one.below = le, sample.value
    else
      one[sample.suffix] = sample.value
    end
  end
  for _, one in pairs(series) do
    assert(one.le == math.huge, family.name .. " has no +Inf bucket")
    assert(one._count == one.below, family.name .. ": _count")
    assert(one._sum, family.name .. ": _sum")
  end
end

local function check_family(family)
  assert(family.help and family.type, family.name .. ": HELP and TYPE")
  if family.type == "counter" then
    assert(family.name:find("_total$"), family.name .. " lacks _total")
    for _, sample in ipairs(family.samples) do
      assert(sample.value >= 0, family.name .. " is below 0")
    end
  else
    assert(not family.name:find("_total$"), family.name .. " is no counter")
  end
  if family.type == "histogram" then
    check_histogram(family)
  end
end

local function read_comment(families, line)
  local word, name, rest = line:match("^# (%u+) ([a-zA-Z_:][%w_:]*) (.+)$")
  assert(word == "HELP" or word == "TYPE", "bad comment: " .. line)
  local family
  if word == "HELP" then
    assert(not families[name], "family twice: " .. name)
    family = { name = name, help = rest, samples = {}, keys = {} }
    families[name] = family
  else
    family = families[name]
    assert(family and not family.type and #family.samples == 0,
      "TYPE out of place: " .. line)
    assert(({ counter = 1, gauge = 1, histogram = 1 })[rest], line)
    family.type = rest
  end
  return family
end

--- Read a page.
-- @return families by name: { name, help, type, samples = { { name, labels,
--         value } } }, and a function value(name, labels) → number or nil
function exposition.read(text)
  assert(text:sub(-1) == "\n", "the last line has no end")
  local families, family = {}, nil
  for line in text:gmatch("(.-)\n") do
    assert(line ~= "" and not line:find("\r"), "empty line, or CR")
    if line:sub(1, 1) == "#" then
      family = read_comment(families, line)
    else
      read_sample(family, line)
    end
  end
  for _, one in pairs(families) do
    check_family(one)
  end
  return families, function(name, labels)
    for _, one in pairs(families) do
      for _, sample in ipairs(one.samples) do
        if sample.name == name and key_of(sample.labels)
          == key_of(labels or {}) then
          return sample.value
        end
      end
    end
    return nil
  end
end

return exposition
