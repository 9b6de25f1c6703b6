local core = require "neap.sched.core"
local core_world = require "support.core_world"
local resources = require "neap.sched.resources"

local function cpus(n, mem)
  return { cpu = n, mem = mem or "1GiB" }
end

describe("neap.sched.core", function()
  local w

  local function open(options)
    w = core_world.new(options)
    return w
  end

  after_each(function()
    if w then
      w.core:close()
      w.core:close() -- twice is fine
      w = nil
    end
    collectgarbage()
  end)

  it("runs a task on what it has asked for", function()
    open()
    assert.is_true(w.core:set_menu("c", { { name = "one",
      res = resources(cpus(2)), price = 3, walltime = 60 } }, w.now))
    w:submit { cpus(1) }
    w:turn()
    local wanted = w.wanted[1]
    assert.same({ "c", "one", 0, 1, 1, 3, 60 }, { wanted.pool, wanted.shape,
      wanted.width, wanted.count, wanted.index, wanted.price,
      wanted.walltime })
    assert.equal(resources(cpus(2)), wanted.min)
    w:grant(1)
    assert.equal(core.STAGING, w.state[1])
    assert.equal(1, w.on[1])
    assert.equal(resources(cpus(1, 0)), w.core:alloc_free(1))
    w:finish(1)
    w:take()
    assert.equal(core.DONE, w.state[1])
    assert.is_nil(w.core:task_err(w.tasks[1]))
    assert.is_false(w.core:idle()) -- the alloc is there
  end)

  it("waits for the window, and not longer", function()
    open { drain_ns = 50e6 }
    w.core:set_menu("c", nil, w.now)
    w:turn()
    w:submit { cpus(1) }
    assert.is_false(w.core:dirty(w.now + 49e6))
    assert.equal(w.now + 50e6, w.core:wake())
    w.now = w.now + 20e6
    w:submit { cpus(1) } -- does not restart it
    assert.equal(w.now + 30e6, w.core:wake())
    w:turn(0.03)
    assert.equal(1, #w.wanted)
    assert.equal(math.huge, w.core:wake())
  end)

  it("takes any label and any amount where a pool has no menu", function()
    open { packing = "default" }
    w.core:set_menu("c", nil, w.now)
    w:submit { { licence_x = 3, mem = 2 ^ 53, cpu = 2 ^ 53 / 1000 }, {} }
    w:turn()
    assert.equal("elastic", w.wanted[1].shape)
    assert.equal(3, w.wanted[1].min:get "licence_x")
    assert.equal(2 ^ 53, w.wanted[1].min.mem)
    w:grant(1)
    assert.equal(core.STAGING, w.state[1])
    assert.equal(core.STAGING, w.state[2])
    assert.same({}, w.core:complaints())
  end)

  it("says that a label is one too many", function()
    open()
    for i = 1, 28 do
      assert(w.core:task { res = resources { ["label" .. i] = 1 }, slot = i })
    end
    local handle, err = w.core:task { res = resources { more = 1 }, slot = 99 }
    assert.is_nil(handle)
    assert.equal("ResourcesExhausted", err.kind)
    assert.matches("'more' is one too many", err.message)
  end)

  it("has a task end that no shape holds, with the reason", function()
    open()
    w.core:set_menu("local", { { name = "a", res = resources(cpus(4)) } },
      w.now)
    w:submit { cpus(8) }
    w:take()
    assert.equal(core.DONE, w.state[1])
    local err = w.core:task_err(w.tasks[1])
    assert.equal("ResourcesExhausted", err.kind)
    assert.matches("needs 8 of cpu; the largest node", err.message)
  end)

  it("keeps a refused shape aside until the menu changes", function()
    open()
    local menu = { { name = "a", res = resources(cpus(4)) } }
    w.core:set_menu("c", menu, w.now)
    w:submit { cpus(1) }
    w:turn()
    w.core:refused(1, { kind = "NotSupported", message = "no" }, w.now)
    w:turn(3600)
    w.core:set_menu("c", menu, w.now)
    w:turn(1)
    assert.equal(1, #w.wanted)
    menu[1].price = 1
    w.core:set_menu("c", menu, w.now)
    w:turn(1)
    assert.equal(2, #w.wanted)
  end)

  it("does not put a lost task on the same alloc", function()
    open { packing = "default" }
    w.core:set_menu("c", nil, w.now)
    w:submit { cpus(1) }
    w:turn()
    w:grant(1, cpus(8))
    w.core:lost(w.tasks[1], { kind = "Net", message = "cable" }, w.now)
    w:turn()
    assert.equal(core.INIT, w.state[1])
    assert.equal(2, #w.wanted) -- although the first one has room
    w:submit { cpus(1) }
    w:turn()
    assert.equal(1, w.on[2]) -- others may go there
    w:grant(2)
    assert.equal(2, w.on[1])
  end)

  it("gives a task up at the n-th loss", function()
    open { max_attempts = 2 }
    w.core:set_menu("c", { { name = "one", res = resources(cpus(1)),
      max = 1 } }, w.now)
    w:submit { cpus(1) }
    w:turn()
    w:grant(1)
    for _ = 1, 2 do
      w.core:lost(w.tasks[1], { kind = "Timeout", message = "slow" }, w.now)
      w:turn()
    end
    assert.equal(core.DONE, w.state[1])
    local err = w.core:task_err(w.tasks[1])
    assert.equal("TooManyTries", err.kind)
    assert.matches("lost 2 times; the last time: slow", err.message)
  end)

  it("cancels, kills and stops", function()
    open()
    w.core:set_menu("c", nil, w.now)
    w:submit { cpus(1), cpus(1) }
    w:turn()
    w:grant(1, cpus(1))
    assert.equal(core.STAGING, w.state[1])
    assert.is_true(w.core:cancel(w.tasks[2], "not wanted", w.now))
    w:turn()
    assert.equal(core.DONE, w.state[2])
    assert.equal("not wanted", w.core:task_err(w.tasks[2]).message)
    assert.is_true(w.core:cancel(w.tasks[1], "nor this", w.now))
    assert.equal(1, (w:take() and w:count(core.KILL)))
    w.core:ended(w.tasks[1], nil, w.now)
    assert.equal("Canceled", w.core:task_err(w.tasks[1]).kind)
    assert.is_false(w.core:cancel(w.tasks[1], "again", w.now))
    w.core:stop(false, w.now)
    w:take()
    assert.equal(1, w:count(core.RELEASE))
    assert.is_true(w.core:released(1, w.now))
    for _, wanted in ipairs(w.wanted) do
      w.core:refused(wanted.number, { kind = "Canceled" }, w.now)
    end
    assert.is_true(w.core:idle())
    assert.is_false(w.core:released(1, w.now)) -- it has ended
  end)

  it("tells why a task waits", function()
    open { packing = "default" }
    w.core:set_menu("c", { { name = "one", res = resources(cpus(4, "8GiB")),
      max = 1 } }, w.now)
    w:submit { cpus(3), cpus(2), cpus(4) }
    w:turn()
    w:grant(1)
    local why = w.core:why(w.tasks[3], w.now, 1.8e9)
    assert.equal("capacity", why.verdict)
    assert.equal(2, why.position)
    assert.same({ 1 }, why.ahead)
    assert.equal(resources { cpu = 2 }, why.allocs[1].missing)
    assert.is_false(why.allocs[1].fits)
    assert.matches("^default@%x+$", why.pack)
    assert.equal("by_priority", why.priority)
    assert.equal(3, #why.key)
    assert.equal("staging", w.core:why(w.tasks[2], w.now, 1.8e9).verdict)
  end)

  it("follows changes of priority and of what is expected", function()
    open()
    w.core:set_menu("c", { { name = "one", res = resources(cpus(1)), max = 1,
      walltime = 100 } }, w.now)
    w:submit({ cpus(1), cpus(1), cpus(1) }, { expect = 10 })
    w:turn()
    w.core:set_priority(w.tasks[3], -1, w.now)
    w.core:set_expect(w.tasks[2], nil, w.now)
    w:grant(1)
    assert.same({ nil, nil, 1 }, w.on)
    w:finish(3)
    w:turn()
    assert.equal(1, w.on[1])
  end)

  it("counts", function()
    open()
    w.core:set_menu("c", nil, w.now)
    w:submit { cpus(1), cpus(1) }
    w:turn()
    local stats = w.core:stats()
    assert.equal(2, stats.queued)
    assert.equal(2, stats.total_tasks)
    assert.equal(1, stats.pending_allocs)
    assert.is_true(stats.bytes_per_task <= 256)
  end)

  it("refuses tasks that are not there or were submitted", function()
    open()
    w:submit { cpus(1) }
    assert.error_matches(function()
      w.core:submit({ w.tasks[1] }, 1, w.now)
    end, "submitted before")
    for _, method in ipairs { "running", "set_priority", "set_expect",
      "unref" } do
      assert.error_matches(function()
        w.core[method](w.core, 77, 0, w.now)
      end, "no task with the handle 77")
    end
    assert.error_matches(function()
      w.core:ended(77, { kind = "Net", message = "cable" }, w.now)
    end, "no task with the handle 77")
  end)

  it("refuses bad menus and keeps the old one", function()
    open()
    local one = { name = "a", res = resources(cpus(1)) }
    local ok, text = w.core:set_menu("c", { one, one }, w.now)
    assert.is_nil(ok)
    assert.matches("two shapes are called 'a'", text)
    ok, text = w.core:set_menu("c", { { name = "b", res = resources {} } },
      w.now)
    assert.is_nil(ok)
    assert.matches("there is nothing in shape 'b'", text)
    assert.is_true(w.core:set_menu("c", { one }, w.now))
  end)
end)

describe("requests of a pool without a menu", function()
  local w

  local function open(options)
    options.packing = options.packing or "default"
    w = core_world.new(options)
    w.core:set_menu("c", nil, w.now)
    return w
  end

  after_each(function()
    w.core:close()
  end)

  local function total(name)
    local sum = 0
    for _, wanted in ipairs(w.wanted) do
      sum = sum + wanted.min:get(name) * (1 + wanted.width)
    end
    return sum
  end

  for _, packing in ipairs { "default", "spread" } do
    it("are for what is needed, by " .. packing, function()
      open { packing = packing }
      w:submit { cpus(1, "60GiB"), cpus(16, "4GiB"), cpus(2, "8GiB") }
      w:turn()
      assert.equal(19, total "cpu")
      assert.equal(72 * 2 ^ 30, total "mem")
    end)
  end

  it("W4: are not multiplied by the smallest alloc", function()
    open { min_alloc = resources { cpu = 1, mem = "1GiB", disk = "1GiB" } }
    local many = {}
    for i = 1, 100 do
      many[i] = { cpu = 0.1, mem = "100MiB" }
    end
    w:submit(many)
    w:turn()
    assert.is_true(math.abs(total "cpu" - 10) < 1e-6)
    assert.equal(1, #w.wanted)
    assert.equal(2 ^ 30, w.wanted[1].min.disk)
    w.core:refused(1, { kind = "Canceled" }, w.now)
  end)

  it("are never less than the smallest alloc", function()
    open { min_alloc = { cpu = 4, mem = "2GiB" } }
    w:submit { cpus(1) }
    w:turn()
    assert.equal(resources(cpus(4, "2GiB")), w.wanted[1].min)
    w.core:set_limits { min_alloc = resources {} }
    w:submit { cpus(8) }
    w:turn()
    assert.equal(8, w.wanted[2].min.cpu)
  end)

  it("are as large as machines are, and smaller when refused", function()
    open { max_pending = 1 }
    local many = {}
    for i = 1, 500 do
      many[i] = cpus(1)
    end
    w:submit(many)
    w:turn()
    assert.equal(64, w.wanted[1].min.cpu)
    w.core:refused(w.wanted[1].number, { kind = "ResourcesExhausted",
      message = "too much" }, w.now)
    w:turn(6)
    assert.equal(32, w.wanted[2].min.cpu)
    w.core:refused(w.wanted[2].number, { kind = "Net", message = "cable" },
      w.now)
    w:turn(6)
    assert.equal(32, w.wanted[3].min.cpu) -- that was not the size's fault
    for n = 3, 6 do
      w:grant(n)
    end
    assert.equal(64, w.wanted[7].min.cpu) -- after four grants
  end)

  it("are larger for a task that is larger", function()
    open {}
    w:submit { cpus(1), cpus(100) }
    w:turn()
    assert.equal(101, total "cpu")
    assert.equal(100, math.max(w.wanted[1].min.cpu, w.wanted[2].min.cpu))
  end)

  it("go on for small tasks when nothing so large can be had", function()
    open { max_pending = 1 }
    w:submit { cpus(1), cpus(100) }
    w:turn()
    assert.equal(100, w.wanted[1].min.cpu)
    w.core:refused(w.wanted[1].number, { kind = "Unavailable", message = "" },
      w.now)
    w:turn(6)
    assert.equal(1, w.wanted[2].min.cpu)
  end)

  it("use what comes and ask again for the rest", function()
    open {}
    w:submit { cpus(2), cpus(2), cpus(2) }
    w:turn()
    assert.equal(6, w.wanted[1].min.cpu)
    w:grant(1, cpus(2))
    assert.equal(1, w.on[1])
    assert.equal(2, #w.wanted)
    assert.equal(4, w.wanted[2].min.cpu)
  end)

  it("leave idle allocs alone that are too small for what waits", function()
    open { max_idle_ns = 300e9 }
    w:submit { cpus(1) }
    w:turn()
    w:grant(1)
    w:finish(1)
    w:submit { cpus(4) }
    w:turn()
    assert.equal(0, w:count(core.RELEASE))
    w:grant(2)
    w:turn(299)
    assert.equal(0, w:count(core.RELEASE))
    w:turn(1.1)
    assert.equal(1, w:count(core.RELEASE))
  end)
end)
