local selection = require "neap.cli.select"

describe("a selector", function()
  local function term(text)
    local terms = assert(selection.parse(text))
    assert.equal(1, #terms)
    return terms[1]
  end

  it("names a run, a task, or some of them", function()
    local row = { id = "r7.12", run = "r7", n = 12, name = "count",
                  alloc = "a2" }
    local cases = {
      { "r7.12", true }, { "r7.13", false }, { "r8.12", false },
      { "r7.1-20", true }, { "r7.1-20:2", false }, { "r7.2-20:2", true },
      { "r7.12#2", true }, { "a2", true }, { "a3", false },
      { "@count", true }, { "@c*t", true }, { "@cou", false },
      { "@[a-c]ount", true }, { "@[!a-c]ount", false }, { "@c?unt", true },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], selection.task(term(case[1]), row), case[1])
    end
  end)

  it("names whole runs", function()
    local run = { id = "r3", script = "flows/word.count.lua" }
    local cases = {
      { "r3", true }, { "r4", false }, { "r1-5", true }, { "r4-9", false },
      { "all", true }, { "last", true }, { "@word.count", true },
      { "@word*", true }, { "@wordXcount", false }, { "r3.1", false },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], selection.run(term(case[1]), run, "r3"), case[1])
    end
    assert.is_false(selection.run(term "last", run, "r4"))
  end)

  it("is a union at commas", function()
    local terms = assert(selection.parse "r1,r2.3,@x")
    assert.same({ "r1", "r2.3", "@x" },
                { terms[1].text, terms[2].text, terms[3].text })
  end)

  it("that is wrong is refused with what was meant", function()
    local cases = {
      { "7.2", "did you mean 'r7.2'" }, { "count", "'@count'" },
      { "r0", "count from 1" }, { "r7.5-3", "ends before it begins" },
      { "", "is no selector" }, { "r1,,r2", "is no selector" },
      { "r7.1-9:0", "count from 1" }, { "r99999999999999", "from 1" },
      { "sha256:ab", "digests are not" }, { "r7.2.3", "is no selector" },
    }
    for _, case in ipairs(cases) do
      local terms, message = selection.parse(case[1])
      assert.is_nil(terms, case[1])
      assert.matches(case[2], message, 1, true)
    end
  end)

  it("of one task gives its id and attempt", function()
    local id, attempt = selection.single(assert(selection.parse "r7.3#2"))
    assert.same({ "r7.3", 2 }, { id, attempt })
    assert.is_nil(selection.single(assert(selection.parse "r7.3-4")))
    assert.is_nil(selection.single(assert(selection.parse "r7.3,r7.4")))
  end)
end)
