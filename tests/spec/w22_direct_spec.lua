-- W22: direct transfers ran without limit and without pauses, were not awaited
-- at shutdown, not counted, and after a fallback the task stayed Lost.

local sched = require "neap.sched"
local world = require "support.sched_world"

-- n objects in mem://src, to be copied to mem://dst; a copy does `copy(clock)`.
local function transfer(n, copy, url)
  local store = sched.blob.memory()
  local mux = sched.mux { mem = store }
  local s, clock, fake = world.manual { mux = mux }
  local src, dst, map = store:bucket "src", store:bucket "dst", {}
  for i = 1, n do
    src:put("k" .. i, "data " .. i)
    local entry = src:file("k" .. i)
    map["f" .. i] = {
      source = "mem://src/k" .. i, size = entry.size, etag = entry.etag,
    }
  end
  local now, seen = 0, { most = 0, calls = {} }
  local copy_from = dst.copy_from
  dst.copy_from = function(...)
    now = now + 1
    seen.most = math.max(seen.most, now)
    seen.calls[#seen.calls + 1] = clock:now()
    local ok, err = copy(clock)
    now = now - 1
    if not ok then
      return nil, err
    end
    return copy_from(...)
  end
  local t = sched.task {
    ident = "out", type = "extern", url = url or "mem://dst/out",
    args = { { fileset = sched.fileset(map) } },
  }
  return s, clock, fake, t, dst, seen
end

local function second(clock)
  clock:sleep(1)
  return true
end

local function refuse()
  return nil, sched.errors.new("Unavailable", "try later")
end

describe("W22: a direct transfer", function()
  it("keeps to the limit of its endpoints", function()
    local s, clock, fake, t, dst, seen = transfer(100, second)
    s:submit(t)
    assert.is_true(t:wait("done", "1m"))
    assert.is_nil(t.err)
    assert.is_nil(t.result.err)
    assert.equal(100, t.result.fileset:n())
    assert.equal(100, #dst:scan "out/")
    assert.equal(20, seen.most)
    assert.is_true(clock:now() >= 5 and clock:now() < 6)
    assert.equal(0, fake:pending())
  end)

  it("waits between rounds that bring nothing, then says so", function()
    local s, _, _, t, _, seen = transfer(3, refuse)
    s:submit(t)
    assert.is_true(t:wait("done", "10m"))
    assert.is_nil(t.err)
    assert.truthy(tostring(t.result.err):find("stalled", 1, true))
    assert.equal(12, #seen.calls)
    for i = 4, 12, 3 do
      assert.is_true(seen.calls[i] > seen.calls[i - 1], "no pause")
    end
    local row = s.stats:get()
    assert.equal(1, row.failed)
  end)

  it("counts as running, and once", function()
    local s, clock, _, t = transfer(1, second)
    s:submit(t)
    clock:advance(0.5)
    local stats = s.stats:get()
    assert.equal(1, stats.running)
    assert.equal(1, stats.total_tasks)
    assert.equal("running", t:state())
  end)

  it("is finished by a stop that drains", function()
    local s, _, _, t = transfer(60, second)
    s:submit(t)
    assert.is_true(t:wait("running", "1s"))
    assert.is_true(s:stop { mode = "drain" })
    assert.equal("done", t:state())
    assert.is_nil(t.err)
    assert.equal(60, t.result.fileset:n())
  end)

  it("is ended by a stop that aborts", function()
    local s, clock, _, t = transfer(60, second)
    s:submit(t)
    assert.is_true(t:wait("running", "1s"))
    assert.is_true(s:stop { mode = "abort" })
    assert.is_true(clock:now() < 2.5)
    assert.equal("Canceled", t.err.kind)
  end)

  it("that is not supported is queued, never lost, and counted once",
    function()
      local s, clock, fake, t = transfer(2, second, "tape://dst/out")
      local kinds = {}
      s:on("task.*", function(ev) kinds[#kinds + 1] = ev.kind end)
      s:submit(t)
      local req = fake:next_request("1m")
      assert.equal("init", t:state())
      assert.equal(0, t:attempt())
      assert.is_nil((t:wait("running", "1s")))
      req:grant(fake:alloc("a", { cpu = 1 }))
      assert.is_true(t:wait("running", "1s"))
      clock:advance(1)
      assert.equal(1, s.stats:get().total_tasks)
      local n = {}
      for _, kind in ipairs(kinds) do
        n[kind] = (n[kind] or 0) + 1
      end
      assert.equal(1, n["task.retry"])
      assert.is_nil(n["task.lost"])
    end)
end)
