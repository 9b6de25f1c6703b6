--- The main chunk as a scope: what `neap run` and stock luajit share.
--
-- For the command line:
--
--   main.run_chunk(fn, opts) -> summary            on the main thread only
--     fn    a loaded chunk (loadfile), or any function
--     opts  args        list of the script's arguments; also given to fn
--           script      its path, for messages and the run's row
--           on          engine to use: socket path or name (nil: $NEAP_ENGINE,
--                       config engine.target, else a private engine)
--           on_error    "finish" (default) | "stop" | "continue"
--           labels      map, added to the run
--           timeout_s   the run is stopped after so long (exit code 124)
--           detach      leave the run to the engine when the chunk has ended
--           engine      fields for the private engine's config: cpu, mem,
--                       policy_pack, policy_priority, policy_params …
--           signals     true: ^C once = finish, twice = stop, thrice = exit
--           on_signal   fn(name, count) told after the signal was acted on
--           on_session  fn(session) told once, when the run starts (subscribe
--                       with session:on_event there)
--     summary = {
--       ok       true when everything that was asked for succeeded
--       err      what the chunk raised, or the first unhandled failure
--       trace    traceback (trimmed) if err is no error of neap
--       code     exit code, user-api §6.3
--       run      "r7", nil when the script never needed an engine
--       tasks, ran, cached, skipped, cancelled   counts
--       failed   list of { id, name, error } of unhandled failures
--       nfailed  count of all failed tasks
--       unused   list of { task = "r7.2", output = "log" }
--       seconds  wall time
--     }
--     It never raises for what the script does; bugs of neap raise.
--
--   main.call(fn, ...) -> ok, value      run fn as a fiber, turn the loop until
--     it is done: for commands that only ask an engine.

local main = {}

return main
