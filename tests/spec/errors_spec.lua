local errors = require "neap.errors"

describe("errors", function()
  it("are one line as text and many when formatted", function()
    local err = errors.new("E_EXIT", "task 'bwa-mem' (r7.3) exited with 1", {
      task = "r7.3", where = "align.lua:38", called_from = "align.lua:45",
      stderr_tail = "[E] fail\nto locate\n",
    })
    assert.equal("E_EXIT: task 'bwa-mem' (r7.3) exited with 1", tostring(err))
    assert.equal([[
error[E_EXIT]: task 'bwa-mem' (r7.3) exited with 1
  --> align.lua:38  called from align.lua:45
  | [E] fail
  | to locate
  cmd:   neap info r7.3 --cmd        logs: neap logs r7.3]],
      errors.format(err))
  end)

  it("show causes once, hints, and the place of Lua's own errors", function()
    local cause = errors.new("E_EXIT", "it failed", { stderr_tail = "why" })
    local err = errors.new("E_UPSTREAM", "skipped",
      { cause = cause, hint = "h" })
    cause.cause = err
    local text = errors.format(err)
    assert.truthy(text:find("  because: E_EXIT: it failed\n  | why", 1, true))
    assert.truthy(text:find("  hint: h", 1, true))
    assert.equal("error: boom\n  --> x.lua:12", errors.format("x.lua:12: boom"))
    assert.equal("error: plain", errors.format("plain"))
  end)

  it("have exit codes", function()
    assert.equal(2, errors.exit_code(errors.new("E_USAGE", "")))
    assert.equal(4, errors.exit_code(errors.new("E_CONN", "")))
    assert.equal(1, errors.exit_code("text"))
  end)
end)
