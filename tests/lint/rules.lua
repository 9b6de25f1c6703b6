--- rules: small things that a reader would stumble over.
--- usage: luajit tests/lint/rules.lua src (run in the top folder)
local bad = 0

local function complain(...)
  bad = bad + 1
  print("not ok - " .. (...):format(select(2, ...)))
end

-- { pattern, where it is allowed, what to do instead }
local c_rules = {
  { "%f[%w_]uv_spawn%s*%(", nil, "forks: use io/spawn" },
  { "%f[%w_]system%s*%(", nil, "no shell from C" },
  { "%f[%w_]strcpy%s*%(", nil, "unbounded" },
  { "%f[%w_]sprintf%s*%(", nil, "unbounded" },
  { "%f[%w_]rand%s*%(", nil, "take a seed" },
}
local words = { "TO" .. "DO", "FIX" .. "ME", "X" .. "XX" }
local most = { c = 800, h = 500, lua = 500 }

local function each_line(path, kind)
  local n = 0
  for line in io.lines(path) do
    n = n + 1
    for _, word in ipairs(words) do
      if line:find("%f[%w]" .. word .. "%f[%W]") then
        complain("%s:%d: a mark of unfinished work", path, n)
      end
    end
    if kind ~= "lua" and not path:find("^tests/") then
      for _, rule in ipairs(c_rules) do
        local pattern, allowed, why = rule[1], rule[2], rule[3]
        if line:find(pattern) and not (allowed and path:find(allowed)) then
          complain("%s:%d: %s", path, n, why)
        end
      end
    end
  end
  if n > most[kind] and not path:find("^tests/") then
    complain("%s: %d lines: look for the second idea in it", path, n)
  end
end

local list = io.popen("find src lua policies tests examples -type f "
  .. "\\( -name '*.[ch]' -o -name '*.lua' \\) | sort")
for path in list:lines() do
  each_line(path, path:match("%.(%w+)$"))
end
list:close()

os.exit(bad == 0 and 0 or 1)
