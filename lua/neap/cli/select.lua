--- Selectors: which runs, tasks and allocs a command is about.
-- Pure: text → terms → questions about rows. Who has the rows is elsewhere.
--
--   r7  r7.12  r7.12#2  r7.1-20  r7.1-20:2  r1-5  a2  last  all  @glob  X,Y

local select_ = {}

local function number(text)
  local n = tonumber(text)
  return n and n >= 1 and n < 2 ^ 31 and n or nil
end

local function range(term, from, to, step)
  term.from, term.to, term.step = number(from), number(to), number(step)
  if not (term.from and term.to and term.step) then
    return nil, "numbers count from 1"
  elseif term.to < term.from then
    return nil, ("the range ends before it begins: %s-%s"):format(from, to)
  end
  return term
end

-- Each form: a pattern and what makes a term of its captures.
local forms = {
  { "^last$", function() return { kind = "last" } end },
  { "^all$", function() return { kind = "all" } end },
  { "^@(.+)$", function(glob) return { kind = "name", glob = glob } end },
  { "^r(%d+)$", function(n) return range({ kind = "runs" }, n, n, 1) end },
  { "^r(%d+)%-(%d+)$", function(a, b)
    return range({ kind = "runs" }, a, b, 1)
  end },
  { "^r(%d+)%.(%d+)$", function(run, n)
    return range({ kind = "tasks", run = "r" .. run }, n, n, 1)
  end },
  { "^r(%d+)%.(%d+)#(%d+)$", function(run, n, attempt)
    local term = { kind = "tasks", run = "r" .. run,
                   attempt = number(attempt) }
    return range(term, n, n, 1)
  end },
  { "^r(%d+)%.(%d+)%-(%d+)$", function(run, a, b)
    return range({ kind = "tasks", run = "r" .. run }, a, b, 1)
  end },
  { "^r(%d+)%.(%d+)%-(%d+):(%d+)$", function(run, a, b, step)
    return range({ kind = "tasks", run = "r" .. run }, a, b, step)
  end },
  { "^a(%d+)$", function(n)
    return number(n) and { kind = "alloc", id = "a" .. n }
  end },
}

local function hint(text)
  if text:find "^%d[%d.%-:]*$" then
    return (" (did you mean 'r%s'?)"):format(text)
  elseif text:find "^sha256:" then
    return "; digests are not selectors in this version"
  elseif text:find "^[%a_]" then
    return (" (by name: '@%s')"):format(text)
  end
  return ""
end

local function parse_term(text)
  for _, form in ipairs(forms) do
    local captures = { text:match(form[1]) }
    if captures[1] then
      local term, why = form[2](unpack(captures))
      if term then
        term.text = text
        return term
      end
      return nil, ("bad selector '%s'%s"):format(text,
        why and ": " .. why or "")
    end
  end
  return nil, ("'%s' is no selector%s"):format(text, hint(text))
end

--- Parse a selector.
-- @return list of terms { kind=, text=, … }, or nil, message
function select_.parse(text)
  local terms = {}
  for part in (text .. ","):gmatch "([^,]*)," do
    local term, why = parse_term(part)
    if not term then
      return nil, why
    end
    terms[#terms + 1] = term
  end
  return terms
end

--- A glob (* ? [a-z] [!x]) as a Lua pattern that matches the whole string.
function select_.glob(glob)
  local out = { "^" }
  local i = 1
  while i <= #glob do
    local c = glob:sub(i, i)
    local class, after = glob:match("^%[(!?[^%]]+)%]()", i)
    if c == "*" then
      out[#out + 1] = ".*"
    elseif c == "?" then
      out[#out + 1] = "."
    elseif class then
      local body = class:gsub("^!", ""):gsub("[%%%^]", "%%%0")
      out[#out + 1] = (class:sub(1, 1) == "!" and "[^" or "[") .. body .. "]"
      i = after - 1
    else
      out[#out + 1] = c:gsub("%W", "%%%0")
    end
    i = i + 1
  end
  return table.concat(out) .. "$"
end

--- The number of a run: "r7" → 7.
function select_.run_number(id)
  return tonumber(id:match "^r(%d+)$")
end

local function in_range(term, n)
  return n >= term.from and n <= term.to and (n - term.from) % term.step == 0
end

--- Name of a run for people: its script without folder and ".lua".
function select_.run_name(run)
  local name = (run.script or ""):match "([^/]*)$"
  return (name:gsub("%.lua$", ""))
end

--- Does `term` select the whole of `run`?
-- @param newest  id of the newest run, for "last"
function select_.run(term, run, newest)
  if term.kind == "runs" then
    return in_range(term, select_.run_number(run.id))
  elseif term.kind == "last" then
    return run.id == newest
  elseif term.kind == "name" then
    return select_.run_name(run):find(select_.glob(term.glob)) ~= nil
  end
  return term.kind == "all"
end

--- Does `term` select this task of a run that it does not select as a whole?
function select_.task(term, row)
  if term.kind == "tasks" then
    return row.run == term.run and in_range(term, row.n)
  elseif term.kind == "alloc" then
    return row.alloc == term.id
  elseif term.kind == "name" then
    return row.name:find(select_.glob(term.glob)) ~= nil
  end
  return false
end

--- Does `term` name the run `id`, as a whole or by some of its tasks?
function select_.names_run(term, id)
  if term.kind == "tasks" then
    return term.run == id
  elseif term.kind == "runs" then
    return in_range(term, select_.run_number(id))
  end
  return term.kind == "all"
end

--- Might `term` select single tasks of the run `id`?
function select_.may_hold(term, id)
  return term.kind == "alloc" or term.kind == "name"
    or term.kind == "tasks" and term.run == id
end

--- The id that a single-task term names, or nil.
function select_.single(terms)
  local term = terms[1]
  if #terms == 1 and term.kind == "tasks" and term.from == term.to then
    return ("%s.%d"):format(term.run, term.from), term.attempt
  end
  return nil
end

return select_
