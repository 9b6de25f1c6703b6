-- The same seed gives the same events, byte for byte, in this process and in
-- another one: nothing depends on addresses, hash order or the collector.

local busy_hour = require "support.busy_hour"

local seed = tonumber(os.getenv "NEAP_SEED") or 1

local function first_difference(a, b)
  local other = b:gmatch("[^\n]+")
  for line in a:gmatch("[^\n]+") do
    local twin = other()
    if line ~= twin then
      return line .. "\n  " .. tostring(twin)
    end
  end
  return "the end: " .. tostring(other())
end

-- The hour of the seed in a process of its own.
local function elsewhere()
  local pipe = io.popen(("luajit -e '%s' 2>&1"):format(
    ("print(require(\"support.busy_hour\").live(%d))"):format(seed)))
  local digest = pipe:read("*a"):match("sha256:%x+")
  pipe:close()
  return digest
end

describe("a virtual hour of seed " .. seed, function()
  jit.off() -- for one life of many things it is faster; the other process
  -- compiles
  local digest, n, text = busy_hour.live(seed)

  it("has about 100 000 events", function()
    assert(n > 80000 and n < 150000, n .. " events")
  end)

  it("is the same again", function()
    collectgarbage("setpause", 400) -- garbage goes at other moments
    local again, _, other = busy_hour.live(seed)
    collectgarbage("setpause", 200)
    assert(again == digest, "seed " .. seed .. ", first difference:\n  "
      .. (again ~= digest and first_difference(text, other) or ""))
  end)

  it("is the same in another process, compiled", function()
    assert.equal(digest, elsewhere())
  end)

  it("is another one with another seed", function()
    assert.not_equal((busy_hour.live(seed, 60)),
      (busy_hour.live(seed + 1, 60)))
  end)
end)
