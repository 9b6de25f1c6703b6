--- Repositories: objects named by the digest of their bytes.
--
-- Built in are `memory` and `dir`; a table with the same methods is one too.

local repository_dir = require "neap.sched.repository_dir"
local repository_memory = require "neap.sched.repository_memory"
local schemes = require "neap.sched.repository_schemes"

local repository = {}

--- A new repository in memory: see `repository_memory`.
repository.memory = repository_memory.new

--- The repository in a folder: see `repository_dir`.
repository.dir = repository_dir.new

--- Let `dial` know a scheme: `register(scheme, function(url) → repository)`.
repository.register = schemes.register

--- The repository of a URL: "file:///path", "memory://name", or of a scheme
-- that was registered. ⏸
repository.dial = schemes.dial

return repository
