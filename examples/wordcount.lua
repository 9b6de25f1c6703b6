--- Word count over a real corpus: fan out per file, fan in as a tree.
local neap = require "neap"

local o = neap.params {
  corpus = {
    default = "/usr/share/common-licenses/*",
    doc = "glob of text files",
  },
  top = { default = 10, min = 1, doc = "how many words to print" },
  out = { default = "results/", doc = "where the table goes" },
}

local count = neap.def {
  name = "count",
  inputs = { "text" },
  outputs = { tsv = "counts.tsv" },
  cpu = 1,
  mem = "128MiB",
  cmd = [[
    tr -cs '[:alpha:]' '\n' < {{text}} | tr '[:upper:]' '[:lower:]' |
      LC_ALL=C sort | uniq -c | awk '$2 { print $2 "\t" $1 }' > {{tsv}}
  ]],
}

local sum = neap.def {
  name = "sum",
  inputs = { "parts" }, -- a list: {{parts}} becomes many paths
  outputs = { tsv = "counts.tsv" },
  cpu = 1,
  mem = "128MiB",
  cmd = [[
    cat {{parts}} |
      awk -F'\t' '{ n[$1] += $2 } END { for (w in n) print w "\t" n[w] }' |
      LC_ALL=C sort > {{tsv}}
  ]],
}

local leaves = neap.map(neap.glob(o.corpus), function(f)
  return count({ text = f, labels = { file = f.name } }).out.tsv
end)
if #leaves == 0 then
  error("no file matches " .. o.corpus, 0)
end

local total = neap.reduce_tree(leaves, function(parts)
  return sum({ parts = parts }).out.tsv
end, { arity = 4 })

local rank = neap.task {
  name = "rank",
  inputs = { all = total },
  outputs = { top = "top.tsv" },
  vars = { k = o.top },
  cmd = [[
    LC_ALL=C sort -t$'\t' -k2,2nr -k1,1 {{all}} |
      awk -v k={{k}} 'NR <= k' > {{top}}
  ]],
}

local res = rank:await()
print(#leaves .. " files")
io.write(res.out.top:read())
neap.log("table in %s", res.out.top:save(o.out))
