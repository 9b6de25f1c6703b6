--- Task databases: what ran, when, where, and how it ended.
--
--   taskdb.memory()            rows in this process; for specs
--   taskdb.sqlite(path, opts)  rows in a file
--   taskdb.behind(db, clock, log)   a queue in front of any of them
--
-- A table with the methods of `taskdb_methods` is a task database as well.

local behind = require "neap.sched.taskdb_behind"
local memory = require "neap.sched.taskdb_memory"
local sqlite = require "neap.sched.taskdb_sqlite"

return { memory = memory.new, sqlite = sqlite.new, behind = behind.new }
