local R = require "neap.sched.resources"
local errors = require "neap.sched.errors"
local requirements = require "neap.sched.requirements"

local GiB = 2 ^ 30

-- The error that fn raises: Invalid, at this file, with these words.
local function invalid(fn, ...)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.is_true(errors.is("Invalid", err), tostring(err))
  assert.matches("sched_resources_spec%.lua:%d+", err.where)
  for _, words in ipairs { ... } do
    assert.truthy(err.message:find(words, 1, true), err.message)
  end
end

local function random_resources(most)
  local map = {}
  for _, label in ipairs { "cpu", "mem", "disk", "gpu", "licence", "x.y" } do
    if math.random() < 0.6 then
      map[label] = label == "cpu" and math.random(0, most) / 1000
        or math.random(0, most)
    end
  end
  return R(map)
end

describe("resources", function()
  it("hold any label, 0 where there is none", function()
    local r = R { cpu = 4, mem = "8GiB", disk = 0, gpu = 1, licence_x = 2 }
    assert.equal(4, r.cpu)
    assert.equal(8 * GiB, r.mem)
    assert.equal(2, r.licence_x)
    assert.equal(2, r:get "licence_x")
    assert.equal(0, r.nothing)
    assert.same({ "cpu", "gpu", "licence_x", "mem" }, r:labels())
    assert.is_true(R.is(r))
    assert.is_false(R.is { cpu = 4 })
    assert.equal(r, R.from(r))
  end)

  it("read a label that is the name of a method with get", function()
    local r = R { max = 3, key = 1 }
    assert.equal(3, r:get "max")
    assert.is_function(r.max)
    assert.equal("{key:1 max:3}", tostring(r))
  end)

  it("round cpu to 1/1000 and the rest to whole units", function()
    assert.equal(0.1, R { cpu = 0.1 }.cpu)
    assert.equal(0.002, R { cpu = 0.0015 }.cpu)
    assert.equal(2, R { mem = 1.5 }.mem)
    assert.equal(1, R { gpu = 0.5 }.gpu)
    assert.equal(717, R { mem = "0.7KiB" }.mem)
    assert.equal(2 ^ 53, R { mem = 2 ^ 53 }.mem)
  end)

  it("print exactly, and are read back", function()
    local cases = {
      ["{}"] = {},
      ["{mem:8GiB cpu:4 disk:0B gpu:1}"] = { cpu = 4, mem = 8 * GiB, gpu = 1 },
      ["{mem:0B cpu:0.1 disk:0B}"] = { cpu = 0.1 },
      ["{mem:1000B cpu:0 disk:1025KiB}"] = { mem = 1000, disk = 1025 * 1024 },
      ["{mem:1TiB cpu:1.25 disk:1536MiB}"] = { mem = 2 ^ 40, cpu = 1.25,
        disk = "1.5GiB" },
      ["{mem:9007199254740991B cpu:0 disk:0B}"] = { mem = 2 ^ 53 - 1 },
      ["{gpu:2 licence:9007199254740992}"] = { gpu = 2, licence = 2 ^ 53 },
      ["{a-b:1 a.b:2 a:3}"] = { a = 3, ["a.b"] = 2, ["a-b"] = 1 },
    }
    cases["{a-b:1 a.b:2 a:3}"] = nil
    cases["{a:3 a-b:1 a.b:2}"] = { a = 3, ["a.b"] = 2, ["a-b"] = 1 }
    for text, map in pairs(cases) do
      assert.equal(text, tostring(R(map)))
      assert.is_true(R.parse(text) == R(map), text)
    end
    assert.is_true(R.parse " { mem:1e3  cpu:2 } " == R { mem = 1000, cpu = 2 })
  end)

  it("say of a text that is none what is wrong", function()
    for _, bad in ipairs { "", "x", "{", "{cpu}", "{cpu:}", "{:1}", "{cpu:x}",
      "{cpu:-1}", "{mem:8XiB}", "{cpu:4GiB}", "{mem:1e400}", "{cpu:nan}",
      "{cpu:inf}", "{cpu:0x10}", "{cpu:1 cpu:2}", "{cpu:1:2}", "{9x:1}",
      "{mem:9000TiB}", "{cpu:1} {", ("{%s:1}"):format(("x"):rep(129)) } do
      local r, err = R.parse(bad)
      assert.is_nil(r, bad)
      assert.is_true(errors.is("Invalid", err), bad)
    end
    invalid(function() R.parse(7) end, "not 7")
  end)

  it("refuse what is no amount", function()
    local function refuse(map, ...)
      invalid(function() R(map) end, ...)
    end
    refuse({ cpu = -1 }, "cpu", "-1")
    refuse({ mem = 0 / 0 }, "mem", "nan")
    refuse({ disk = math.huge }, "disk", "inf")
    refuse({ mem = 2 ^ 54 }, "mem", "too large")
    refuse({ cpu = 1e300 }, "cpu", "too large")
    refuse({ mem = "8 gigs" }, "mem", "'8 gigs'", "KiB MiB GiB TiB")
    refuse({ cpu = "4" }, "cpu is a number", "'4'")
    refuse({ mem = {} }, "mem must be a number of bytes", "a table")
    refuse({ licence = true }, "licence", "true")
    refuse({ ["a b"] = 1 }, "'a b'", "no name of a resource")
    refuse({ [1] = 1 }, "1 is no name")
    refuse(nil, "not nil")
    refuse(7, "not 7")
    refuse("{cpu:1}", "resources.parse")
  end)

  it("cannot be changed", function()
    local r = R { cpu = 1 }
    invalid(function() r.cpu = 2 end, "'cpu' cannot be set")
    invalid(function() r.new = 2 end, "'new'")
    assert.equal(1, r.cpu)
    assert.is_nil(rawget(r, "new"))
  end)

  it("fit when each label does", function()
    local r = R { cpu = 2, mem = 8, licence = 1 }
    assert.is_true(r:available(R { cpu = 2, mem = 8, licence = 1 }))
    assert.is_true(r:available { cpu = 2 })
    assert.is_true(r:available(R {}))
    assert.is_false(r:available { cpu = 2.001 })
    assert.is_false(r:available { disk = 1 })
    assert.is_false(r:available { licence = 2 })
    assert.is_false(r:available { other = 1 })
    assert.is_true((R {} - R { mem = 1 }):available(R {}))
    assert.is_true((R { cpu = 1 } - R { mem = 1, x = 1 }):available { cpu = 1 })
    invalid(function() r:available(nil) end, "not nil")
  end)

  it("add, subtract and scale", function()
    local a, b = R { cpu = 0.3, mem = 5, x = 1 }, R { cpu = 0.1, disk = 2,
      x = 1, y = 4 }
    assert.is_true(a + b == R { cpu = 0.4, mem = 5, disk = 2, x = 2, y = 4 })
    local d = a - b
    assert.equal(0.2, d.cpu)
    assert.equal(-2, d.disk)
    assert.equal(-4, d.y)
    assert.same({ "cpu", "disk", "mem", "y" }, d:labels())
    assert.equal("{mem:5B cpu:0.2 disk:-2B y:-4}", tostring(d))
    assert.is_true(a * 2 == R { cpu = 0.6, mem = 10, x = 2 })
    assert.is_true(2 * a == a * 2)
    assert.equal(3, (R { mem = 5 } * 0.5).mem)
    assert.equal(-5, (R { mem = 5 } * -1).mem)
    invalid(function() return a + 1 end, "'+'", "not 1")
    invalid(function() return nil - a end, "'-'", "not nil")
    invalid(function() return a * (0 / 0) end, "finite number")
    invalid(function() return a * math.huge end, "finite number")
    invalid(function() return a * a end, "finite number")
    local most = R { mem = 2 ^ 53, x = 2 ^ 53 }
    assert.is_true(most + R {} == most)
    assert.is_true(R { mem = 2 ^ 52, x = 2 ^ 52 } * 2 == most)
    assert.is_true(R { mem = 2 ^ 52, x = 2 ^ 52 } + R { mem = 2 ^ 52,
      x = 2 ^ 52 } == most)
    invalid(function() return R {} - most - R { mem = 1 } end, "-", "2^53")
    invalid(function() return most + R { mem = 1 } end, "+", "2^53")
    invalid(function() return most + R { x = 1 } end, "2^53")
    invalid(function() return most * 1.5 end, "2^53")
  end)

  it("are equal when all amounts are", function()
    assert.is_true(R { cpu = 0 } == R {})
    assert.is_true(R { x = 1, y = 2 } == R { y = 2, x = 1 })
    assert.is_false(R { x = 1 } == R { x = 1, y = 2 })
    assert.is_false(R { x = 1, y = 2 } == R { x = 1 })
    assert.is_false(R { cpu = 1 } == R { mem = 1 })
    assert.is_false(R {} == 0)
    assert.equal(R { x = 1, gpu = 2 }:key(), R { gpu = 2, x = 1, y = 0 }:key())
  end)

  it("take the larger and the smaller of each label", function()
    local a, b = R { cpu = 1, mem = 5, x = 2 }, R { cpu = 3, mem = 2, y = 4 }
    assert.is_true(a:max(b) == R { cpu = 3, mem = 5, x = 2, y = 4 })
    assert.is_true(a:min(b) == R { cpu = 1, mem = 2 })
    assert.is_true(a:min(b) == b:min(a))
    assert.equal(-1, (R {} - R { x = 1 }):min(R {}):get "x")
  end)

  it("divide, over the labels of both", function()
    local a, b = R { cpu = 1, mem = 8, x = 3 }, R { cpu = 4, x = 2, y = 1 }
    assert.same({ cpu = 0.25, x = 1.5 }, a:div(b))
    assert.equal(1.5, a:max_ratio(b))
    assert.equal(0, R { cpu = 1 }:max_ratio(R { mem = 1 }))
  end)

  it("have a magnitude: a core is worth 8 GiB", function()
    assert.equal(5, R { cpu = 4, mem = "8GiB", disk = "9TiB", gpu = 3 }
      :scaled_distance())
    assert.equal(3, R { cpu = 4 }:scaled_distance(R { cpu = 2, mem = "8GiB" }))
  end)

  it("know their share of a total over all labels (W8)", function()
    local total = R { cpu = 10, mem = 100, gpu = 2 }
    assert.equal(0.5, R { cpu = 1, mem = 5, gpu = 1 }:dominant_share(total))
    assert.equal(math.huge, R { x = 1 }:dominant_share(total))
    assert.equal(0, R {}:dominant_share(R {}))
    assert.equal(0, (R {} - R { cpu = 5 }):dominant_share(total))
  end)

  it("are exact: what was added can be taken away", function()
    local seed = 20
    math.randomseed(seed)
    for round = 1, 500 do
      local a = random_resources(2 ^ 31 - 1)
      local b = random_resources(2 ^ 31 - 1)
      local what = ("seed %d round %d: %s %s"):format(seed, round, tostring(a),
        tostring(b))
      assert.is_true(a + b - b == a, what)
      assert.is_true(a - b == (b - a) * -1, what)
      assert.is_true(a:max(b) + a:min(b) == a + b, what)
      assert.is_true((a + b):available(a), what)
      assert.equal(a == b, a:key() == b:key(), what)
      assert.is_true(R.parse(tostring(a)) == a, what)
      assert.equal(a:available(b), a:max(b) == a, what)
    end
  end)
end)

