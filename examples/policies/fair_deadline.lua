--- Deadlines first, then fair share between users, then plain priority, then
--- age.
--
--   key = (late?, decayed cpu seconds of the user / share, priority, seq)

local policy = require "neap.policy"

return policy.priority "fair_deadline" {
  api = 1,
  refresh = 10, -- seconds between re-keying of the whole queue
  params = {
    half_life = {
      default = "1h", type = "duration", min = 1,
      doc = "how fast past usage is forgotten",
    },
    shares = {
      default = {}, type = "table", doc = "user -> share, 1 if absent",
    },
  },

  init = function(ctx) -- ctx.state survives reload of the same policy name
    ctx.state.usage = ctx.state.usage or {}
  end,

  -- Up to 8 numbers, compared left to right, low first.
  key = function(task, ctx)
    local late = 1
    local deadline = tonumber(task.labels.deadline) -- Unix seconds
    if deadline and deadline - ctx.now < 2 * (task.expect or 600) then
      late = 0
    end
    local u = ctx.state.usage[task.user]
    local used = u and
      u.cpu_s * 2 ^ (-(ctx.now - u.at) / ctx.params.half_life) or 0
    local share = ctx.params.shares[task.user] or 1
    return late, used / share, task.priority, task.seq
  end,

  on = {
    ["task.done"] = function(ev, ctx)
      local usage, t = ctx.state.usage, ev.task
      local u = usage[t.user] or { cpu_s = 0, at = ctx.now }
      u.cpu_s = u.cpu_s * 2 ^ (-(ctx.now - u.at) / ctx.params.half_life)
        + t.res.cpu * ev.runtime
      u.at = ctx.now
      usage[t.user] = u
    end,
  },
}
