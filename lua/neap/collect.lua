--- Collections: a fiber per item, trees of tasks, and small list functions.

local check = require "neap.check"
local errors = require "neap.errors"
local loop = require "neap.loop"
local promise = require "neap.promise"
local sync = require "neap.sync"
local wait = require "neap.wait"

local collect = {}

-- Start a fiber per item, at most `max` at a time. ⏸
local function start_all(list, fn, opts, fibers)
  local places = opts.max and sync.semaphore(opts.max)
  local failed = false
  for i, item in ipairs(list) do
    if places then
      places:take()
    end
    if failed and not opts.settle then
      break
    end
    fibers[i] = loop.spawn(fn, item, i)
    promise.on(fibers[i], function(fiber)
      failed = failed or fiber.settled == "err"
      if places then
        places:give()
      end
    end)
  end
end

local function cancel_rest(fibers)
  for _, fiber in ipairs(fibers) do
    promise.on(fiber, promise.mark_seen)
    fiber:cancel("another item of neap.map failed")
  end
end

--- neap.map(list, fn, { max=, settle= }) ⏸
function collect.map(list, fn, opts)
  check.list(list, "the list of neap.map")
  check.type(fn, "function", "the function of neap.map")
  opts = check.opts(opts, { max = true, settle = true }, "neap.map")
  if opts.max ~= nil then
    check.integer(opts.max, "max of neap.map", "max", 1)
  end
  local fibers = {}
  local ok, results = pcall(function()
    start_all(list, fn, opts, fibers)
    return (opts.settle and wait.settle or wait.all)(fibers)
  end)
  if not ok then
    cancel_rest(fibers)
    error(results, 0)
  end
  return results
end

--- neap.each(list, fn, opts): as map, without results. ⏸
function collect.each(list, fn, opts)
  collect.map(list, fn, opts)
end

--- neap.chunk(list, n) → list of lists
function collect.chunk(list, n)
  check.list(list, "the list of neap.chunk")
  check.integer(n, "n of neap.chunk", nil, 1)
  local chunks = {}
  for i = 1, #list, n do
    local chunk = {}
    for j = i, math.min(i + n - 1, #list) do
      chunk[#chunk + 1] = list[j]
    end
    chunks[#chunks + 1] = chunk
  end
  return chunks
end

--- neap.reduce_tree(list, fn, { arity = 8 }) → one item, or nil for {}
function collect.reduce_tree(list, fn, opts)
  check.list(list, "the list of neap.reduce_tree")
  check.type(fn, "function", "the function of neap.reduce_tree")
  opts = check.opts(opts, { arity = true }, "neap.reduce_tree")
  local arity = check.integer(opts.arity or 8, "arity of neap.reduce_tree",
    "arity", 2, 1024)
  local level, items = 1, list
  while #items > 1 do
    local up = {}
    for _, chunk in ipairs(collect.chunk(items, arity)) do
      -- a rest of one goes up as it is
      local item = #chunk == 1 and chunk[1] or fn(chunk, level)
      if item == nil then
        check.fail(nil, "the function of neap.reduce_tree returned nil for a"
          .. " chunk of %d items at level %d", #chunk, level)
      end
      up[#up + 1] = item
    end
    level, items = level + 1, up
  end
  return items[1]
end

--- neap.fold(list, init, fn): left to right, acc = fn(acc, item, i)
function collect.fold(list, init, fn)
  check.list(list, "the list of neap.fold")
  check.type(fn, "function", "the function of neap.fold")
  local acc = init
  for i, item in ipairs(list) do
    acc = fn(acc, item, i)
  end
  return acc
end

--- neap.zip(a, b, …) → list of tuples
function collect.zip(...)
  local lists, tuples = { ... }, {}
  for i = 1, select("#", ...) do
    check.list(lists[i], ("argument %d of neap.zip"):format(i))
    if #lists[i] ~= #lists[1] then
      check.fail(nil, "lists of neap.zip differ in length: argument 1 has %d,"
        .. " argument %d has %d", #lists[1], i, #lists[i])
    end
  end
  for j = 1, #(lists[1] or {}) do
    local tuple = {}
    for i = 1, #lists do
      tuple[i] = lists[i][j]
    end
    tuples[j] = tuple
  end
  return tuples
end

--- neap.product{ a={…}, b={…} } → list of maps; last name fastest
function collect.product(lists)
  check.type(lists, "table", "the argument of neap.product")
  local names = {}
  for name, list in pairs(lists) do
    check.type(name, "string", "a name of neap.product")
    check.list(list, ("'%s' of neap.product"):format(name), name)
    names[#names + 1] = name
  end
  table.sort(names)
  local maps = { {} }
  for _, name in ipairs(names) do
    local longer = {}
    for _, map in ipairs(maps) do
      for _, value in ipairs(lists[name]) do
        local copy = { [name] = value }
        for k, v in pairs(map) do
          copy[k] = v
        end
        longer[#longer + 1] = copy
      end
    end
    maps = longer
  end
  return #names > 0 and maps or {}
end

--- neap.group(files, pattern): iterator over key, list
function collect.group(files, pattern)
  check.list(files, "the files of neap.group")
  check.type(pattern, "string", "the pattern of neap.group")
  local keys, lists = {}, {}
  for i, f in ipairs(files) do
    local name = type(f) == "table" and f.name
    check.type(name, "string", ("name of item %d of neap.group"):format(i))
    local key = name:match(pattern)
    if key and not lists[key] then
      keys[#keys + 1], lists[key] = key, {}
    end
    if key then
      table.insert(lists[key], f)
    end
  end
  local i = 0
  return function()
    i = i + 1
    return keys[i], lists[keys[i]]
  end
end

--- neap.range(a, b, step) → list
function collect.range(a, b, step)
  check.number(a, "a of neap.range")
  check.number(b, "b of neap.range")
  step = check.number(step or 1, "step of neap.range")
  if step == 0 then
    check.fail(nil, "step of neap.range is 0")
  elseif (b - a) / step > 1e7 then
    errors.raise("E_BUDGET", "neap.range would have more than 1e7 items")
  end
  local list = {}
  for n = a, b, step do
    list[#list + 1] = n
  end
  return list
end

return collect