describe("requirements", function()
  it("grow by serial and by parallel work", function()
    local q = requirements {}
    assert.is_true(q:add_parallel(R { cpu = 2, mem = 4 }) == q)
    assert.equal(0, q.width)
    q:add_parallel(R { cpu = 1, mem = 8 }):add_serial(R { disk = 3 })
    assert.equal(1, q.width)
    assert.is_true(q.min == R { cpu = 2, mem = 8, disk = 3 })
    q:add(requirements { min = R { gpu = 1 }, width = 2 })
    assert.is_true(q == requirements { width = 3,
      min = { cpu = 2, mem = 8, disk = 3, gpu = 1 } })
    assert.equal("{mem:8B cpu:2 disk:3B gpu:1}#3", tostring(q))
    assert.equal("{mem:0B cpu:1 disk:0B}",
      tostring(requirements { min = { cpu = 1 }, width = 1 }))
  end)

  it("ask for min × (1 + width), whatever the width (W3)", function()
    for width = 0, 3 do
      local q = requirements { min = { cpu = 2, x = 1 }, width = width }
      local sum = R {}
      for _ = 0, width do
        sum = sum + q.min
      end
      assert.is_true(q:max() == sum)
    end
  end)

  it("refuse what they do not know", function()
    invalid(function() requirements { widht = 1 } end, "'widht'",
      "did you mean 'width'")
    invalid(function() requirements { width = -1 } end, "not -1")
    invalid(function() requirements { width = 1.5 } end, "not 1.5")
    invalid(function() requirements { width = 0 / 0 } end, "nan")
    invalid(function() requirements { min = { cpu = -1 } } end, "cpu")
    invalid(function() requirements(7) end, "not 7")
    invalid(function() requirements {}:add {} end, "a table")
  end)
end)
