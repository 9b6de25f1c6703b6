--- A neap.core for specs of the command line: no processes, no sockets. What
-- is written is kept, engines answer from a table, files are real.

local json = require "neap.cli.json"

local cli_core = {}

--- @param given  engines: { NAME = { ["GET /v1/info"] = table | function(body,
--                path) → status, body, headers } }; tty; columns; now
function cli_core.new(given)
  given = given or {}
  local core = { version = "0.1.0", out = {}, err = {}, requests = {},
                 events = {}, clock = given.now or 1000 }

  function core.isatty() return given.tty or false end
  function core.columns() return given.columns or 80 end
  function core.uid() return 1000 end
  function core.wall() return core.clock end
  function core.mono() return core.clock end
  function core.cancel() end
  function core.output(fd, data)
    if given.closed and fd == 1 then
      return nil, "broken pipe", "Net"
    end
    table.insert(fd == 1 and core.out or core.err, data)
    return true
  end
  function core.list(dir)
    return given.list and given.list[dir]
  end
  function core.object(_, sha256)
    return given.objects and given.objects[sha256]
  end
  function core.read(path, offset, n)
    local file = assert(io.open(path, "rb"))
    file:seek("set", offset)
    local data = file:read(n) or ""
    file:close()
    return data
  end
  function core.sockets()
    local list = {}
    for name in pairs(given.engines or {}) do
      list[#list + 1] = { name = name, path = "/run/" .. name .. ".sock",
                          alive = true }
    end
    table.sort(list, function(a, b) return a.name < b.name end)
    return list
  end

  local function answer(socket, method, path, body)
    local engine = given.engines[socket:match "([^/]+)%.sock$"]
    local found = engine[method .. " " .. path]
      or engine[method .. " " .. path:gsub("%?.*", "")]
    if type(found) == "function" then
      return found(body, path)
    elseif found then
      return 200, json.encode(found), {}
    end
    return 404, json.encode { error = { kind = "E_NOENT",
      message = "no " .. path } }, {}
  end

  function core.http(id, socket, method, path, body)
    table.insert(core.requests, { method = method, path = path, body = body })
    local status, text, headers = answer(socket, method, path, body)
    table.insert(core.events, { type = "http", id = id, status = status,
                                body = text, headers = headers })
  end
  function core.step(timeout_s)
    local events = core.events
    core.events = {}
    if #events == 0 then
      core.clock = core.clock + (timeout_s or 1)
    end
    return events
  end

  function core.stdout() return table.concat(core.out) end
  function core.stderr() return table.concat(core.err) end
  return core
end

return cli_core
