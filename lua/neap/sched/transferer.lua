--- Moves files between repositories.
--
-- Every repository has a number of slots; an object that several want at one
-- place is moved once (`flights`); what fails may be tried again
-- (`object_transfer`). Nothing is kept of a repository that nothing is moved
-- from or to, except in the totals of `status()`.

local clock = require "neap.sched.clock"
local endpoints = require "neap.sched.endpoints"
local errors = require "neap.sched.errors"
local flights = require "neap.sched.flights"
local needs = require "neap.sched.transfer_needs"
local object_transfer = require "neap.sched.object_transfer"
local parallel = require "neap.sched.parallel"
local slots = require "neap.sched.slots"
local suggest = require "neap.suggest"
local ticket = require "neap.sched.ticket"
local transfer_status = require "neap.sched.transfer_status"

local transferer = {}

local Transferer = {}
Transferer.__index = Transferer

local known = {
  default = true, stat = true, limits = true, clock = true, log = true,
}

local function check_limit(value, what)
  if type(value) ~= "number" or value < 1
    or value ~= math.huge and value % 1 ~= 0 then
    errors.raise("transferer: %s must be a whole number of at least 1, or"
      .. " math.huge, not %s", what, tostring(value))
  end
  return value
end

local function check_options(opts)
  if type(opts) ~= "table" then
    errors.raise("transferer: the options are a table, not a %s", type(opts))
  end
  for key in pairs(opts) do
    if not known[key] then
      errors.raise("unknown option '%s' of transferer%s", tostring(key),
        suggest.hint(key, known))
    end
  end
  for url, limit in pairs(opts.limits or {}) do
    check_limit(limit, ("the limit of '%s'"):format(tostring(url)))
  end
  if opts.log ~= nil and type(opts.log) ~= "function" then
    errors.raise("transferer: log is a function(level, message), not a %s",
      type(opts.log))
  end
end

--- A transferer.
-- @param opts  default = 20: objects on their way from and to a repository;
--              stat = 200: calls of `stat` at a time; limits = { [url] = n };
--              log = function(level, message); clock
function transferer.new(opts)
  opts = opts or {}
  check_options(opts)
  local time = opts.clock or clock.default()
  local default = check_limit(opts.default or 20, "default")
  local stats = check_limit(opts.stat or 200, "stat")
  return setmetatable({
    clock = time, log = opts.log or function() end,
    endpoints = endpoints.new {
      clock = time, default = default, limits = opts.limits,
    },
    stats = slots.new(time, stats), flights = flights.new(time),
    counts = transfer_status.new(),
    numbers = setmetatable({}, { __mode = "k" }), numbered = 0,
  }, Transferer)
end

-- ---- arguments ------------------------------------------------------------

local function check_repository(repo, method, what)
  if type(repo) ~= "table" and type(repo) ~= "userdata" then
    errors.raise("%s: the %s is a repository, not a %s", method, what,
      type(repo))
  end
  return repo
end

-- Tickets of one call: the caller's, and one beneath it for its files.
local function tickets(ctx)
  local pass = ticket.new()
  local group = ticket.new(pass)
  if ctx then
    pass.revocable = true
    if ctx:done() then
      pass:cancel()
    else
      ctx:on_cancel(function() pass:cancel() end)
    end
  end
  return pass, group
end

-- ---- what is missing ------------------------------------------------------

--- Which files a repository does not have. ⏸
-- @param dst    the repository; an object of another size counts as missing,
--               as does one that `stat` fails for (the failure is logged)
-- @param files  list of resolved files, or a fileset
-- @param ctx    `ctx:done()`, `ctx:on_cancel(fn)` call it off; default: nobody
-- @return list of files, each digest once; or nil, err: Invalid if a file is
--   not resolved, Canceled
function Transferer:need_transfer(dst, files, ctx)
  check_repository(dst, "need_transfer", "destination")
  local list, err = needs.list("need_transfer", files)
  if not list then
    return nil, err
  end
  local pass, group = tickets(ctx)
  return needs.missing(self, dst, list, pass, group)
end

-- ---- one file -------------------------------------------------------------

local function with_slots(self, job, file, entry)
  local ends = self.endpoints
  local ok, err = ends:take(job.src_key, job.dst_key, job.group)
  if not ok then
    return nil, err
  end
  self.counts:move(entry, "transferring")
  if job.group.cancelled then
    ok, err = nil, ticket.error()
  else
    ok, err = job.pass:call(self.clock, object_transfer.run, self.clock,
      job.dst, job.src, file, job.group)
  end
  ends:give(job.src_key, job.dst_key)
  return ok, err
end

local function transfer_file(self, job, file)
  local entry = self.counts:begin(job.src_key, job.dst_key, file.size or 0)
  local led = false
  local ok, err = self.flights:run(job.claim .. file.id, job.src_key,
    job.group, function()
      led = true
      return with_slots(self, job, file, entry)
    end)
  self.counts:move(entry, led and (ok and "done" or "failed") or nil)
  if not ok then
    return nil, errors.wrap("transfer", { file.id }, err)
  end
  return true
end

-- ---- many files -----------------------------------------------------------

local function same(a, b)
  return rawequal(a, b) or a.url ~= nil and a.url == b.url
end

-- What an object at a place is claimed by, without the object.
local function claim(self, dst)
  if dst.url then
    return dst.url .. " "
  end
  local number = self.numbers[dst]
  if not number then
    number = self.numbered + 1
    self.numbers[dst], self.numbered = number, number
  end
  return number .. " "
end

local function run(self, job, missing)
  if #missing > 0 and same(job.dst, job.src) then
    return nil, errors.wrap("transfer", { missing[1].id }, errors.new(
      "NotExist", "source and destination are the same repository, and it"
      .. " lacks %d of the files", #missing))
  end
  local ends = self.endpoints
  local width = math.min(ends:limit(job.src_key), ends:limit(job.dst_key))
  return parallel(self.clock, missing, width, job.pass, job.group,
    function(file) return transfer_file(self, job, file) end)
end

--- Bring files from one repository to another; what is there is not moved. ⏸
-- @param dst, src  repositories
-- @param files     list of resolved files, or a fileset
-- @param ctx       `ctx:done()`, `ctx:on_cancel(fn)` call it off: then it
--                  returns at once, whatever the repositories do
-- @return true when all are there; or nil and the first error, of op
--   "transfer" and the kind of its cause. Other files that were under way then
--   have been awaited
function Transferer:transfer(dst, src, files, ctx)
  check_repository(dst, "transfer", "destination")
  check_repository(src, "transfer", "source")
  local list, err = needs.list("transfer", files)
  if not list then
    return nil, err
  elseif #list == 0 then
    return true
  end
  local pass, group = tickets(ctx)
  local missing
  missing, err = needs.missing(self, dst, list, pass, group)
  if not missing then
    return nil, err
  end
  return run(self, {
    dst = dst, src = src, pass = pass, group = group, claim = claim(self, dst),
    dst_key = dst.url or dst, src_key = src.url or src,
  }, missing)
end

--- What is under way: see `transfer_status`. Its text is
-- `done: 3 12KiB, transferring: 1 4KiB, waiting: 0 0B, failed: 0 0B`.
function Transferer:status()
  return self.counts:snapshot()
end

return setmetatable(transferer, {
  __call = function(_, opts) return transferer.new(opts) end,
})
