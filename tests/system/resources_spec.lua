--- gpu and resources that people add: offered by the machine as they say,
--- packed, never overcommitted.
local system = require "support.system"

local head = "local neap = require 'neap'\n"

-- Each task notes when it begins and ends in a file of its own.
local script = head .. [[
local list = {}
for i = 1, 8 do
  list[i] = neap.task { name = "t", cpu = 0.1, mem = "16MiB",
    res = { licence_x = 1 }, gpu = i % 2,
    cmd = "sleep 0.1; : " .. i }
end
neap.all(list)
neap.task { name = "last", cpu = 0.1, cmd = "touch $READY; while [ ! -e $GO ]; "
  .. "do sleep 0.05; done", env = { READY = os.getenv "READY",
  GO = os.getenv "GO" } }:await()]]

describe("resources that the machine is said to have", function()
  local w

  before_each(function()
    w = system.world()
    w.env.READY, w.env.GO = w:path "ready", w:path "go"
  end)
  after_each(function()
    w:assert_clean()
    w:close()
  end)

  -- The most tasks for which `wanted` holds that ran at one time.
  local function most(tasks, wanted)
    local marks, now, top = {}, 0, 0
    for _, t in ipairs(tasks) do
      if t.name == "t" and wanted(t) then
        marks[#marks + 1] = { t.started, 1 }
        marks[#marks + 1] = { t.ended, -1 }
      end
    end
    table.sort(marks, function(a, b)
      if a[1] ~= b[1] then
        return a[1] < b[1] -- RFC 3339 in UTC sorts as text
      end
      return a[2] < b[2]
    end)
    for _, mark in ipairs(marks) do
      now = now + mark[2]
      top = math.max(top, now)
    end
    return top
  end

  local function overlaps(flags)
    local p = w:start_script(script, { flags = flags })
    system.eventually("eight tasks are over", 40, function()
      return system.read(w:path "ready")
    end)
    local doc = assert(w:json { "ps", "--state", "all" })
    w:file("go", "")
    local r = p:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(3, most(doc.tasks, function() return true end))
    assert.equal(1, most(doc.tasks, function(t)
      return (t.res.gpu or 0) > 0
    end))
  end

  it("by --res are used up to the last, and no further", function()
    overlaps { "--cpu", "2", "--res", "licence_x=3", "--res", "gpu=1" }
  end)

  it("by the config file too", function()
    w:file("neap.config.lua", "return { node = { licence_x = 3, gpu = 1 } }")
    overlaps { "--cpu", "2" }
  end)

  it("are named when there are none", function()
    local r = w:run(head .. [[
neap.task { name = "t", res = { licence_x = 1 }, cmd = "true" }:await()]])
    assert.equal(5, r.code, r.err)
    assert.matches("error%[E_UNSCHEDULABLE%]", r.err)
    assert.matches("licence_x", r.err)
    r = w:run(head .. [[
neap.task { name = "t", gpu = 2, cmd = "true" }:await()]], nil,
      { flags = { "--res", "gpu=1" } })
    assert.equal(5, r.code, r.err)
    assert.matches("needs 2 of gpu", r.err)
  end)

  it("are no other word for cpu", function()
    local r = w:run(head, nil, { flags = { "--res", "cpu=7" } })
    assert.equal(2, r.code, r.err)
    assert.matches("%-%-cpu", r.err)
  end)
end)
