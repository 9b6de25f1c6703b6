--- The shipped examples, run by `neap run` and by stock luajit, their results
--- checked against other tools.
local lfs = require "lfs"
local system = require "support.system"

local function have(program)
  return os.execute("command -v " .. program .. " >/dev/null 2>&1") == 0
end

local function lines_of(command)
  local pipe = io.popen(command)
  local text = pipe:read("*a")
  pipe:close()
  return text
end

--- The word counts of `glob`, by one pipeline without neap.
local function counted(glob, top)
  return lines_of(("cat %s | tr -cs '[:alpha:]' '\\n' | tr '[:upper:]' "
    .. "'[:lower:]' | LC_ALL=C sort | uniq -c | awk '$2 {print $2 \"\\t\" $1}'"
    .. " | LC_ALL=C sort -t\"$(printf '\\t')\" -k2,2nr -k1,1 | head -n %d")
    :format(glob, top))
end

local function example(name)
  return system.source .. "/examples/" .. name
end

describe("the examples", function()
  local w

  before_each(function()
    w = system.world()
  end)
  after_each(function()
    w:close()
  end)

  it("hello prints what uname says, and leaves nothing running", function()
    local r = w:neap { "run", example "hello.lua" }
    assert.equal(0, r.code, r.err)
    assert.equal("hello from " .. lines_of "uname -s", r.out)
    assert.matches("1 task, 1 ran, 0 cached, 0 failed", r.err)
    w:assert_clean()
  end)

  it("run by stock luajit as by neap", function()
    local r = w:start({ example "hello.lua" }, { program = "luajit" }):wait()
    assert.equal(0, r.code, r.err)
    assert.equal("hello from " .. lines_of "uname -s", r.out)
    r = w:start({ example "wordcount.lua" }, { program = "luajit" }):wait()
    assert.equal(0, r.code, r.err)
    local want = counted("/usr/share/common-licenses/*", 10)
    assert.equal(want, (r.out:gsub("^[^\n]*\n", "")))
    w:assert_clean()
  end)

  it("wordcount counts the licence texts as a pipeline does", function()
    local r = w:neap { "run", example "wordcount.lua", "--top", "25" }
    assert.equal(0, r.code, r.err)
    local want = counted("/usr/share/common-licenses/*", 25)
    assert.equal(want, (r.out:gsub("^[^\n]*\n", "")))
    assert.equal(want, system.read(w:path "results/top.tsv"))
  end)

  it("wordcount counts a larger corpus: what Debian says of rights", function()
    local glob = "/usr/share/doc/lib[a-c]*/copyright"
    local r = w:neap({
      "run", example "wordcount.lua", "--corpus=" .. glob,
    }, { seconds = 240 })
    assert.equal(0, r.code, r.err)
    local n = tonumber(lines_of("ls -d " .. glob .. " | wc -l"))
    assert.matches("^" .. n .. " files\n", r.out)
    assert.equal(counted(glob, 10), (r.out:gsub("^[^\n]*\n", "")))
  end)

  it("sweep builds neap's own core with every set of flags", function()
    local r = w:neap({
      "run", example "sweep.lua", "--test", "2000",
    }, { cwd = system.source, seconds = 400,
         env = { NEAP_EXAMPLE = "1" } })
    assert.equal(0, r.code, r.err)
    assert.matches("^15 of 15 built and passed; fastest: %-O", r.out)
    local csv = system.read(system.source .. "/results/sweep.csv")
    local _, n = csv:gsub("\n", "")
    assert.equal(16, n)
  end)

  it("align calls variants that bcftools reads", function()
    if not (have "bwa" and have "samtools" and have "bcftools") then
      pending("bwa, samtools and bcftools are not installed")
      return
    end
    local ref = "/usr/share/samtools/test/mpileup/ce.fa"
    if not lfs.attributes(ref) then
      pending("Debian's samtools-test is not installed")
      return
    end
    local r = w:neap({
      "run", example "align.lua", "--ref", ref, "--simulate", "20000",
    }, { seconds = 240 })
    assert.equal(0, r.code, r.err)
    assert.matches("^3 lanes %-> results/calls.vcf.gz\n", r.out)
    local n = tonumber(lines_of("bcftools view -H "
      .. w:path "results/calls.vcf.gz" .. " | wc -l"))
    assert.is_true(n > 10, n .. " variants")
  end)

  it("a packing policy of one's own decides where tasks go", function()
    local r = w:neap { "run", "--cpu", "2", example "custom_pack.lua" }
    assert.equal(0, r.code, r.err)
    assert.equal("4 tasks, at most 2 at a time\n", r.out)
    r = w:neap {
      "run", "--cpu", "2", "--policy", example "policies/one_at_a_time.lua",
      example "custom_pack.lua",
    }
    assert.equal(0, r.code, r.err)
    assert.equal("4 tasks, at most 1 at a time\n", r.out)
    r = w:neap {
      "run", "--policy", example "policies/locality_best_fit.lua",
      example "hello.lua",
    }
    assert.equal(0, r.code, r.err)
  end)

  it("simulate compares policies, the same in neap and in luajit", function()
    local r = w:neap { "run", "-q", example "simulate.lua" }
    assert.equal(0, r.code, r.err)
    local allocs, cost = r.out:match "default +[%d.]+ +(%d+) +([%d.]+)"
    local more, dearer = r.out:match "reflow +[%d.]+ +(%d+) +([%d.]+)"
    assert.is_true(tonumber(allocs) > 0 and tonumber(cost) > 0, r.out)
    assert.is_true(tonumber(allocs) < tonumber(more), r.out)
    assert.is_true(tonumber(cost) < tonumber(dearer), r.out)
    local again = w:start({ example "simulate.lua" }, { program = "luajit" })
      :wait()
    assert.equal(0, again.code, again.err)
    assert.equal(r.out, again.out)
  end)

  it("a priority policy of one's own decides the order", function()
    local start = "started in this order (ms): "
    local r = w:neap { "run", "--cpu", "1", example "custom_priority.lua" }
    assert.equal(0, r.code, r.err)
    assert.equal(start .. "50 200 100 300 150\n", r.out)
    r = w:neap {
      "run", "--cpu", "1", "--priority-policy",
      example "policies/longest_first.lua", example "custom_priority.lua",
    }
    assert.equal(0, r.code, r.err)
    assert.equal(start .. "300 200 150 100 50\n", r.out)
  end)
end)
