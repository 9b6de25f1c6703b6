--- Where the last lines of a log begin.

local tail = {}

--- Offset of the n-th line from the end. A last line without an end counts.
-- @param read  function(offset) → data, size; "" at the end
-- @param n     how many lines
-- @return bytes from the start
function tail.offset(read, n)
  -- starts[head … last]: offsets at which the last n + 1 lines begin
  local starts, head, last = { 0 }, 1, 1
  local at, ends_line = 0, true
  while true do
    local data, size = read(at)
    for place in data:gmatch "\n()" do
      last = last + 1
      starts[last] = at + place - 1
      if last - head > n then
        starts[head] = nil
        head = head + 1
      end
    end
    at = at + #data
    if #data > 0 then
      ends_line = data:sub(-1) == "\n"
    end
    if #data == 0 or at >= size then
      break
    end
  end
  -- after a line end the last start is no line
  local first = last - n + (ends_line and 0 or 1)
  return starts[math.max(first, head)] or at
end

return tail
