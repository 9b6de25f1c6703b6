--- Runs one policy in a VM of its own. C calls the functions of this table,
-- once a round (`pack`) or once a task (`key`), under the jail's guard.

local jit_opt = require "jit.opt"
local buffer = require "string.buffer"
local ffi = require "ffi"
local context = require "neap.policy.context"
local demand = require "neap.policy.demand"
local params = require "neap.policy.params"
local place = require "neap.policy.place"
local policy_api = require "neap.policy"
local request = require "neap.policy.request"
local round = require "neap.policy.round"
local sandbox = require "neap.policy.sandbox"
local view = require "neap.policy.view"

local driver = {}

-- What a policy can require besides other policies.
local modules = {
  ["neap.policy"] = policy_api,
  ["neap.policy.craft"] = require "neap.policy.craft",
}

local active -- the policy's table
local ctx
local call -- struct neap_policy_call: what C wants to know

-- Handles are read by calls of small functions that the compiler inlines;
-- with the default of 15 a longer `cost` would not be compiled. A trace costs
-- as much as thousands of turns of a loop: only what stays hot becomes one.
jit_opt.start("loopunroll=200", "maxmcode=2048", "maxtrace=2000",
  "hotloop=300", "hotexit=60")

--- Once in the life of the VM.
-- @param opts  { cdef = text of the structs; pointers: call, label_get,
--   plan_add }
function driver.setup(opts)
  view.declare(opts.cdef)
  view.set_label_get(opts.label_get)
  view.set_local_bytes(opts.local_bytes)
  round.set_plan_add(opts.plan_add)
  call = ffi.cast("struct neap_policy_call *", opts.call)
  context.call = call
  sandbox.lock_strings()
end

--- The struct of the arguments, for the checks.
function driver.call()
  return call
end

-- Load a policy's file in a fresh environment; `source` gives others' texts.
local function load_policy(text, path, source)
  local env
  local function policy_require(name)
    if modules[name] then
      return modules[name]
    end
    local other = type(name) == "string" and name:match("^policies%.([%w_-]+)$")
    if not other then
      error(("a policy can require 'neap.policy', 'neap.policy.craft' and "
        .. "'policies.NAME', not '%s'")
        :format(tostring(name)), 2)
    end
    local other_text, other_path = source(other)
    if not other_text then
      error(other_path, 2)
    end
    return load_policy(other_text, other_path, source)
  end
  env = sandbox.environment(policy_require)
  local chunk, message = load(text, "@" .. path, "t", env)
  if not chunk then
    error(message, 0)
  end
  local problems = sandbox.lint(chunk, env)
  if #problems > 0 then
    error(table.concat(problems, "\n  "), 0)
  end
  return chunk()
end

local function check_kind(made, kind, path)
  if type(made) ~= "table" or not policy_api[made.kind or ""] then
    error(("%s: the file must return policy.%s \"name\" { … }")
      :format(path, kind), 0)
  end
  if made.kind ~= kind then
    error(("%s: '%s' is a %s policy, not a %s policy")
      :format(path, made.name, made.kind, kind), 0)
  end
end

