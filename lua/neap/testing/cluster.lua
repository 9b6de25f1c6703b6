--- A cluster made by hand: each request waits until the spec answers it.

local alloc = require "neap.testing.alloc"
local clocks = require "neap.sched.clock"
local errors = require "neap.sched.errors"
local faults = require "neap.testing.faults"
local request = require "neap.testing.request"
local suggest = require "neap.suggest"

local cluster = {}

local Cluster = {}
Cluster.__index = Cluster

-- For the scheduler ----------------------------------------------------------

-- Hand a request to the spec that has waited longest, or keep it for later.
local function arrive(self, req)
  local taker = table.remove(self.takers, 1)
  if taker then
    taker:resolve(req)
  else
    self.unseen[#self.unseen + 1] = req
  end
end

--- Ask for an alloc. ⏸ until the spec answers.
function Cluster:allocate(req, labels, ctx)
  local waiting = request.new(self, req, labels, ctx)
  self.asked[#self.asked + 1] = waiting
  arrive(self, waiting)
  return waiting.answer:wait()
end

--- May an alloc ever hold so much? What the option `can_allocate` says.
function Cluster:can_allocate(r)
  if self.can then
    return self.can(r)
  end
  return true
end

--- `fn()` is called when `set_menu` was.
function Cluster:on_change(fn)
  self.listeners[#self.listeners + 1] = fn
end

local names = faults.methods(Cluster, { "allocate", "can_allocate" })
names.menu = true

-- Only a cluster that was made with a menu has this method.
local menu = faults.guard("menu", function(self)
  return self.shapes
end)

-- For the spec ---------------------------------------------------------------

--- The oldest request that was not handed out yet and is still wanted. ⏸
-- @param timeout  how long to wait for one, default: for ever
-- @return the request, or nil when none came in time
function Cluster:next_request(timeout)
  while self.unseen[1] do
    local req = table.remove(self.unseen, 1)
    if req:is_open() then
      return req
    end
  end
  local taker = self.clock:promise()
  self.takers[#self.takers + 1] = taker
  local req, err = taker:wait(timeout)
  if req then
    return req
  end
  for i, other in ipairs(self.takers) do
    if other == taker then
      table.remove(self.takers, i)
      break
    end
  end
  return nil, err
end

--- Requests that wait for an answer and are wanted, in the order they came.
function Cluster:requests()
  local open = {}
  for _, req in ipairs(self.asked) do
    open[#open + 1] = req:is_open() and req or nil
  end
  self.asked = open
  return { unpack(open) }
end

--- Number of requests that wait for an answer and are wanted.
function Cluster:pending()
  return #self:requests()
end

--- An alloc to grant.
-- @param id         text
-- @param resources  table or resources; its actual size
-- @param opts       lease: seconds that a keepalive grants, default 30;
--                   fetch: fn(url) → bytes or nil, err: where references come
--                   from, default: bytes made of the URL; on_exec: fn(exec),
--                   called for each exec in a coroutine of its own; default
--                   for all of these: those of the cluster
function Cluster:alloc(id, resources, opts)
  local made = alloc.new(self, id, resources, opts)
  self.made[#self.made + 1] = made
  return made
end

--- All allocs that were made, in order.
function Cluster:allocs()
  return { unpack(self.made) }
end

--- Offer other shapes from now on.
-- @param shapes  list as of `menu`; only for a cluster made with a menu
function Cluster:set_menu(shapes)
  if not self.shapes then
    errors.raise("set_menu: this cluster was made without a menu; give"
      .. " manual_cluster one")
  end
  self.shapes = shapes
  for _, fn in ipairs(self.listeners) do
    fn()
  end
end

local known = {
  name = true, clock = true, menu = true, can_allocate = true, lease = true,
  fetch = true, on_exec = true,
}

--- A manual cluster.
-- @param opts  name: default "manual"; clock: default the virtual one made
--              last; menu: list of shapes; can_allocate: fn(resources) → true,
--              or false and an error; lease, fetch, on_exec: for its allocs
function cluster.new(opts)
  opts = opts or {}
  for key in pairs(opts) do
    if not known[key] then
      errors.raise("unknown option '%s' of manual_cluster%s", tostring(key),
        suggest.hint(key, known))
    end
  end
  local self = setmetatable({
    name = opts.name or "manual", can = opts.can_allocate,
    shapes = opts.menu, menu = opts.menu and menu,
    options = { lease = opts.lease, fetch = opts.fetch,
      on_exec = opts.on_exec },
    asked = {}, unseen = {}, takers = {}, made = {}, listeners = {},
  }, Cluster)
  return faults.init(self, opts.clock or clocks.default())
end

return cluster
