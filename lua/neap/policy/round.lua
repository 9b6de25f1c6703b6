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

local OTHERS = 28 -- labels behind the first four

-- Working copies of `n` allocs.
local function new_allocs(n)
  local rows = ffi.new("struct neap_alloc_work[?]", n)
  local others = ffi.new("double[?]", n * OTHERS)
  for i = 0, n - 1 do
    rows[i].other = others + i * OTHERS
  end
  return rows, others
end

local function grow_work(v)
  round.tasks, task_size = grown(round.tasks, task_size,
    "struct neap_task_work[?]", v.nclasses)
  local n = math.max(v.nallocs, v.npending)
  if n > alloc_size then
    round.open, alloc_size = grown(round.open, alloc_size, "int32_t[?]", n)
    -- the others are kept where the collector sees them
    round.allocs, round.others = new_allocs(alloc_size)
    round.pending, round.pending_others = new_allocs(alloc_size)
    round.found_row = ffi.new("int32_t[?]", alloc_size)
    round.found_cost = ffi.new("double[?]", alloc_size)
  end
end

local function copy_work(rows, work, n, nlabels)
  for i = 0, n - 1 do
    local to, from = work[i], rows[i]
    to.free.cpu, to.free.mem = from.free.cpu, from.free.mem
    to.free.disk, to.free.gpu = from.free.disk, from.free.gpu
    to.ntasks, to.idle, to.released = from.ntasks, from.idle, 0
  end
  if nlabels > 4 then
    for i = 0, n - 1 do
      ffi.copy(work[i].other, rows[i].free.other, 8 * (nlabels - 4))
    end
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
  copy_work(v._allocs, round.allocs, v.nallocs, v.nlabels)
  copy_work(v._pending, round.pending, v.npending, v.nlabels)
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

--- How many times `need` goes into what is free, at most `limit`.
-- @param free   something with cpu, mem, disk and gpu
-- @param other  amounts of the other labels
function round.times(free, other, need, limit)
  local n = limit
  if need.cpu > 0 then n = math.min(n, (free.cpu + EPSILON) / need.cpu) end
  if need.mem > 0 then n = math.min(n, (free.mem + EPSILON) / need.mem) end
  if need.disk > 0 then n = math.min(n, (free.disk + EPSILON) / need.disk) end
  if need.gpu > 0 then n = math.min(n, (free.gpu + EPSILON) / need.gpu) end
  for k = 0, round.v.nlabels - 5 do
    local amount = need.other[k]
    if amount > 0 then
      n = math.min(n, (other[k] + EPSILON) / amount)
    end
  end
  return math.max(0, math.floor(n))
end

local function take(work, need, n)
  local free, other = work.free, work.other
  free.cpu = free.cpu - n * need.cpu
  free.mem = free.mem - n * need.mem
  free.disk = free.disk - n * need.disk
  free.gpu = free.gpu - n * need.gpu
  for k = 0, round.v.nlabels - 5 do
    other[k] = other[k] - n * need.other[k]
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
  local work = round.allocs[a]
  return round.times(work.free, work.other, round.v._classes[c].res, 1) > 0
end

--- Plan up to `n` tasks of class `c` for alloc `a`.
-- @return how many there was room for
function round.assign(c, a, n)
  if not round.may(c, a) then
    return 0
  end
  local need, task = round.v._classes[c].res, round.tasks[c]
  local alloc = round.allocs[a]
  n = round.times(alloc.free, alloc.other, need, math.min(n, task.left))
  if n < 1 then
    return 0
  end
  take(alloc, need, n)
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
  local class, work = round.v._classes[c], round.pending[p]
  if class._may_pending ~= nil and class._may_pending[p] == 0 then
    return 0
  end
  local n = round.times(work.free, work.other, class.res, left)
  if n > 0 then
    take(work, class.res, n)
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
