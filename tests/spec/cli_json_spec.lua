local json = require "neap.cli.json"
local public = require "neap.cli.public"

describe("JSON for the outside", function()
  it("keeps empty lists and empty objects apart", function()
    assert.equal('{"a":[],"b":{}}',
                 json.encode { a = json.list {}, b = {} })
  end)

  it("writes whole numbers exactly", function()
    assert.equal("9007199254740991", json.encode(2 ^ 53 - 1))
    assert.equal("0.25", json.encode(0.25))
    assert.equal("null", json.encode(0 / 0))
  end)

  it("has its keys in order, the schema first", function()
    assert.equal('{"schema":"s","a":1,"z":2}',
                 json.encode { z = 2, schema = "s", a = 1 })
  end)

  it("is UTF-8 whatever the strings hold", function()
    assert.equal('"a\239\191\189b/é"', json.encode "a\255b/é")
    assert.equal('"\\u0000\\n"', json.encode "\0\n")
  end)
end)

describe("what is public", function()
  it("has times as RFC 3339 with milliseconds", function()
    assert.equal("1970-01-01T00:16:40.250Z", public.time(1000.25))
    assert.equal("1970-01-01T00:00:02.000Z", public.time(1.9999))
    local row = public.copy { started = 0.5, runtime = 3,
                              attempts = { { ended = 1 } } }
    assert.equal("1970-01-01T00:00:00.500Z", row.started)
    assert.equal(3, row.runtime)
    assert.equal("1970-01-01T00:00:01.000Z", row.attempts[1].ended)
  end)

  it("leaves users' own names alone", function()
    local row = public.copy { params = { started = 7, tasks = {} },
                              outputs = { started = { kind = "file" } } }
    assert.equal(7, row.params.started)
    assert.equal("{}", json.encode(row.params.tasks))
    assert.equal("file", row.outputs.started.kind)
  end)

  it("has lists where lists belong, also empty ones", function()
    assert.equal('{"deps":[],"labels":{}}',
                 json.encode(public.copy { deps = {}, labels = {} }))
  end)
end)
