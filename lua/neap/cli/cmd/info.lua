local arguments = require "neap.cli.arguments"
local card = require "neap.cli.card"
local fault = require "neap.cli.fault"
local human = require "neap.cli.human"
local units = require "neap.units"
local world = require "neap.cli.world"

local function need_spec(task, what)
  if not task.spec then
    fault.raise("E_NOENT", nil, "the record of %s does not hold its %s",
                task.id, what)
  end
  return task.spec
end

local function print_command(out, task)
  local cmd = need_spec(task, "command").cmd
  if type(cmd) == "table" then
    local words = {}
    for i, word in ipairs(cmd) do
      words[i] = word:find "[^%w_./:=@%%+,-]"
        and "'" .. word:gsub("'", "'\\''") .. "'" or word
    end
    cmd = table.concat(words, " ")
  end
  out:write(cmd:find "\n$" and cmd or cmd .. "\n")
end

local function print_env(out, task)
  local names = {}
  for name in pairs(need_spec(task, "environment").env or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    out:line(("%s=%s"):format(name, task.spec.env[name]))
  end
end

local function input_rows(input, run)
  if not input.files then
    local size = input.file and input.file.size
    return { { place = input.place, from = card.input_source(input, run),
               size = size and units.format_size(size) } }
  end
  local rows = {}
  for i, file in ipairs(input.files) do
    rows[i] = { place = ("%s/%s"):format(input.place, file.path or file.name),
                from = card.input_source({ file = file }, run),
                size = units.format_size(file.size or 0) }
  end
  return rows
end

local function print_inputs(out, task)
  local rows = {}
  for _, input in ipairs(need_spec(task, "inputs").inputs or {}) do
    for _, row in ipairs(input_rows(input, task.run)) do
      rows[#rows + 1] = row
    end
  end
  out:table({ { key = "place", title = "PLACE" },
              { key = "size", title = "SIZE", right = true },
              { key = "from", title = "FROM", give = true } }, rows)
end

local function print_attempts(out, task, now)
  local rows = {}
  for i, attempt in ipairs(task.attempts or {}) do
    local seconds = attempt.started and (attempt.ended or now)
      - attempt.started
    rows[i] = {
      id = ("%s#%d"):format(task.id, attempt.n or i), alloc = attempt.alloc,
      node = attempt.node, time = seconds and units.format_time(seconds),
      started = attempt.started and human.ago(attempt.started, now),
      exit = attempt.exit and units.number(attempt.exit),
      error = attempt.error and (attempt.error.message or attempt.error.kind),
    }
  end
  out:table({
    { key = "id", title = "ATTEMPT" }, { key = "alloc", title = "ALLOC" },
    { key = "node", title = "NODE" },
    { key = "started", title = "STARTED", right = true },
    { key = "time", title = "TIME", right = true },
    { key = "exit", title = "EXIT", right = true },
    { key = "error", title = "ERROR", give = true },
  }, rows)
end

local function print_lines(out, lines)
  for _, line in ipairs(lines) do
    out:line(line)
  end
end

local function show_task(ctx, opts, run, id)
  local out, doc = ctx.out, run.store:task(id)
  if not doc then
    fault.raise("E_NOENT", nil, "the record of %s holds no %s", run.row.id, id)
  end
  local task = doc.task
  if out.mode == "json" then
    out:document("neap.task/1", { task = task })
  elseif out.mode == "quiet" then
    out:line(task.id)
  elseif opts.cmd then
    print_command(out, task)
  elseif opts.env then
    print_env(out, task)
  elseif opts.inputs then
    print_inputs(out, task)
  elseif opts.attempts then
    print_attempts(out, task, ctx.core.wall())
  else
    print_lines(out, card.task(task, ctx.core.wall()))
  end
end

local function show_run(ctx, run)
  local out = ctx.out
  if out.mode == "json" then
    out:document("neap.run/1", { run = run.row })
  elseif out.mode == "quiet" then
    out:line(run.row.id)
  else
    print_lines(out, card.run(run.row, ctx.core.wall()))
  end
end

local function show_alloc(ctx, all, id)
  for _, store in ipairs(all.stores) do
    for _, alloc in ipairs(store:get("/v1/allocs").allocs or {}) do
      if alloc.id == id then
        if ctx.out.mode == "json" then
          ctx.out:document("neap.alloc/1", { alloc = alloc })
        elseif ctx.out.mode == "quiet" then
          ctx.out:line(alloc.id)
        else
          print_lines(ctx.out, card.alloc(alloc))
        end
        return
      end
    end
  end
  fault.raise("E_NOENT", nil, "no running engine has an alloc '%s'", id)
end

local function main(ctx, opts)
  local all = world.open(ctx.core, opts.on, ctx.env)
  local terms = arguments.terms(opts.selector)
  if #terms == 1 and terms[1].kind == "alloc" then
    show_alloc(ctx, all, terms[1].id)
    return 0
  end
  local about_task = opts.cmd or opts.env or opts.inputs or opts.attempts
  local list = not about_task and all:runs(terms) or {}
  if #list > 1 and ctx.out.mode == "json" then
    fault.raise("E_USAGE", { hint = "neap ps --runs --json" },
                "--json shows one run; '%s' selects %d", opts.selector, #list)
  end
  for _, run in ipairs(list) do
    show_run(ctx, run)
  end
  if #list == 0 then
    local row, run = all:one_task(terms)
    show_task(ctx, opts, run, row.id)
  end
  return 0
end

return {
  name = "info",
  summary = "all about a task, a run or an alloc",
  arguments = { { "SELECTOR", doc = "r7.3, r7, last, @name or a2" } },
  options = {
    { "--cmd", doc = "the command, as it was run" },
    { "--env", doc = "the variables that the task asked for" },
    { "--inputs", doc = "its inputs: place, size, where from" },
    { "--attempts", doc = "its attempts" },
    { "--on", arg = "ENGINE", doc = "only this engine (a name or a socket)" },
  },
  examples = {
    { "neap info r7.3", "a card" },
    { "neap info r7.3 --cmd", "only the command" },
    { "neap info last --json", "the newest run" },
  },
  main = main,
}
