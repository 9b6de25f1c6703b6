--- One round: rows of the view, what the plan has changed about them so far,
-- and the lines of the plan.
--
-- Rows count from 0, as in C. The working copies live in this VM and are
-- used again by the next round.

local ffi = require "ffi"
local view = require "neap.policy.view"

local round = { row_of = {}, names = {} }

-- The scheduler's amounts are whole thousandths or bytes: what is closer than
-- this is equal.
local EPSILON = 1e-4

local plan_add -- C function: append a line
local plan -- struct neap_plan of this call
local last -- the last ASSIGN line, to merge with
local wake -- earliest time asked for, or nil

--- @param add  pointer of the C function (plan) -> new line
function round.set_plan_add(add)
  plan_add = ffi.cast("struct neap_plan_line *(*)(struct neap_plan *)", add)
end

-- An array of at least `n`; what is too small is replaced by twice the size.
local function grown(array, size, ctype, n)
  if n <= size then
    return array, size
  end
  size = math.max(n, 2 * size, 64)
  return ffi.new(ctype, size), size
end

local task_size, alloc_size = 0, 0

local function grow_work(v)
  round.tasks, task_size = grown(round.tasks, task_size,
    "struct neap_task_work[?]", v.nclasses)
  local before = alloc_size
  local n = math.max(v.nallocs, v.npending)
  round.allocs, alloc_size = grown(round.allocs, alloc_size,
    "struct neap_alloc_work[?]", n)
  if alloc_size ~= before then
    round.pending = ffi.new("struct neap_alloc_work[?]", alloc_size)
    round.open = ffi.new("int32_t[?]", alloc_size)
    round.found_row = ffi.new("int32_t[?]", alloc_size)
    round.found_cost = ffi.new("double[?]", alloc_size)
  end
end

local function copy_work(rows, work, n)
  for i = 0, n - 1 do
    work[i].free = rows[i].free
    work[i].ntasks, work[i].idle = rows[i].ntasks, rows[i].idle
    work[i].released = 0
  end
end

local function copy_open(v)
  if v._open == nil then
    for i = 0, v.nallocs - 1 do
      round.open[i] = i
    end
    return v.nallocs
  end
  ffi.copy(round.open, v._open, 4 * v.nopen)
  return v.nopen
end

local function learn_names(v)
  if #round.names < v.nlabels then
    for i = #round.names, v.nlabels - 1 do
      round.names[i + 1] = ffi.string(v._labels[i])
    end
    view.set_resources(round.names)
  end
end

--- Begin a round.
-- @param v  struct neap_view
-- @param p  struct neap_plan to write to, or nil
function round.begin(v, p)
  view.round.n = view.round.n + 1
  round.v, round.n = v, view.round.n
  plan, last, wake = p, nil, nil
  round.requested = 0
  learn_names(v)
  grow_work(v)
  for i = 0, v.nclasses - 1 do
    round.tasks[i].left = v._classes[i].count
  end
  copy_work(v._allocs, round.allocs, v.nallocs)
  copy_work(v._pending, round.pending, v.npending)
  round.nopen = copy_open(v)
end

--- End it: handles of this round are stale from now on.
function round.finish()
  if wake then
    local line = round.add(5)
    line.at = wake
  end
  round.forget()
end

--- The same after an error.
function round.forget()
  view.round.n = view.round.n + 1
  round.v, plan, last = nil, nil, nil
end

--- A new line of the plan.
-- @param kind  enum neap_line_kind
function round.add(kind)
  local line = plan_add(plan)
  line.kind = kind
  last = nil
  return line
end

function round.wake_at(t)
  if type(t) ~= "number" or t ~= t then
    error("ctx.wake_at takes a time in Unix seconds", 3)
  end
  wake = math.min(wake or t, t)
end

function round.task(i)
  return view.task(round.v._classes + i, round.tasks + i, round.n)
end

function round.alloc(i)
  return view.alloc(round.v._allocs + i, round.allocs + i, round.n)
end

function round.pending_alloc(i)
  return view.alloc(round.v._pending + i, round.pending + i, round.n)
end

function round.shape(i)
  return view.shape(round.v._shapes + i, round.n)
end

--- How many times `need` goes into `free`, at most `limit`.
function round.times(free, need, limit, nlabels)
  local n = limit
  if need.cpu > 0 then n = math.min(n, (free.cpu + EPSILON) / need.cpu) end
  if need.mem > 0 then n = math.min(n, (free.mem + EPSILON) / need.mem) end
  if need.disk > 0 then n = math.min(n, (free.disk + EPSILON) / need.disk) end
  if need.gpu > 0 then n = math.min(n, (free.gpu + EPSILON) / need.gpu) end
  for k = 0, nlabels - 5 do
    local amount = need.other[k]
    if amount > 0 then
      n = math.min(n, (free.other[k] + EPSILON) / amount)
    end
  end
  return math.max(0, math.floor(n))
end

local function take(work, need, n, nlabels)
  local free = work.free
  free.cpu = free.cpu - n * need.cpu
  free.mem = free.mem - n * need.mem
  free.disk = free.disk - n * need.disk
  free.gpu = free.gpu - n * need.gpu
  for k = 0, nlabels - 5 do
    free.other[k] = free.other[k] - n * need.other[k]
  end
  work.ntasks, work.idle = work.ntasks + n, 0
end

--- May tasks of class `c` go to alloc `a`, whatever room it has?
function round.may(c, a)
  local may = round.v._classes[c]._may_alloc
  return (may == nil or may[a] ~= 0) and round.allocs[a].released == 0
end

--- Is there room for a task of class `c` on alloc `a`?
function round.fits(c, a)
  local v = round.v
  return round.times(round.allocs[a].free, v._classes[c].res, 1, v.nlabels) > 0
end

--- Plan up to `n` tasks of class `c` for alloc `a`.
-- @return how many there was room for
function round.assign(c, a, n)
  local v = round.v
  if not round.may(c, a) then
    return 0
  end
  local need, task, alloc = v._classes[c].res, round.tasks[c], round.allocs[a]
  n = round.times(alloc.free, need, math.min(n, task.left), v.nlabels)
  if n < 1 then
    return 0
  end
  take(alloc, need, n, v.nlabels)
  task.left = task.left - n
  if last ~= nil and last.a == c and last.b == a then
    last.n = last.n + n
    return n
  end
  local line = round.add(1)
  line.a, line.b, line.n = c, a, n
  last = line
  return n
end

--- Count what pending request `p` will bring for class `c`.
-- @return how many of the `left` tasks it covers
function round.cover(c, p, left)
  local v = round.v
  local may = v._classes[c]._may_pending
  if may ~= nil and may[p] == 0 then
    return 0
  end
  local need = v._classes[c].res
  local n = round.times(round.pending[p].free, need, left, v.nlabels)
  if n > 0 then
    take(round.pending[p], need, n, v.nlabels)
  end
  return n
end

function round.release(a)
  if round.allocs[a].released == 0 then
    round.allocs[a].released = 1
    round.add(4).b = a
  end
end

function round.cancel(p)
  if round.pending[p].released == 0 then
    round.pending[p].released = 1
    round.add(3).b = p
  end
end

return round
