local source = os.getenv "NEAP_SOURCE_DIR" or "."

local function examples(path)
  local handle = assert(io.open(source .. "/" .. path, "rb"))
  local text = handle:read "*a"
  handle:close()
  local list = {}
  for title, code in text:gmatch "\n## ([^\n]+)\n.-\n```lua\n(.-)\n```" do
    list[#list + 1] = { title = title, code = code }
  end
  return list
end

describe("docs/sched-values.md", function()
  local list = examples "docs/sched-values.md"

  it("has an example for each kind of value", function()
    assert.equal(5, #list)
  end)

  for _, example in ipairs(list) do
    it("tells the truth about: " .. example.title, function()
      assert(loadstring(example.code, "=" .. example.title))()
    end)
  end
end)