local function hook_names(made)
  local names = {}
  for _, name in ipairs { "cost", "place", "acquire", "release", "key", "init",
    "on" } do
    if made[name] then
      names[#names + 1] = name
    end
  end
  return table.concat(names, " ")
end

--- Load the policy of this VM.
-- @param opts  { kind =, path =, text =, params = table or nil,
--   state = function(name) -> saved text or nil,
--   source = function(name) -> text, path of another policy }
-- @return its name, names of its hooks, seconds between refreshes, ticks for
--   idle allocs (in max_idle; 0: none), whether those who wait for long are
--   helped
function driver.open(opts)
  local made = load_policy(opts.text, opts.path, opts.source)
  check_kind(made, opts.kind, opts.path)
  local values, problems = params.resolve(made.params or {}, opts.params or {})
  if #problems > 0 then
    error(("%s: policy '%s': %s"):format(opts.path, made.name,
      table.concat(problems, "\n  ")), 0)
  end
  local saved = opts.state(made.name)
  active = made
  ctx = context.create(made.kind, values, saved and buffer.decode(saved) or {})
  if made.init then
    made.init(ctx)
  end
  return made.name, hook_names(made), made.refresh or 0, made.idle_tick or 0,
    made.hold ~= false
end

-- Is there anything that could be asked for? In most rounds of a busy engine
-- there is not.
local function may_request()
  local v = round.v
  if v.max_pending - v.npending - round.requested <= 0 then
    return false
  end
  for s = 0, v.nshapes - 1 do
    if v._shapes[s].quota ~= 0 then
      return true
    end
  end
  return false
end

-- Ask for allocs. Who does that by a rule of its own decides itself what it no
-- longer needs.
local function acquire()
  local v, may = round.v, may_request()
  local surplus = active.acquire == nil and v.npending > 0
  if active.acquire == false or not (may or surplus) then
    return
  end
  local left = demand.left(true)
  if surplus then
    demand.cancel_surplus(left)
  end
  if may and #left > 0 then
    request.add_all((active.acquire or demand.acquire)(left, ctx))
  end
end

-- Ask which idle allocs go. One that stays is asked about again when it has
-- been idle for twice as long.
local function release()
  local keep = active.release or ctx.base.release
  for a = 0, round.v.nallocs - 1 do
    local work = round.allocs[a]
    if work.ntasks == 0 and work.released == 0 then
      local alloc = round.alloc(a)
      if keep(alloc, ctx) then
        round.release(a)
      elseif active.release or #context.left() > 0 then
        round.wake_at(ctx.now + math.max(1, math.min(30, alloc.idle)))
      end
    end
  end
end

--- One round: read call.view, write call.plan.
-- @return how often `cost` was asked
function driver.pack()
  round.begin(call._view, call._plan)
  context.refresh(ctx)
  place.candidates = 0
  if active.place then
    active.place(context.view(), context.plan, ctx)
  else
    place.by_cost(active.cost or place.best_fit, ctx)
  end
  acquire()
  if active.release ~= false then
    release()
  end
  round.finish()
  return place.candidates
end

local function words(cost, fmt, ...)
  if cost ~= nil then
    return ""
  end
  return fmt and tostring(fmt):format(...) or "refused"
end

--- Why does the policy not want class `call.class_row` on alloc
-- `call.alloc_row`? "" if it would.
function driver.explain()
  if active.place or not active.cost then
    return ""
  end
  round.begin(call._view, nil)
  context.refresh(ctx)
  local text = words(active.cost(round.task(call.class_row),
    round.alloc(call.alloc_row), ctx))
  round.forget()
  return text
end

local function key_handle()
  local p = call._key
  view.round.n = view.round.n + 1
  ctx.now = p.now
  return view.key(p, view.round.n)
end

--- The key of task `call.key`: what the policy returns, checked in C.
function driver.key()
  return active.key(key_handle(), ctx)
end

--- Task `call.key` ended.
function driver.ended()
  local fn = active.on and active.on["task.done"]
  if fn then
    local task = key_handle()
    fn({ task = task, runtime = call.runtime, ok = call.ok ~= 0,
      at = ctx.now }, ctx)
  end
end

--- `ctx.state` as text, or nil while it is empty. Raises if it holds more
-- than plain data.
function driver.save()
  if type(ctx.state) ~= "table" then
    error("ctx.state must stay a table", 0)
  end
  if next(ctx.state) == nil then
    return nil
  end
  local ok, text = pcall(buffer.encode, ctx.state)
  if not ok then
    error("ctx.state holds more than plain data: " .. text, 0)
  end
  if #text > 2 ^ 20 then
    error(("ctx.state has %d bytes; at most 1 MiB is kept"):format(#text), 0)
  end
  return text
end

--- Lines that the policy logged since the last call.
function driver.logs()
  local text = table.concat(context.logged, "\n")
  context.logged = {}
  return text
end

return driver
