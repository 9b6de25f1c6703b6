--- What clusters offer: their menus, told to the core, and whether they could
-- ever hold a task.
--
-- A cluster without a menu is one elastic shape without bounds. A menu is
-- asked for at the start, when the cluster says that it changed
-- (`c:on_change(fn)`, if it has that method), and while tasks wait at most
-- once a minute.

local at_once = require "neap.sched.at_once"
local call = require "neap.sched.call"
local errors = require "neap.sched.errors"
local resources = require "neap.sched.resources"

local menu = {}

local AGE = 60 -- seconds that a menu is good for
local PATIENCE = 10 -- seconds until an answer is not waited for any more

local elastic = { { name = "elastic", elastic = true, max = -1 } }

-- ---- reading a menu -------------------------------------------------------

local function number(value, what, least)
  if value == nil then
    return 0
  elseif type(value) ~= "number" or value ~= value or value < least then
    error(("%s is %s, not a number of at least %g"):format(what,
      tostring(value), least), 0)
  end
  return value
end

local function read_shape(row, i)
  if type(row) ~= "table" then
    error(("row %d is a %s, not a table"):format(i, type(row)), 0)
  elseif type(row.name) ~= "string" or row.name == "" then
    error(("row %d has no name"):format(i), 0)
  end
  local what = "'" .. row.name .. "'"
  return {
    name = row.name, res = resources.from(row.resources or {}),
    elastic = row.elastic and true or false,
    max = row.max == nil and -1 or number(row.max, "max of " .. what, 0),
    price = number(row.price, "price of " .. what, 0),
    startup = number(row.startup, "startup of " .. what, 0),
    walltime = number(row.walltime, "walltime of " .. what, 0),
    labels = row.labels,
  }
end

local function read(list)
  if type(list) ~= "table" then
    error(("it is a %s, not a list of shapes"):format(type(list)), 0)
  end
  local shapes = {}
  for i, row in ipairs(list) do
    shapes[i] = read_shape(row, i)
  end
  return shapes
end

-- ---- asking ---------------------------------------------------------------

-- The shapes of a cluster, or nil and what is wrong. Suspends; one that does
-- not answer is asked again later.
local function shapes_of(s, cluster)
  if not cluster.object.menu then
    return elastic
  end
  local list, err = call.within(s.clock, AGE, cluster.object, "menu")
  if list == nil then
    return nil, call.failure(err, "menu")
  end
  local fine, shapes = pcall(read, list)
  if not fine then
    return nil, errors.new("Fatal", "the menu is wrong: %s", tostring(shapes))
  end
  return shapes
end

local function tell(s, cluster, shapes)
  local ok, text = s.core:set_menu(cluster.name, shapes, s.clock:now_ns())
  if not ok then
    return nil, errors.new("Fatal", "the menu is wrong: %s", text)
  end
  cluster.shapes = shapes
  return true
end

local function ask(s, cluster)
  local shapes, err = shapes_of(s, cluster)
  local ok = shapes ~= nil
  if ok then
    ok, err = tell(s, cluster, shapes)
  end
  if not ok then
    s:log("error", "cluster %s: %s", cluster.name, tostring(err))
  end
  cluster.asking = false
  cluster.asked = s.clock:now()
  s:kick()
end

--- Ask for the menu of a cluster, unless that is under way. Returns at once.
function menu.ask(s, cluster)
  if not cluster.asking then
    cluster.asking = true
    at_once.run(ask, s, cluster)
  end
end

-- When the answer of a cluster becomes old; never while it is being asked.
local function due_at(cluster)
  if not cluster.object.menu or cluster.asking then
    return math.huge
  end
  return cluster.asked + AGE
end

local function set_alarm(s, seconds)
  s.menu_alarm = s.clock:after(seconds, function()
    s.menu_alarm = nil
    s:kick()
  end)
end

--- Ask again where an answer has become old, and have the scheduler turn when
-- the next one does. Returns at once.
function menu.refresh(s)
  local now, next_due = s.clock:now(), math.huge
  for _, cluster in ipairs(s.cluster_list) do
    local due = due_at(cluster)
    if due <= now + 1e-6 then
      menu.ask(s, cluster)
    else
      next_due = math.min(next_due, due)
    end
  end
  if next_due < math.huge and not s.menu_alarm then
    set_alarm(s, next_due - now)
  end
end

--- Begin: all menus are asked for, changes are listened to.
function menu.start(s)
  for _, cluster in ipairs(s.cluster_list) do
    if not cluster.object.menu then
      tell(s, cluster, elastic)
    else
      menu.ask(s, cluster)
    end
    if cluster.object.on_change then
      cluster.object:on_change(function()
        menu.ask(s, cluster)
        s:readmit()
      end)
    end
  end
end

-- ---- can it ever be? ------------------------------------------------------

-- Suspends. True, or false and why not. Who does not answer may hold it: a
-- task must not wait for ever for somebody's word.
local function can(s, cluster, amounts)
  local object = cluster.object
  if not object.can_allocate then
    return true
  end
  local answer = call.start(s.clock, object, "can_allocate", amounts)
  local yes, err = answer:wait(PATIENCE)
  if not answer.done then
    s:log("warn", "cluster %s does not say whether it can hold %s",
      cluster.name, tostring(amounts))
    return true
  elseif yes then
    return true
  end
  return false, call.failure(err or errors.new("ResourcesExhausted",
    "cluster %s cannot allocate %s", cluster.name, tostring(amounts)),
    "can_allocate")
end

--- Which clusters may ever hold so much? Suspends.
-- @return true when all may; a list of names when some may; nil and the error
--         of the first that refused when none may
function menu.holders(s, amounts)
  local names, first = {}, nil
  for _, cluster in ipairs(s.cluster_list) do
    local yes, err = can(s, cluster, amounts)
    if yes then
      names[#names + 1] = cluster.name
    else
      first = first or err
    end
  end
  if #names == #s.cluster_list then
    return true
  elseif #names > 0 then
    return names
  end
  return nil, first
end

-- ---- names ----------------------------------------------------------------

--- Clusters by name; those that share a name get a number.
-- @return list of { name, object }, and the same by name
function menu.clusters(objects)
  local list, by_name = {}, {}
  for _, object in ipairs(objects) do
    local wanted = type(object.name) == "string" and object.name or "cluster"
    local name, n = wanted, 1
    while by_name[name] do
      n = n + 1
      name = wanted .. n
    end
    local cluster = { name = name, object = object, menu = object.menu ~= nil }
    list[#list + 1], by_name[name] = cluster, cluster
  end
  return list, by_name
end

return menu
