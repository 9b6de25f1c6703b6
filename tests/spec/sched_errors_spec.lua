local errors = require "neap.sched.errors"

local function raised(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

describe("errors of the scheduler", function()
  local texts = {
    Canceled = "canceled", Timeout = "timeout", Temporary = "temporary",
    NotExist = "resource does not exist", NotAllowed = "access denied",
    NotSupported = "operation not supported",
    TooManyTries = "too many tries", Integrity = "integrity error",
    ResourcesExhausted = "resources exhausted", Eval = "evaluation error",
    Unavailable = "unavailable", Fatal = "fatal", Invalid = "invalid",
    Net = "network error", Precondition = "precondition was not met",
    OOM = "OOM error", Module = "module", Exec = "exec",
  }

  it("have a kind that says something", function()
    for kind, text in pairs(texts) do
      assert.equal(text .. ": x 1", tostring(errors.new(kind, "x %d", 1)))
      assert.equal(text, tostring(errors.new(kind)))
    end
    assert.equal("x", tostring(errors.new("Other", "x")))
  end)

  it("keep the message as it was written", function()
    local err = errors.new("Net", "50% of '%s'")
    assert.equal("50% of '%s'", err.message)
    assert.equal("Net", err.kind)
    assert.equal("got 3", errors.new("Net", "got %d", 3).message)
  end)

  it("take an error as cause", function()
    local cause = errors.new("Net", "reset")
    local err = errors.new("Fatal", cause)
    assert.equal("Fatal", err.kind)
    assert.is_true(rawequal(cause, err.cause))
    assert.equal("fatal: network error: reset", tostring(err))
  end)

  it("raise for a kind that nobody knows", function()
    local err = raised(errors.new, "NotExit", "x")
    assert.equal("Invalid", err.kind)
    assert.truthy(err.message:find("'NotExist'", 1, true))
    assert.equal("Invalid", raised(errors.is, "Nix", err).kind)
    assert.equal("Invalid", raised(errors.new).kind)
    assert.equal("Invalid", raised(errors.new, "Net", 7).kind)
  end)

  it("are wrapped without being changed", function()
    local inner = errors.new("NotExist", "no such object")
    local err = errors.wrap("load", { "a", 2 }, inner)
    assert.equal("NotExist", err.kind)
    assert.same({ "a", "2" }, err.args)
    assert.equal("load a 2: resource does not exist: no such object",
      tostring(err))
    local outer = errors.wrap("task", "t7", err)
    assert.equal("task t7: resource does not exist:\n\tload a 2:"
      .. " no such object", tostring(outer))
    assert.equal("resource does not exist: no such object", tostring(inner))
  end)

  it("print each kind once, and another kind again", function()
    local err = errors.wrap("a", nil, errors.new("Fatal",
      errors.wrap("b", nil, errors.new("Net", "reset"))))
    assert.equal("a: fatal:\n\tb: network error: reset", tostring(err))
  end)

  it("wrap a text, and nothing at all", function()
    local err = errors.wrap("read", { "x" }, "short")
    assert.equal("Other", err.kind)
    assert.equal("read x: short", tostring(err))
    assert.is_nil(errors.wrap("read", { "x" }, nil))
    assert.equal("Invalid", raised(errors.wrap, 7, {}, err).kind)
  end)

  it("are of the first kind in the chain that says something", function()
    local err = errors.new("Other", errors.new("Timeout", "x"))
    assert.is_true(errors.is("Timeout", err))
    assert.is_false(errors.is("Net", err))
    assert.is_false(errors.is("Other", err))
    assert.is_false(errors.is("Other", errors.new("Other", "x")))
    assert.is_false(errors.is("Net", nil))
    assert.is_false(errors.is("Net", "Net"))
    assert.is_false(errors.is("Net",
      errors.new("Fatal", errors.new("Net"))))
  end)

  -- kind -> transient, restartable, non-retryable
  local classes = {
    Other = {}, Canceled = {}, Timeout = { true, true },
    Temporary = { true, true }, NotExist = { false, false, true },
    NotAllowed = {}, NotSupported = { false, false, true },
    TooManyTries = { true, true }, Integrity = {}, ResourcesExhausted = {},
    Eval = {}, Unavailable = { true, true }, Fatal = { false, false, true },
    Invalid = { false, false, true }, Net = { false, true },
    Precondition = {}, OOM = {}, Module = { false, false, true },
    Exec = { false, false, true },
  }

  it("fall into classes by their kind", function()
    local n = 0
    for kind, class in pairs(classes) do
      local err = errors.new(kind, "x")
      assert.equal(class[1] or false, errors.transient(err), kind)
      assert.equal(class[2] or false, errors.restartable(err), kind)
      assert.equal(class[3] or false, errors.non_retryable(err), kind)
      n = n + 1
    end
    assert.equal(19, n)
    for kind in pairs(errors.kinds) do
      assert.is_table(classes[kind], kind)
    end
  end)

  it("are restartable by the first kind that decides", function()
    local function chain(...)
      local err
      for i = select("#", ...), 1, -1 do
        err = errors.new((select(i, ...)), err)
      end
      return err
    end
    assert.is_true(errors.restartable(chain("Integrity", "Net")))
    assert.is_true(errors.restartable(chain("NotExist", "Other", "Timeout")))
    assert.is_true(errors.restartable(chain("Net", "Fatal")))
    for _, stop in ipairs { "Canceled", "Fatal", "NotSupported", "NotAllowed",
      "Module", "Exec" } do
      assert.is_false(errors.restartable(chain("OOM", stop, "Net")), stop)
    end
    assert.is_false(errors.transient(chain("Integrity", "Timeout")))
    assert.is_false(errors.non_retryable(chain("Net", "Fatal")))
    assert.is_false(errors.restartable(nil))
    assert.is_false(errors.transient("Timeout"))
    assert.is_false(errors.non_retryable(nil))
  end)

  it("are collected", function()
    local a, b = errors.new("Net", "b"), errors.new("Fatal", "a")
    assert.is_nil(errors.multi {})
    assert.is_nil(errors.multi(nil))
    assert.equal(a, errors.multi { a })
    local both = errors.multi { a, b }
    assert.equal("[2 errs]: [fatal: a], [network error: b]", tostring(both))
    assert.equal(2, #both.errors)
    assert.is_false(errors.is("Net", both))
  end)

  it("match a pattern in every field that it has", function()
    local err = errors.wrap("load", { "a", "b" }, errors.new("Net", "reset"))
    local hits = {
      {}, { kind = "Net" }, { kind = "Other", op = "load" },
      { args = { "a", "b" } }, { op = "", args = {} },
      { cause = { message = "reset" } }, err, { kind = "Net", cause = {} },
    }
    for i, pattern in ipairs(hits) do
      assert.is_true(errors.match(pattern, err), i)
    end
    local misses = {
      { kind = "Fatal" }, { op = "put" }, { args = { "a" } },
      { args = { "a", "c" } }, { message = "reset" },
      { cause = { kind = "Fatal" } }, { cause = { cause = {} } },
    }
    for i, pattern in ipairs(misses) do
      assert.is_false(errors.match(pattern, err), i)
    end
    assert.is_false(errors.match({}, nil))
    assert.equal("Invalid", raised(errors.match, nil, err).kind)
  end)

  it("travel as JSON", function()
    local err = errors.wrap("load", { 'quote "', "ü\n" },
      errors.new("Exec", errors.new("Net", "reset\0by peer")))
    local text = errors.encode(err)
    assert.equal(text, errors.encode(errors.decode(text)))
    assert.is_true(err == errors.decode(text))
    assert.equal(tostring(err), tostring(errors.decode(text)))
    local both = errors.multi { err, errors.new("Timeout") }
    assert.is_true(both == errors.decode(errors.encode(both)))
    assert.is_false(err == both)
  end)

  it("are encoded in one order of fields", function()
    assert.equal('{"kind":"Net","op":"get","args":["u"],"cause":'
      .. '{"kind":"Net","message":"reset"}}',
      errors.encode(errors.wrap("get", { "u" }, errors.new("Net", "reset"))))
  end)

  it("refuse JSON that is no error", function()
    for _, text in ipairs {
      "", "{", "null", "7", "[]", "{}", '{"kind":"Nix"}', '{"kind":7}',
      '{"kind":"Net","op":7}', '{"kind":"Net","args":"x"}',
      '{"kind":"Net","args":[1]}', '{"kind":"Net","cause":{}}',
      '{"kind":"Net","cause":"x"}', '{"kind":"Net","errors":[{}]}',
    } do
      local err, why = errors.decode(text)
      assert.is_nil(err, text)
      assert.is_true(errors.is("Invalid", why), text)
    end
    assert.equal("Invalid", raised(errors.decode, 7).kind)
    assert.equal("Invalid", raised(errors.encode, {}).kind)
  end)

  it("come from whatever was raised", function()
    local err = errors.new("Net", "x")
    assert.is_true(rawequal(err, errors.from(err)))
    local made = errors.from { kind = "Timeout", message = "slow" }
    assert.is_true(errors.is("Timeout", made))
    assert.equal("timeout: slow", tostring(made))
    for _, value in ipairs { "text", 7, true, { kind = "Nix" } } do
      local fatal = errors.from(value)
      assert.equal("Fatal", fatal.kind)
      assert.equal(tostring(value), fatal.message)
    end
    assert.equal("Fatal", errors.from(nil).kind)
  end)

  it("are raised with the place of the caller", function()
    local err = raised(function() errors.raise("no %s", "luck") end)
    assert.equal("Invalid", err.kind)
    assert.equal("no luck", err.message)
    assert.truthy(err.where:find("sched_errors_spec.lua:%d+$"), err.where)
    assert.equal("invalid: no luck", tostring(err))
  end)

  it("are shown with their place at the end of a script", function()
    local err = raised(function() errors.raise("no %s", "luck") end)
    assert.matches("^error: invalid: no luck\n  %-%-> .*_spec.lua:%d+$",
      require("neap.errors").format(err))
  end)

  it("believes nothing of what others made", function()
    local ring = { kind = "Net", message = "round" }
    ring.cause = ring
    local err = errors.from(ring)
    assert.is_true(errors.is("Net", err))
    assert.is_true(#tostring(err) < 1000)
    local odd = errors.from {
      kind = "Net", op = 5, args = "x", message = {}, cause = 7,
    }
    assert.matches("^5 x: network error: table: .*: 7$", tostring(odd))
    local mute = setmetatable({}, { __tostring = function() error "no" end })
    assert.equal("fatal: a table that has no text",
      tostring(errors.from(mute)))
  end)

  it("ends with chains that do not", function()
    local err = errors.new("Other", "x")
    err.cause = err
    assert.is_false(errors.is("Net", err))
    assert.is_false(errors.restartable(err))
    assert.is_true(#tostring(err) < 1000)
  end)
end)
