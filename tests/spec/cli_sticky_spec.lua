local cli_core = require "support.cli_core"
local sticky = require "neap.cli.sticky"

describe("sticky lines", function()
  local core, bar, columns

  before_each(function()
    columns = 80
    core = cli_core.new { tty = true }
    function core.columns() return columns end
    bar = sticky.new(core)
    bar:on()
  end)

  after_each(function()
    bar:off()
  end)

  -- What a terminal shows after all that was written: rows of text.
  local function screen()
    local rows, row, column = { "" }, 1, 0
    local i, data = 1, core.stderr()
    while i <= #data do
      local up = data:match("^\27%[(%d+)A", i)
      if up then
        row, i = row - tonumber(up), i + #up + 3
      elseif data:sub(i, i + 2) == "\27[J" then
        rows[row] = rows[row]:sub(1, column)
        for r = row + 1, #rows do
          rows[r] = nil
        end
        i = i + 3
      else
        local c = data:sub(i, i)
        i = i + 1
        if c == "\r" then
          column = 0
        elseif c == "\n" then
          row, column = row + 1, 0
          rows[row] = rows[row] or ""
        else
          if column == columns then
            row, column = row + 1, 0
            rows[row] = rows[row] or ""
          end
          rows[row] = rows[row]:sub(1, column) .. c
          column = column + 1
        end
      end
    end
    return table.concat(rows, "\n")
  end

  it("are replaced where they stand", function()
    bar:draw { "one", "two" }
    bar:draw { "three" }
    assert.equal("three", screen())
    bar:clear()
    assert.equal("", screen())
  end)

  it("make room for everything else that is written", function()
    bar:draw { "bar one", "bar two" }
    core.output(2, "a line\n")
    bar:draw { "bar three" }
    core.output(2, "another\n")
    assert.equal("a line\nanother\n", screen())
    bar:draw { "bar" }
    assert.equal("a line\nanother\nbar", screen())
  end)

  it("wait for the end of a line that somebody writes", function()
    core.output(2, "half")
    bar:draw { "bar" }
    assert.equal("half", screen())
    core.output(2, " a line\n")
    bar:draw { "bar" }
    assert.equal("half a line\nbar", screen())
  end)

  it("are taken away whole when the screen has become narrower", function()
    core.output(2, "above\n")
    bar:draw { ("x"):rep(30), "two" }
    columns = 10 -- the terminal folds the first into three rows
    core.err = { "above\n", ("x"):rep(30) .. "\ntwo" }
    bar:clear()
    assert.equal("above\n", screen())
  end)

  it("leave everything as it was", function()
    local print_before, write_before = print, io.write
    bar:off()
    assert.is_true(print ~= print_before)
    assert.is_true(io.write ~= write_before)
    bar:on()
    bar:off()
    core.output(2, "x")
    bar:on()
  end)
end)
