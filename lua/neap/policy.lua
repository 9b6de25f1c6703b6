--- Writing policies: `policy.pack "name" {…}` and `policy.priority "name" {…}`.
--
-- Both take a table of fields, check all of them, and return the policy. A
-- mistake raises one error that lists every problem.

local suggest = require "neap.suggest"

local policy = { api = 1 }

-- What a field must be. A string is a Lua type; `later` is known, but not
-- carried out yet.
local fields = {
  pack = {
    api = "number", params = "table", init = "function", cost = "function",
    place = "function", acquire = "function", release = "function",
    idle_tick = "number", hold = "boolean",
    fill = "later", preempt = "later", estimate = "later", on = "later",
  },
  priority = {
    api = "number", params = "table", init = "function", key = "function",
    refresh = "number", on = "table", admit = "later",
  },
}

local events = { ["task.done"] = true }

local instead = {
  fill = "use cost or place", preempt = "leave it out",
  estimate = "give tasks `expect`", admit = "leave it out",
  on = "only priority policies have events",
}

local function check_field(problems, kind, name, value)
  local expected = fields[kind][name]
  local function problem(fmt, ...)
    problems[#problems + 1] = fmt:format(...)
  end
  if not expected then
    problem("unknown field '%s' of policy.%s%s", tostring(name), kind,
      suggest.hint(name, fields[kind]))
  elseif expected == "later" then
    problem("'%s' is not carried out by this version of neap; %s", name,
      instead[name])
  elseif value == false and (name == "acquire" or name == "release") then
    return -- this part is off
  elseif type(value) ~= expected then
    problem("field '%s' must be a %s, not a %s", name, expected, type(value))
  end
end

local function check_events(problems, on)
  for event, fn in pairs(on) do
    if not events[event] then
      problems[#problems + 1] = ("unknown event '%s' in on%s")
        :format(tostring(event), suggest.hint(event, events))
    elseif type(fn) ~= "function" then
      problems[#problems + 1] = ("on['%s'] must be a function, not a %s")
        :format(event, type(fn))
    end
  end
end

local function check_numbers(problems, def)
  local refresh = type(def.refresh) == "number" and def.refresh or 0
  if refresh < 0 or refresh ~= refresh then
    problems[#problems + 1] = "field 'refresh' must be at least 0 seconds"
  end
  local tick = type(def.idle_tick) == "number" and def.idle_tick or 1
  if not (tick >= 0.01 and tick <= 100) then
    problems[#problems + 1] = "field 'idle_tick' is a share of max_idle, "
      .. "0.01 to 100"
  end
end

local function check(kind, name, def)
  local problems, names = {}, {}
  for field in pairs(def) do
    names[#names + 1] = tostring(field)
  end
  table.sort(names)
  for _, field in ipairs(names) do
    check_field(problems, kind, field, def[field])
  end
  if def.api ~= policy.api and type(def.api) ~= "string" then
    problems[#problems + 1] = ("field 'api' must be %d, not %s")
      :format(policy.api, tostring(def.api))
  end
  if type(def.on) == "table" and kind == "priority" then
    check_events(problems, def.on)
  end
  if kind == "priority" and def.key == nil then
    problems[#problems + 1] = "a priority policy needs a function `key`"
  end
  check_numbers(problems, def)
  if #problems > 0 then
    error(("policy '%s': %s"):format(name, table.concat(problems, "\n  ")), 3)
  end
end

local function constructor(kind)
  return function(name)
    if type(name) ~= "string" or not name:find("^[%a_][%w_.-]*$")
      or #name > 128 then
      error(("policy.%s: a policy's name is a word such as 'best_fit', not %s")
        :format(kind, tostring(name)), 2)
    end
    return function(def)
      if type(def) ~= "table" then
        error(("policy.%s '%s' takes a table"):format(kind, name), 2)
      end
      check(kind, name, def)
      local made = { kind = kind, name = name }
      for field, value in pairs(def) do
        made[field] = value
      end
      return made
    end
  end
end

--- Where tasks go, what is asked for and what is given back.
policy.pack = constructor "pack"

--- In which order tasks wait.
policy.priority = constructor "priority"

return policy
