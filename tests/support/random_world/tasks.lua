--- Tasks of a random world.

local clusters = require "support.random_world.cluster"
local sched = require "neap.sched"

local tasks = {}

local R = sched.resources

--- Blob stores for externs: "mem://in/data" exists.
function tasks.mux()
  local store = sched.blob.memory()
  local mux = sched.mux { mem = store }
  mux:put("mem://in/data", "seven b")
  return mux
end

local function pick_resources(dice)
  if dice:chance(0.03) then
    return { cpu = 1000 } -- nobody has so much
  elseif dice:chance(0.05) then
    return {}
  end
  local most = clusters.LARGEST
  return {
    cpu = dice:int(0, 2 * (dice:chance(0.8) and 4 or most.cpu)) / 2,
    mem = dice:int(0, dice:chance(0.8) and 8 or 64) * 2 ^ 30,
    gpu = dice:chance(0.1) and dice:int(1, most.gpu) or 0,
    licence = dice:chance(0.1) and dice:int(1, 4) or 0,
  }
end

-- An input of its own: what is loaded is known by it.
local function input(world, entry, i)
  local fs = sched.fileset {
    f = { source = ("random://%s/%d"):format(entry.ident, i), size = 9 },
  }
  local resolved = sched.fileset {
    f = world.outputs[2]:get("f1"), list = nil,
  }
  world.inputs[fs] = { entry = entry, resolved = resolved }
  world.resolved[resolved] = entry
  return { fileset = fs }
end

local function args(world, entry)
  local list = {}
  for i = 1, world.dice:pick { 0, 0, 0, 1, 2, 3 } do
    list[i] = input(world, entry, i)
  end
  if world.dice:chance(0.5) then
    list[#list + 1] = { out = true, index = 0 }
  end
  return list
end

-- An extern is a copy: by the stores themselves, or on an alloc.
local function extern(world, entry)
  if world.dice:chance(0.5) then
    return "mem://out/" .. entry.ident, { {
      fileset = sched.fileset {
        ["."] = { source = "mem://in/data", size = 7 },
      },
    } }
  end
  return "random://elsewhere/" .. entry.ident, { input(world, entry, 1) }
end

--- A task that was not submitted yet, and the world's book about it.
function tasks.new(world)
  local dice = world.dice
  world.ntasks = (world.ntasks or 0) + 1
  local entry = {
    ident = "t" .. world.ntasks, execs = {}, ends = 0, hung = false,
    type = dice:pick { "exec", "exec", "exec", "exec", "intern", "extern" },
  }
  local url, list
  if entry.type == "extern" then
    url, list = extern(world, entry)
  end
  entry.task = sched.task {
    ident = entry.ident, type = entry.type, cmd = "random", url = url,
    args = list or args(world, entry), resources = R(pick_resources(dice)),
    priority = dice:int(-3, 3), post_use_checksum = dice:chance(0.3),
    expected_duration = dice:chance(0.5) and dice:int(0, 300) or nil,
    run_id = dice:pick { "run-a", "run-b" },
  }
  world.entries[entry.ident] = entry
  return entry
end

--- Is one of them in a call that never returns?
function tasks.any_hung(world)
  for _, entry in ipairs(world.accepted) do
    if entry.hung and entry.task:state() ~= "done" then
      return true
    end
  end
  return false
end

return tasks
