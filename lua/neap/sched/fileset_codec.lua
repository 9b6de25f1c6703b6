--- The forms in which filesets are written.
--
-- Each has encode(fileset) → text and decode(text, depth) → a plain tree as
-- `fileset.new` takes it, or nil and a message. What comes from outside is
-- checked twice: here for its form, in `fileset` for its meaning.

return {
  forms = {
    json = require "neap.sched.fileset_json",
    compact = require "neap.sched.fileset_compact",
  },
}
