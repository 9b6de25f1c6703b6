local tail = require "neap.cli.tail"

describe("the last lines of a log", function()
  -- gives at most `piece` bytes at a time
  local function last(text, n, piece)
    local offset = tail.offset(function(at)
      return text:sub(at + 1, at + piece), #text
    end, n)
    return text:sub(offset + 1)
  end

  it("begin where they should, however the log arrives", function()
    local cases = {
      { "a\nb\nc\n", 1, "c\n" }, { "a\nb\nc\n", 2, "b\nc\n" },
      { "a\nb\nc", 1, "c" }, { "a\nb\nc", 2, "b\nc" },
      { "a\nb\n", 9, "a\nb\n" }, { "a\nb", 9, "a\nb" }, { "", 3, "" },
      { "a\nb\n", 0, "" }, { "a\nb", 0, "" }, { "\n\n\n", 2, "\n\n" },
      { "abc", 1, "abc" },
    }
    for _, case in ipairs(cases) do
      for piece = 1, 4 do
        assert.equal(case[3], last(case[1], case[2], piece),
          ("%q, %d lines, pieces of %d"):format(case[1], case[2], piece))
      end
    end
  end)
end)
