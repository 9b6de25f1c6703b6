--- Short-read alignment and variant calling: index once, align every read
--- pair, sort, merge, call. With --simulate N the reads are made by wgsim.
local neap = require "neap"
local GiB = neap.GiB

local o = neap.params {
  ref = { type = "path", required = true, doc = "reference FASTA" },
  reads = { type = "glob", doc = "read pairs: *_1.fq and *_2.fq" },
  simulate = {
    default = 0,
    min = 0,
    doc = "make so many read pairs per lane with wgsim instead",
  },
  lanes = { default = 3, min = 1, doc = "lanes to simulate" },
  sample = { default = "sample" },
  threads = { default = 2, min = 1, max = 64 },
  out = { default = "results/" },
}
local ref = neap.file(o.ref)

local index = neap.task {
  name = "bwa-index",
  inputs = { fa = ref },
  outputs = { idx = "idx/" }, -- trailing slash: a directory
  cpu = 1,
  mem = 1 * GiB,
  expect = "1m",
  cmd = [[ cp {{fa}} {{idx}}/ref.fa && bwa index {{idx}}/ref.fa ]],
}

local simulate = neap.def {
  name = "wgsim",
  inputs = { "fa" },
  outputs = { r1 = "all_1.fq", r2 = "all_2.fq" },
  vars = { n = o.simulate * o.lanes },
  cpu = 1,
  mem = "256MiB",
  cmd = [[
    wgsim -S 1 -N {{n}} -1 70 -2 70 -r 0.002 -R 0.1 -e 0.005 \
      {{fa}} {{r1}} {{r2}} > mutations.txt
  ]],
}

--- One lane of the simulated reads: every k-th record, from the i-th.
local lane_of = neap.def {
  name = "lane",
  inputs = { "all1", "all2" },
  outputs = { r1 = "reads_1.fq", r2 = "reads_2.fq" },
  vars = { pick = "" },
  cpu = 1,
  mem = "128MiB",
  cmd = [[
    awk {{pick}} {{all1}} > {{r1}}
    awk {{pick}} {{all2}} > {{r2}}
  ]],
}

local align = neap.def {
  name = "bwa-mem",
  inputs = { "idx", "r1", "r2" },
  outputs = { bam = "sorted.bam" },
  vars = { rg = "" },
  cpu = o.threads,
  mem = 1 * GiB,
  disk = "1GiB",
  retry = { max = 3, on = { "oom" }, grow = { mem = 2.0 } }, -- 1, 2, 4 GiB
  cmd = [[
    bwa mem -R {{rg}} -t {{res.cpu}} {{idx}}/ref.fa {{r1}} {{r2}} |
      samtools sort -@ {{res.cpu}} -o {{bam}} -
  ]],
}

--- The lanes to align, as a list of { name, r1, r2 }.
local function simulated_lanes()
  local all, list = simulate { fa = ref }, {}
  for i = 1, o.lanes do
    local reads = lane_of {
      all1 = all.out.r1,
      all2 = all.out.r2,
      pick = ("int((NR - 1) / 4) %% %d == %d"):format(o.lanes, i - 1),
      labels = { lane = "L" .. i },
    }
    list[i] = { "L" .. i, reads.out.r1, reads.out.r2 }
  end
  return list
end

local function lanes_of_files()
  local list = {}
  local files = o.reads and neap.glob(o.reads) or {}
  for lane, pair in neap.group(files, "^(.*)_[12]%.fq$") do
    table.sort(pair, function(a, b)
      return a.name < b.name
    end)
    list[#list + 1] = { lane, pair[1], pair[2] }
  end
  return list
end

local lanes = o.simulate > 0 and simulated_lanes() or lanes_of_files()
local bams = {}
for _, lane in ipairs(lanes) do
  local name, r1, r2 = unpack(lane)
  bams[#bams + 1] = align({
    idx = index.out.idx,
    r1 = r1,
    r2 = r2,
    rg = ("@RG\\tID:%s\\tSM:%s\\tPL:ILLUMINA"):format(name, o.sample),
    labels = { lane = name, sample = o.sample },
  }).out.bam
end
if #bams == 0 then
  error("no read pairs: give --reads 'data/*_[12].fq' or --simulate 2000", 0)
end

local merged = neap.task {
  name = "merge",
  inputs = { bams = bams },
  outputs = { bam = "merged.bam", bai = "merged.bam.bai" },
  cpu = o.threads,
  mem = 1 * GiB,
  cmd = [[
    samtools merge -f -@ {{res.cpu}} {{bam}} {{bams}} &&
      samtools index {{bam}} {{bai}}
  ]],
}

local call = neap.task {
  name = "call",
  inputs = { fa = ref, bam = merged.out.bam, bai = merged.out.bai },
  outputs = { vcf = "calls.vcf.gz" },
  cpu = 1,
  mem = 1 * GiB,
  timeout = "2h",
  cmd = [[
    ln -s {{fa}} ref.fa; ln -s {{bam}} x.bam; ln -s {{bai}} x.bam.bai
    bcftools mpileup -f ref.fa x.bam |
      bcftools call -mv --ploidy 1 -Oz -o {{vcf}}
  ]],
}

local ok, err = call:try()
if not ok then
  -- the alignments are in the repository all the same
  error(err)
end
local vcf = ok.out.vcf:save(o.out)
merged.out.bam:save(o.out)
print(("%d lanes -> %s"):format(#bams, vcf))
