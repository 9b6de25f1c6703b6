--- Runs command lines in this process, against a fake core.

local cli_core = require "support.cli_core"

-- neap.config wants one to load; what the commands use is given to each
package.loaded["neap.core"] = package.loaded["neap.core"] or cli_core.new()

local cli = {}

--- Run `neap WORDS`.
-- @param given  as cli_core.new; env: variables
-- @return { code=, out=, err=, core= }
function cli.run(words, given)
  given = given or {}
  local core = cli_core.new(given)
  local env = given.env or {}
  env.HOME = env.HOME or "/home/nobody"
  env.XDG_CONFIG_HOME = "/nonexistent"
  local code = require("neap.cli").main(words, {
    core = core,
    env = function(name) return env[name] end,
  })
  return { code = code, out = core.stdout(), err = core.stderr(),
           core = core }
end

--- A task row with what most need.
function cli.row(fields)
  local row = { run = fields.id:match "^r%d+",
                n = tonumber(fields.id:match "%.(%d+)$"), name = "count",
                state = "done", attempt = 1, priority = 0, labels = {},
                res = { cpu = 1, mem = 128 * 2 ^ 20 }, submitted = 900.5 }
  for key, value in pairs(fields) do
    row[key] = value
  end
  return row
end

local function query_of(path)
  local query = {}
  for name, value in path:gmatch "[?&]([^=&]+)=([^&]*)" do
    query[name] = value:gsub("%%(%x%x)", function(hex)
      return string.char(tonumber(hex, 16))
    end)
  end
  return query
end

--- An engine for cli_core that answers /v1/runs and /v1/tasks as the real
-- one does: filter by run, state and alloc, in pages.
-- @param page  rows of a page at most (default: what is asked for)
function cli.engine(runs, rows, page)
  local json = require "neap.cli.json"
  local engine = {}
  for _, row in ipairs(rows) do
    engine["GET /v1/tasks/" .. row.id] = { task = row }
  end
  local function wanted(row, query)
    local states = query.state and "," .. query.state .. ","
    return (not query.run or row.run == query.run)
      and (not states or states:find("," .. row.state .. ",", 1, true))
      and (not query.alloc or row.alloc == query.alloc)
      and (not query.after or row.n > tonumber(query.after:match "%.(%d+)"))
  end
  engine["GET /v1/runs"] = { runs = json.list(runs) }
  engine["GET /v1/tasks"] = function(_, path)
    local query = query_of(path)
    local limit = math.min(page or math.huge, tonumber(query.limit or 100))
    local list, more = {}, false
    for _, row in ipairs(rows) do
      if wanted(row, query) then
        if #list == limit then
          more = true
          break
        end
        list[#list + 1] = row
      end
    end
    return 200, json.encode { tasks = json.list(list), more = more }, {}
  end
  return engine
end

return cli
