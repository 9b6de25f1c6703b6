--- Build a real C program with every combination of flags, run it, check that
--- all of them agree, tabulate the times. The program is neap's own packing
--- core: it packs N random tasks and prints what went where as a checksum.
local neap = require "neap"

local o = neap.params {
  src = { default = "src", type = "path", doc = "neap's sources" },
  main = {
    default = "tests/bench/decisions.c",
    type = "path",
    doc = "the program's main file",
  },
  test = { default = "20000", doc = "argument of the test run" },
  csv = { default = "results/sweep.csv", doc = "where the table goes" },
}
local sources = neap.dir(o.src, { glob = "{base,core}/*.[ch]" })

local build = neap.def {
  name = "build",
  inputs = { "src", "main" },
  outputs = { exe = "prog", log = "cc.log" },
  vars = { cc = "gcc", opt = "-O2", arch = "" },
  cpu = 1,
  mem = "512MiB",
  cmd = [[
    {{!cc}} -std=gnu11 -D_GNU_SOURCE {{!opt}} {{!arch}} -I {{src}} \
      -o {{exe}} {{main}} {{src}}/base/*.c {{src}}/core/*.c -lm 2> {{log}}
  ]],
}

local test = neap.def {
  name = "test",
  inputs = { "exe" },
  outputs = { t = "time.txt", o = "stdout.txt" },
  vars = { n = o.test },
  cpu = 1,
  mem = "256MiB",
  timeout = "60s",
  cache = false, -- a timing is not a pure result
  cmd = [[
    TIMEFORMAT=%R
    { time {{exe}} {{n}} > {{o}} 2> /dev/null; } 2> {{t}}
  ]],
}

local grid = neap.product {
  cc = { "gcc" },
  opt = { "-O0", "-O1", "-O2", "-O3", "-Os" },
  arch = { "", "-march=native", "-fwrapv" },
}

local rows, failed, want = {}, 0, nil
neap.map(grid, function(p) -- one fiber each; may await
  local exe = build {
    src = sources,
    main = neap.file(o.main),
    cc = p.cc,
    opt = p.opt,
    arch = p.arch,
    labels = p,
  }
  local run, err = test({ exe = exe.out.exe, labels = p }):try()
  if not run then
    failed = failed + 1
    neap.log("%s %s: %s", p.opt, p.arch, tostring(err))
    return
  end
  local text = run.out.o:read()
  want = want or text
  assert(text == want, "wrong output with " .. p.opt .. " " .. p.arch)
  local seconds = tonumber((run.out.t:read():gsub("%s", "")))
  rows[#rows + 1] = { p.cc, p.opt, p.arch, seconds }
end, { max = 64 })

table.sort(rows, function(a, b)
  return a[4] < b[4]
end)
local csv = { "cc,opt,arch,seconds" }
for _, r in ipairs(rows) do
  csv[#csv + 1] = table.concat(r, ",")
end
neap.text("sweep.csv", table.concat(csv, "\n") .. "\n"):save(o.csv)
local best = rows[1] or { "", "", "", 0 }
print(
  ("%d of %d built and passed; fastest: %s %s (%.3f s)"):format(
    #rows,
    #grid,
    best[2],
    best[3],
    best[4]
  )
)
if failed > 0 then
  error(failed .. " combinations failed", 0)
end
