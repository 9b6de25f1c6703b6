--- The driver of tests/bench/run. Every measurement of a case is preceded by
--- one of its baseline, and the ratio is taken pair by pair: other work on the
--- machine then hits both. Where the real-time class is allowed, it is used.
local cjson = require "cjson"

io.stdout:setvbuf("line")

local top = table.remove(arg, 1)
local build = top .. "/build"
local bench = build .. "/tests/bench/"
local tasks, repeats, wanted = 10000, 3, {}

local i = 1
while arg[i] do
  if arg[i] == "-n" or arg[i] == "-r" then
    local value = assert(tonumber(arg[i + 1]), arg[i] .. " needs a number")
    if arg[i] == "-n" then
      tasks = value
    else
      repeats = value
    end
    i = i + 2
  else
    wanted[#wanted + 1] = arg[i]
    i = i + 1
  end
end

local function sh(command)
  local pipe = io.popen(command)
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local shield = os.execute("chrt -r 10 true 2>/dev/null") == 0 and "chrt -r 10 "
  or ""
local dir = sh("mktemp -d"):gsub("%s", "")

local function finish(code)
  os.execute("rm -rf '" .. dir .. "'")
  os.exit(code)
end

local function must(ok, format, ...)
  if not ok then
    io.stderr:write(format:format(...), "\n")
    finish(1)
  end
  return ok
end

local function read(path)
  local f = must(io.open(path), "%s is missing", path)
  local text = f:read("*a")
  f:close()
  return text
end

--- Wall and CPU of a command's whole tree.
local function measure(command, env)
  local out = dir .. "/meas.json"
  local line = ("cd '%s' && %s %s'%s'meas %s %s >%s/log 2>&1 </dev/null")
    :format(dir, env or "", shield, bench .. "bench_", out, command, dir)
  local code = os.execute(line)
  must(code == 0, "failed: %s\n%s", command, read(dir .. "/log"):sub(-2000))
  return cjson.decode(read(out))
end

local function limit(n)
  return cjson.decode(sh(shield .. bench .. "bench_spawn " .. n
    .. " 2 /bin/true"))
end

local function median(list)
  table.sort(list)
  return list[math.floor((#list + 1) / 2)]
end

local neap_env = ("NEAP_REPO=%s/repo NEAP_STATE=%s/state NEAP_RUNTIME=%s/run "
  .. "XDG_CACHE_HOME=%s/cache"):format(dir, dir, dir, dir)
local neap = build .. "/bin/neap run -q " .. top .. "/tests/bench/true.lua"

--- One row: `command` runs `n` trivial tasks. What `idle` (a command) takes is
-- not counted. "own cpu" is all but that of the tasks; the loop needs `self`.
local function row(label, n, command, env, idle)
  local ratio, wall, own, self = {}, {}, {}, {}
  for r = 1, repeats do
    local base, m = limit(n), measure(command, env)
    local less = idle and measure(idle, env) or { wall = 0, cpu = 0 }
    ratio[r] = (m.wall - less.wall) / base.wall
    wall[r] = (m.wall - less.wall) / n * 1e6
    own[r] = (m.cpu - less.cpu - base.children) / n * 1e6
    self[r] = base.self / n * 1e6
  end
  print(("  %-26s %6d  %5.2f x limit %6.0f us/task  own cpu %5.0f (loop %.0f)")
    :format(label, n, median(ratio), median(wall), median(own), median(self)))
end

local cases = {}

cases["true"] = function()
  print("/bin/true, 2 at a time, ratio to a bare posix_spawn loop"
    .. (shield ~= "" and " (real-time class)" or ""))
  local many = io.open(dir .. "/Makefile", "w")
  many:write("all:")
  for t = 1, tasks do
    many:write(" t", t)
  end
  many:write("\n")
  for t = 1, tasks do
    many:write("t", t, ":\n\t@/bin/true\n")
  end
  many:close()
  row("neap, output captured", tasks, neap .. " --n " .. tasks, neap_env)
  row("make -j2, not captured", tasks, "make -s -j2 -f " .. dir .. "/Makefile")
  row("xargs -P2, not captured", tasks,
    ("sh -c 'seq %d | xargs -P2 -n1 /bin/true'"):format(tasks))
  local few = math.max(1, math.floor(tasks / 20))
  row("GNU parallel -j2, captured", few,
    ("sh -c 'seq %d | parallel -j2 /bin/true'"):format(few))
end

cases.large = function()
  print("the same with 1 GiB resident in the engine, without its start")
  row("neap, output captured", tasks, neap .. " --n " .. tasks, neap_env
    .. (" LD_PRELOAD=%sballast.so BALLAST_IN=neap-engine BALLAST_MIB=1024")
      :format(bench .. "bench_"), neap .. " --n 1")
end

cases.noop = function()
  print("no-op tasks through the packing core (submit, round, start, end)")
  for _, n in ipairs { 1000, 100000, 1000000 } do
    local best = 0
    for _ = 1, repeats do
      local text = sh(bench .. "bench_decisions " .. n .. " 2>&1 >/dev/null")
      best = math.max(best, cjson.decode(text).per_second)
    end
    print(("  %8d tasks  %10.0f tasks/s"):format(n, best))
  end
end

cases.decisions = function()
  print("decisions through Lua against the built-in policy in C")
  io.write((sh(bench .. "bench_policy_rate"):gsub("([^\n]+)", "  %1")))
end

cases.hello = function()
  print("start of `neap run examples/hello.lua` to its exit")
  local wall = {}
  for r = 1, math.max(repeats, 7) do
    wall[r] = measure(build .. "/bin/neap run " .. top
      .. "/examples/hello.lua", neap_env).wall * 1e3
  end
  print(("  median %.0f ms, best %.0f ms"):format(median(wall), wall[1]))
end

cases.sched = function()
  local env = ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' "
    .. "LUA_CPATH='%s/lib/?.so;;'"):format(top, top, build)
  local code = os.execute(("%s %sluajit %s/tests/bench/sched.lua"):format(env,
    shield, top))
  must(code == 0, "failed: tests/bench/sched.lua")
end

if #wanted == 0 then
  wanted = { "true", "large", "noop", "decisions", "hello", "sched" }
end
for _, name in ipairs(wanted) do
  must(cases[name], "no case '%s': true large noop decisions hello sched",
    name)()
end
finish(0)
