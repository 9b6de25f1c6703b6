local params = require "neap.policy.params"

describe("neap.policy.params", function()
  local declared = {
    margin = { default = "60s", type = "duration" },
    room = { default = "1GiB", type = "size", max = "2GiB" },
    w = { default = 1, min = 0, max = 5 },
    n = { default = 2, type = "integer" },
    mode = { default = "slow", allowed = { "slow", "fast" } },
    shares = { default = {}, type = "table" },
    site = { type = "string" },
  }

  it("gives the defaults, converted", function()
    local values, problems = params.resolve(declared, {})
    assert.same({}, problems)
    assert.equal(60, values.margin)
    assert.equal(2 ^ 30, values.room)
    assert.equal(1, values.w)
    assert.equal("slow", values.mode)
    assert.is_nil(values.site)
  end)

  it("takes what is given", function()
    local values, problems = params.resolve(declared,
      { margin = 5, w = 2.5, mode = "fast", shares = { ada = 2 }, room = "1M" })
    assert.same({}, problems)
    assert.equal(5, values.margin)
    assert.equal(2.5, values.w)
    assert.equal(2 ^ 20, values.room)
    assert.same({ ada = 2 }, values.shares)
  end)

  it("lists every problem", function()
    local _, problems = params.resolve(declared,
      { margn = 1, w = 9, n = 1.5, mode = "fats", room = "3GiB" })
    local text = table.concat(problems, "\n")
    assert.equal(5, #problems)
    assert.truthy(text:find("unknown parameter 'margn' (did you mean "
      .. "'margin'?)", 1, true))
    assert.truthy(text:find("'w': must be at most 5, not 9", 1, true))
    assert.truthy(text:find("'n': expected a whole number, got 1.5", 1, true))
    assert.truthy(text:find("(did you mean 'fast'?)", 1, true))
    assert.truthy(text:find("'room': must be at most 2GiB", 1, true))
  end)

  it("refuses a wrong declaration", function()
    local _, problems = params.resolve(
      { a = { defualt = 1 }, b = { type = "numbr" }, c = 3,
        d = { required = true }, e = { default = -1, min = 0 } }, {})
    local text = table.concat(problems, "\n")
    assert.truthy(text:find("'defualt' (did you mean 'default'?)", 1, true))
    assert.truthy(text:find("type 'numbr' (did you mean 'number'?)", 1, true))
    assert.truthy(text:find("parameter 'c': is declared as", 1, true))
    assert.truthy(text:find("parameter 'd' is required", 1, true))
    assert.truthy(text:find("parameter 'e': default must be at least", 1, true))
  end)

  it("raises when an undeclared parameter is read", function()
    local values = params.resolve(declared, {})
    assert.has_error(function() return values.margi end,
      "'margi' is no parameter of this policy (did you mean 'margin'?)")
  end)
end)
