--- Words for people: 3 m ago, 17 tasks; states with marks and colours.
-- Sizes and durations are in neap.units.

local human = {}

--- A moment, seen from `now`: "12 s ago", "3 m ago", "2 h ago", "5 d ago".
function human.ago(at, now)
  local s = math.max(0, now - at)
  if s < 60 then
    return ("%d s ago"):format(s)
  elseif s < 3600 then
    return ("%d m ago"):format(s / 60)
  elseif s < 86400 then
    return ("%d h ago"):format(s / 3600)
  end
  return ("%d d ago"):format(s / 86400)
end

--- "1 task", "17 tasks".
function human.count(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

--- A number without a useless ".0": cpu counts.
function human.number(n)
  return ("%.6g"):format(n)
end

human.marks = {
  waiting = "…", queued = "…", staging = "▸", running = "▸",
  collecting = "▸", done = "✓", failed = "✗", cancelled = "⊘",
  skipped = "⊘", aborted = "✗",
}

human.colours = {
  staging = "cyan", running = "cyan", collecting = "cyan", done = "green",
  failed = "red", cancelled = "yellow", skipped = "yellow", aborted = "red",
}

--- A state as a cell: mark, name, colour.
function human.state(name)
  return { text = (human.marks[name] or "?") .. " " .. name,
           colour = human.colours[name] }
end

return human
