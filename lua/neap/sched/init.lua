--- `neap.sched`: the scheduler as a library. See docs/sched.md.

local assertions = require "neap.sched.assertions"
local blob = require "neap.sched.blob"
local clock = require "neap.sched.clock"
local cluster_sim = require "neap.sched.cluster_sim"
local craft = require "neap.sched.craft"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local face = require "neap.sched.face"
local file = require "neap.sched.file"
local fileset = require "neap.sched.fileset"
local mux = require "neap.sched.mux"
local published = require "neap.sched.published"
local repository = require "neap.sched.repository"
local requirements = require "neap.sched.requirements"
local resources = require "neap.sched.resources"
local state = require "neap.sched.state"
local task = require "neap.sched.task"
local taskdb = require "neap.sched.taskdb"
local taskset = require "neap.sched.taskset"
local transferer = require "neap.sched.transferer"

local sched = {
  errors = errors, clock = clock, state = state,
  resources = resources, requirements = requirements,
  craft = craft.craft, craft_reflow = craft.craft_reflow,
  digest = digest, file = file, fileset = fileset,
  assertions = assertions, repository = repository, blob = blob,
  mux = mux, transferer = transferer, taskdb = taskdb,
  cluster = { sim = cluster_sim.new },
  new = face.new, task = task.new, taskset = taskset.new,
  published = published.all,
}

return sched
