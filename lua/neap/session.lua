--- One run on an engine: submission in batches, events to task states.
--
-- For the command line:
--
--   session.current() -> Session or nil   nil until the run has started
--   session:on_event(fn) -> off           fn(event), event.kind of the protocol
--       ("task.start", "task.done", "alloc.live", …), and the client's own
--       "task.submit" { task, name }, "run.start" { run }, "engine.lost" { error }
--   session.run          "r7", nil until the engine has answered
--   session.private      is the engine ours?
--   session.info         once known: name, cpu, mem, disk, repo, socket, pid
--   session.counters     .total and .by_name[NAME], each
--       { submitted, queued, running, done, cached, failed, cancelled, skipped }
--       and .names: list in order of first submission. Sums never go back.
--   session.allocs       id -> last alloc event
--   session.conn         the connection (neap.engine), see there
--   session:cancel_run(mode, reason)      "finish" | "stop"; returns at once
--
-- For commands without a run: neap.engine
--   engine.connect(target) -> conn  (waits) socket path or name, nil: default
--   conn:get(path) / conn:post(path, body) / conn:request(method, path, body)
--       (waits) -> decoded table; raises E_CONN, or the engine's own error
--   conn:raw(method, path, body) -> { status, body, headers }
--   conn:events(path, on_event, on_end) -> stop function; SSE with reconnect

local session = {}

return session
