local grid = require "neap.cli.grid"
local text = require "neap.cli.text"

describe("text on a terminal", function()
  it("has a width in columns, not in bytes", function()
    assert.equal(3, text.width "abc")
    assert.equal(2, text.width "né")
    assert.equal(4, text.width "日本")
    assert.equal(1, text.width "e\204\129")
    assert.equal(2, text.width "\27[31mab\27[0m")
  end)

  it("is cut at whole characters", function()
    assert.equal("abc", text.cut("abc", 3))
    assert.equal("ab…", text.cut("abcd", 3))
    assert.equal("日…", text.cut("日本語", 4))
    assert.equal("", text.cut("abc", 0))
  end)

  it("cannot move the cursor", function()
    assert.equal("a?[2Jb c", text.clean "a\27[2Jb\nc")
    assert.equal("x?y", text.clean "x\0y")
    assert.equal("x?y", text.clean "x\194\155y")
  end)
end)

describe("a table", function()
  local columns = {
    { key = "id", title = "ID" },
    { key = "n", title = "N", right = true },
    { key = "why", title = "WHY", give = true },
  }
  local rows = {
    { id = "r7.1", n = "8", why = "no alloc has 16 GiB free" },
    { id = "r7.12", n = "1000", why = { text = "short", colour = "red" } },
  }

  it("aligns its columns and ends its lines without blanks", function()
    assert.same({
      "ID        N  WHY",
      "r7.1      8  no alloc has 16 GiB free",
      "r7.12  1000  short",
    }, grid.lines(columns, rows, {}))
  end)

  it("lets a column give way when the screen is narrow", function()
    for _, line in ipairs(grid.lines(columns, rows, { width = 24 })) do
      assert.is_true(text.width(line) <= 24, line)
    end
    assert.equal("r7.1      8  no alloc h…",
                 grid.lines(columns, rows, { width = 24 })[2])
  end)

  it("never exceeds even a very narrow screen", function()
    for _, line in ipairs(grid.lines(columns, rows, { width = 9 })) do
      assert.is_true(text.width(line) <= 9, line)
    end
  end)

  it("has colours only when asked", function()
    local plain = table.concat(grid.lines(columns, rows, {}))
    assert.is_nil(plain:find "\27")
    local coloured = grid.lines(columns, rows, { paint = text.paint })
    assert.matches("\27%[31mshort\27%[0m$", coloured[3])
  end)

  it("as tab-separated values keeps a row in a line", function()
    assert.same({ "id\twhy", "a\\tb\tc\\nd\\\\" },
      grid.tsv({ "id", "why" }, { { id = "a\tb", why = "c\nd\\" } }))
  end)
end)
