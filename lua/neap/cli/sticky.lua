--- Lines that stay at the bottom of a terminal while others scroll above.
-- Everything that this process writes to the terminal passes through here
-- while the lines are on, so that it never lands in the middle of them.

local text = require "neap.cli.text"

local sticky = {}
sticky.__index = sticky

--- @param core  output, columns (neap.core); core.output is wrapped while on
function sticky.new(core)
  return setmetatable({ core = core, write = core.output, shown = {},
                        at_start = true, stdout = core.isatty(1) }, sticky)
end

-- Rows that the shown lines take now: the terminal may have become narrower.
local function rows_shown(self)
  local columns = math.max(1, self.core.columns(2) or 80)
  local rows = 0
  for _, line in ipairs(self.shown) do
    rows = rows + math.max(1, math.ceil(text.width(line) / columns))
  end
  return rows
end

--- Take the lines away.
function sticky:clear()
  if #self.shown == 0 then
    return
  end
  local up = rows_shown(self) - 1
  self.shown = {}
  self.write(2, "\r" .. (up > 0 and ("\27[%dA"):format(up) or "") .. "\27[J")
end

--- Show these lines instead of the ones before. Does nothing while somebody
-- is in the middle of a line.
-- @param lines  without line ends; may hold colours
function sticky:draw(lines)
  if not self.at_start then
    return
  end
  self:clear()
  if #lines > 0 then
    self.shown = lines
    self.write(2, table.concat(lines, "\n"))
  end
end

-- What was written last decides whether the cursor is at the start of a line.
local function passed(self, data)
  data = tostring(data)
  if data ~= "" then
    self.at_start = data:sub(-1) == "\n"
  end
end

local function is_terminal(self, fd)
  return fd == 2 or fd == 1 and self.stdout
end

local function wrap_core(self)
  self.core.output = function(fd, data)
    if is_terminal(self, fd) then
      self:clear()
      passed(self, data)
    end
    return self.write(fd, data)
  end
end

-- io.write, f:write and print of the script. C's buffer must be empty before
-- the lines come back.
local function wrap_stdio(self)
  local methods = debug.getmetatable(io.stdout).__index
  self.file_write, self.io_write, self.print = methods.write, io.write, print
  local function before(file, ...)
    self:clear()
    for i = 1, select("#", ...) do
      passed(self, (select(i, ...)))
    end
    return file
  end
  local function is_ours(file)
    return file == io.stderr or file == io.stdout and self.stdout
  end
  function methods.write(file, ...)
    if not is_ours(file) then
      return self.file_write(file, ...)
    end
    before(file, ...)
    local ok, message, code = self.file_write(file, ...)
    file:flush()
    return ok, message, code
  end
  io.write = function(...) -- luacheck: ignore 122
    return io.output():write(...)
  end
  print = function(...) -- luacheck: ignore 121
    if not self.stdout then
      return self.print(...)
    end
    before(io.stdout, "\n")
    self.print(...)
    io.stdout:flush()
  end
end

--- Begin to watch what is written.
function sticky:on()
  wrap_core(self)
  wrap_stdio(self)
end

--- Take the lines away and leave everything as it was.
function sticky:off()
  self:clear()
  self.core.output = self.write
  debug.getmetatable(io.stdout).__index.write = self.file_write
  io.write = self.io_write -- luacheck: ignore 122
  print = self.print -- luacheck: ignore 121
end

return sticky
