local units = require "neap.units"

describe("units", function()
  it("reads sizes in powers of 1000 and of 1024", function()
    local cases = {
      [12] = 12, ["1B"] = 1, ["1kB"] = 1000, ["2MB"] = 2e6,
      ["1.5GiB"] = 1.5 * 2 ^ 30,
      ["4K"] = 4096, ["1M"] = 2 ^ 20, ["3 GiB"] = 3 * 2 ^ 30, ["1T"] = 2 ^ 40,
      ["1TB"] = 1e12, [1.9] = 1,
    }
    for text, bytes in pairs(cases) do
      assert.equal(bytes, (units.parse_size(text)))
    end
  end)

  it("refuses what is no size and says what would be", function()
    for _, bad in ipairs { "12", "x", "1XB", "-1B", "1e3MB", "", "1 2B",
      "GiB" } do
      local size, message = units.parse_size(bad)
      assert.is_nil(size, bad)
      assert.truthy(message:find("KiB MiB GiB TiB", 1, true), message)
    end
    assert.is_nil(units.parse_size(-1))
    assert.is_nil(units.parse_size(0 / 0))
    assert.is_nil(units.parse_size(math.huge))
    assert.is_nil(units.parse_size("9000000TB"))
    assert.is_nil(units.parse_size({}))
  end)

  it("reads times, also those of Slurm", function()
    local cases = {
      [0.5] = 0.5, ["90s"] = 90, ["15m"] = 900, ["2h"] = 7200, ["1d"] = 86400,
      ["1h30m"] = 5400, ["500ms"] = 0.5, ["00:10:30"] = 630,
      ["2-01:00:00"] = 2 * 86400 + 3600, ["1d2h3m4s"] = 93784, ["1.5h"] = 5400,
    }
    for text, seconds in pairs(cases) do
      assert.equal(seconds, (units.parse_time(text)))
    end
  end)

  it("refuses what is no time", function()
    for _, bad in ipairs { "90", "", "1x", "s", "1m1h", "1h1h", "10:30",
      "1:60:00", "-1s" } do
      assert.is_nil((units.parse_time(bad)), bad)
    end
  end)

  it("writes sizes and durations for people", function()
    assert.equal("0 B", units.format_size(0))
    assert.equal("11.5 GiB", units.format_size(11.5 * 2 ^ 30))
    assert.equal("128 MiB", units.format_size(128 * 2 ^ 20))
    assert.equal("0.2 s", units.format_time(0.2))
    assert.equal("2 m 04 s", units.format_time(124))
    assert.equal("3 h 12 m", units.format_time(3 * 3600 + 12 * 60))
  end)

  it("writes integers without exponent and floats without loss", function()
    assert.equal("536870912", units.number(536870912))
    assert.equal("9007199254740992", units.number(2 ^ 53))
    assert.equal(0.1, tonumber(units.number(0.1)))
    assert.equal(1 / 3, tonumber(units.number(1 / 3)))
  end)
end)

describe("suggest", function()
  local suggest = require "neap.suggest"

  it("finds the name that was meant", function()
    assert.equal("mem", suggest.nearest("memm", { "cpu", "mem" }))
    assert.equal("text", suggest.nearest("txt", { text = 1, tsv = 1 }))
    assert.equal("inputs", suggest.nearest("inupts", { "inputs", "outputs" }))
  end)

  it("is silent when nothing is near", function()
    assert.is_nil(suggest.nearest("banana", { "cpu", "mem" }))
    assert.equal("", suggest.hint("banana", { "cpu" }))
  end)
end)

describe("fnmatch", function()
  local fnmatch = require "neap.fnmatch"
  local cases = {
    { "*.txt", "a.txt", true }, { "*.txt", "d/a.txt", false },
    { "**/*.txt", "a.txt", true }, { "**/*.txt", "x/y/a.txt", true },
    { "a?c", "abc", true }, { "a?c", "a/c", false },
    { "[a-c]x", "bx", true }, { "[!a-c]x", "bx", false },
    { "{one,two}.c", "two.c", true }, { "{one,two}.c", "three.c", false },
    { "a+b.(x)", "a+b.(x)", true }, { "**", "any/thing", true },
    { "d/**/f", "d/f", true }, { "d/**/f", "d/a/b/f", true },
    { "[x", "[x", true }, { "%a", "%a", true },
  }
  for _, case in ipairs(cases) do
    it(("'%s' %s '%s'"):format(case[1], case[3] and "matches" or "refuses",
      case[2]), function()
      assert.equal(case[3], fnmatch.compile(case[1])(case[2]))
    end)
  end
end)
