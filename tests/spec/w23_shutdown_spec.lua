-- W23: submit after the stop blocked for ever, late grants and fallbacks left
-- things behind. Now each task is done exactly once and each alloc is freed.

local world = require "support.sched_world"

-- Every task ends once: the events that say so, by task.
local function count_ends(s)
  local ends = {}
  s:on("task.*", function(ev)
    if ev.kind == "task.done" or ev.kind == "task.failed"
      or ev.kind == "task.cancelled" then
      ends[ev.task] = (ends[ev.task] or 0) + 1
    end
  end)
  return ends
end

-- One task runs, one waits for an alloc that was asked for.
local function busy()
  local s, clock, fake = world.manual { max_pending_allocs = 10 }
  local ends = count_ends(s)
  local runs, waits = world.task { cpu = 4 }, world.task { cpu = 8 }
  s:submit(runs)
  local a = fake:alloc("a", { cpu = 4 })
  fake:next_request("1s"):grant(a)
  assert.is_true(runs:wait("running", "1s"))
  s:submit(waits)
  local req = fake:next_request("1s")
  return s, clock, fake, ends, runs, waits, a, req
end

local function ended_once(ends, n)
  local total = 0
  for id, times in pairs(ends) do
    assert.equal(1, times, id)
    total = total + 1
  end
  assert.equal(n, total)
end

describe("W23: stop", function()
  it("aborts: all tasks end with Canceled, all allocs are freed", function()
    local s, clock, _, ends, runs, waits, a, req = busy()
    assert.is_true(s:stop())
    for _, t in ipairs { runs, waits } do
      assert.equal("done", t:state())
      assert.equal("Canceled", t.err.kind)
    end
    clock:advance(1)
    ended_once(ends, 2)
    assert.equal(1, a:calls "free")
    assert.is_true(req.cancelled)
  end)

  it("drains: what runs may finish, what waits is cancelled", function()
    local s, clock, _, ends, runs, waits, a = busy()
    local stopped = clock:spawn(s.stop, s, { mode = "drain" })
    clock:advance(5)
    assert.equal("running", runs:state())
    assert.equal("Canceled", waits.err.kind)
    a:exec(runs:id()):complete()
    assert.is_true(stopped:wait("10s"))
    assert.is_nil(runs.err)
    clock:advance(1)
    ended_once(ends, 2)
    assert.equal(1, a:calls "free")
  end)

  it("tells what is left when it takes too long", function()
    local s, clock, _, _, runs, _, a = busy()
    local ok, err = s:stop { mode = "drain", timeout = "10s" }
    assert.is_nil(ok)
    assert.truthy(tostring(err):find("1", 1, true))
    assert.equal("running", runs:state())
    a:exec(runs:id()):complete()
    clock:advance(1)
    assert.equal("done", runs:state())
    assert.equal(1, a:calls "free")
  end)

  it("frees what is granted too late", function()
    local s, clock, fake, _, _, _, _, req = busy()
    assert.is_true(s:stop { timeout = "5s" })
    local late = fake:alloc("late", { cpu = 8 })
    req:grant(late)
    clock:advance(20)
    assert.equal(1, late:calls "free")
    assert.equal(0, #late:execs())
  end)

  it("refuses tasks from then on, and ends them", function()
    local s = busy()
    s:stop()
    local t = world.task { cpu = 1 }
    local n, err = s:submit(t)
    assert.is_nil(n)
    assert.equal("Canceled", err.kind)
    assert.equal("done", t:state())
    assert.equal("Canceled", t.err.kind)
  end)

  it("may be called twice, also at the same time", function()
    local s, clock, _, ends, _, _, a = busy()
    local first = clock:spawn(s.stop, s)
    local again = clock:spawn(s.stop, s)
    assert.is_true(first:wait("10s"))
    assert.is_true(again:wait("10s"))
    assert.is_true(s:stop())
    clock:advance(1)
    ended_once(ends, 2)
    assert.equal(1, a:calls "free")
  end)

  it("ends a task whose node hangs in put", function()
    local s, clock, fake = world.manual()
    local t = world.task { cpu = 1 }
    s:submit(t)
    local a = fake:alloc("a", { cpu = 1 })
    a:hang "put"
    fake:next_request("1s"):grant(a)
    clock:advance(1)
    assert.is_true(s:stop())
    assert.equal("done", t:state())
    assert.equal(1, a:calls "free")
  end)
end)
