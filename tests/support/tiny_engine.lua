--- A stand-in for an engine: luajit tiny_engine.lua SOCKET [--config JSON]
--
-- Writes a line on its lifeline (descriptor 3) when it serves, ends when the
-- lifeline does. One connection at a time.
--
--   GET /events/N    a stream of N events, numbered from 1, then the end
--   GET /hang        never an answer
--   GET /quit/N      exits with status N
--   else             200, the body is the request's method, path and body

local ffi = require "ffi"

ffi.cdef [[
  struct sockaddr_un { unsigned short family; char path[108]; };
  struct pollfd { int fd; short events, revents; };
  int socket(int domain, int type, int protocol);
  int bind(int fd, const struct sockaddr_un *address, unsigned size);
  int listen(int fd, int backlog);
  int accept(int fd, void *address, void *size);
  int poll(struct pollfd *fds, unsigned long count, int timeout_ms);
  long read(int fd, void *data, size_t size);
  long write(int fd, const void *data, size_t size);
  int close(int fd);
  int unlink(const char *path);
]]

local C = ffi.C
local LIFELINE, POLLIN = 3, 1
local path = arg[1]
local buffer = ffi.new("char[?]", 65536)

local function write_all(fd, text)
  while #text > 0 do
    local n = tonumber(C.write(fd, text, #text))
    if n <= 0 then
      return false
    end
    text = text:sub(n + 1)
  end
  return true
end

local function leave(status)
  C.unlink(path)
  os.exit(status)
end

-- Wait for `fd`; the end of the lifeline ends the program.
local function wait(fd)
  local fds = ffi.new("struct pollfd[2]",
    { { LIFELINE, POLLIN, 0 }, { fd, POLLIN, 0 } })
  C.poll(fds, 2, -1)
  if fds[0].revents ~= 0 then
    leave(0)
  end
end

local function read_request(fd)
  local text = ""
  while true do
    wait(fd)
    local n = tonumber(C.read(fd, buffer, 65536))
    if n <= 0 then
      return nil
    end
    text = text .. ffi.string(buffer, n)
    local head, body = text:match("^(.-\r\n\r\n)(.*)$")
    if head then
      local length = tonumber(head:match "Content%-Length: (%d+)") or 0
      if #body >= length then
        local method, target = head:match "^(%u+) (%S+)"
        return method, target, body
      end
    end
  end
end

local function stream(fd, count)
  write_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    .. "Connection: close\r\n\r\n")
  for first = 1, count, 100 do
    local piece = {}
    for seq = first, math.min(count, first + 99) do
      piece[#piece + 1] = ("id: %d\ndata: {\"seq\":%d}\n\n"):format(seq, seq)
    end
    write_all(fd, table.concat(piece))
  end
end

local function answer(fd, method, target, body)
  local count = target:match "^/events/(%d+)"
  local status = target:match "^/quit/(%d+)"
  if count then
    stream(fd, tonumber(count))
    return false
  elseif status then
    leave(tonumber(status))
  elseif target == "/hang" then
    return true
  end
  local text = ("%s %s %s"):format(method, target, body)
  local code = target == "/refuse" and 404 or 200
  return write_all(fd, ("HTTP/1.1 %d X\r\nX-Tiny: yes\r\n"
    .. "Content-Length: %d\r\n\r\n%s"):format(code, #text, text))
end

local address = ffi.new("struct sockaddr_un", { 1, path })
local listener = C.socket(1, 1, 0)
assert(C.bind(listener, address, ffi.sizeof(address)) == 0, "cannot bind")
assert(C.listen(listener, 64) == 0, "cannot listen")
write_all(LIFELINE, '{"socket":"' .. path .. '"}\n')

while true do
  wait(listener)
  local fd = C.accept(listener, nil, nil)
  repeat
    local method, target, body = read_request(fd)
  until not method or not answer(fd, method, target, body)
  C.close(fd)
end
