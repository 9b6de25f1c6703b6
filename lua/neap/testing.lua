--- For specs of scripts, clusters and policies: clusters made by hand, and
-- objects that fail on demand. See `docs/testing.md`.

local cluster = require "neap.testing.cluster"
local files = require "neap.testing.files"
local repository = require "neap.sched.repository"
local stores = require "neap.testing.stores"

local testing = {}

--- A cluster whose requests wait until the spec answers them.
testing.manual_cluster = cluster.new

--- A fileset of random files that a repository holds.
testing.random_fileset = files.random

--- Any object, with a switch in front of each of its methods.
testing.faulty = stores.faulty

--- A blob store that can fail, with its buckets.
-- @param inner  blob store; default: one in memory
-- @param opts   clock: for calls that hang, default the virtual one made last
function testing.failing_store(inner, opts)
  return stores.blob(inner or require("neap.sched.blob").memory(), opts)
end

--- A repository that can fail.
-- @param inner  repository; default: one in memory
-- @param opts   clock: for calls that hang, default the virtual one made last
function testing.failing_repository(inner, opts)
  return stores.faulty(inner or repository.memory(), opts)
end

return testing
