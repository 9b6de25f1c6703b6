local policy = require "neap.policy"

local function message(fn)
  local ok, text = pcall(fn)
  assert.is_false(ok)
  return text
end

describe("neap.policy", function()
  it("returns what was declared, with its kind and name", function()
    local cost = function() end
    local made = policy.pack "best" { api = 1, cost = cost }
    assert.equal("pack", made.kind)
    assert.equal("best", made.name)
    assert.equal(cost, made.cost)
    local key = policy.priority "first" { api = 1, key = function() end }
    assert.equal("priority", key.kind)
  end)

  it("lists every wrong field", function()
    local text = message(function()
      policy.pack "p" { cots = 1, release = 3, preempt = print }
    end)
    assert.truthy(text:find("'cots' of policy.pack (did you mean 'cost'?)",
      1, true))
    assert.truthy(text:find("'release' must be a function, not a number",
      1, true))
    assert.truthy(text:find("'preempt' is not carried out", 1, true))
    assert.truthy(text:find("'api' must be 1, not nil", 1, true))
  end)

  it("wants a key and known events of a priority policy", function()
    local text = message(function()
      policy.priority "p" { api = 1, on = { ["task.dnoe"] = print },
        refresh = -1, admit = print }
    end)
    assert.truthy(text:find("needs a function `key`", 1, true))
    assert.truthy(text:find("(did you mean 'task.done'?)", 1, true))
    assert.truthy(text:find("'refresh' must be at least 0", 1, true))
    assert.truthy(text:find("'admit' is not carried out", 1, true))
  end)

  it("lets a part be switched off", function()
    assert.is_false(policy.pack "p" { api = 1, acquire = false }.acquire)
  end)

  it("wants a name that can be typed", function()
    assert.truthy(message(function() policy.pack "a b" {} end)
      :find("a policy's name is a word", 1, true))
    assert.truthy(message(function() policy.pack {} end)
      :find("a policy's name is a word", 1, true))
  end)
end)
