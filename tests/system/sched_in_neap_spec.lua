--- `neap.sched` in the neap program: the example of its description, as it is
--- printed there.

local system = require "support.system"

describe("neap.sched in neap", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  it("runs the example", function()
    local r = w:run(([[
assert = require "luassert"
function it(name, fn)
  fn()
  print(name)
end
loadfile "%s/tests/spec/sched_example_spec.lua"()]]):format(system.source))
    assert.equal(0, r.code, r.err)
    assert.equal("gives a task back when its alloc dies\n", r.out)
  end)
end)
