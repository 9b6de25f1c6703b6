--- Plans: a spec with its templates bound, ready to make tasks from.

local check = require "neap.check"
local errors = require "neap.errors"
local json = require "neap.json"
local outputs = require "neap.outputs"
local spec = require "neap.spec"
local suggest = require "neap.suggest"
local template = require "neap.template"
local units = require "neap.units"

local plan = {}

local late_units = {
  KiB = 1, MiB = 1, GiB = 1, TiB = 1, kB = 1, MB = 1, GB = 1,
}

local function fail(self, fmt, ...)
  errors.raise("E_TEMPLATE", fmt:format(...), { field = self.field })
end

-- A var as words: text, number, boolean, or a list of these.
local function words_of(value)
  if type(value) == "table" then
    local words = {}
    for i, item in ipairs(value) do
      words[i] = words_of(item)[1]
    end
    return words
  elseif type(value) == "number" then
    return { units.number(value) }
  end
  return { tostring(value) }
end

--- Check the value of a var.
function plan.check_var(self, name, value)
  local list = type(value) == "table" and getmetatable(value) == nil
  for _, item in ipairs(list and value or { value }) do
    local kind = type(item)
    if kind == "string" and not item:find("[%z\001]")
      or kind == "number" or kind == "boolean" then
      kind = nil
    end
    if kind then
      check.fail(name, "var '%s' of %s must be a text (without NUL and \\001),"
        .. " a number, a boolean, or a list of these, not %s%s", name,
        self.what, check.show(item), kind == "table"
        and "; files belong in inputs" or "")
    end
  end
  return value
end

-- res.mem and res.mem:MiB; late when a retry may change it.
local function resource(self, ref)
  local label = ref.name:sub(5)
  local amount = self.res[label]
  if amount == nil then
    fail(self, "'%s' in %s: it needs no resource '%s'%s", ref.text, self.what,
      label, suggest.hint(label, self.res, "'{{res.%s}}'"))
  end
  local size = label == "mem" or label == "disk"
  if ref.unit and not (size and late_units[ref.unit]) then
    fail(self, "'%s' in %s: '%s' is no unit; of res.mem and res.disk: KiB MiB"
      .. " GiB TiB kB MB GB", ref.text, self.what, ref.unit)
  end
  local retry = self.wire.retry
  if retry and retry.grow and retry.grow[label] then
    return { template.late(ref.name .. (ref.unit and ":" .. ref.unit or "")) }
  end
  if ref.unit then
    amount = math.floor(amount / units.sizes[ref.unit])
  end
  return { units.number(amount) }
end

local function all_outputs(self)
  local words = {}
  for _, entry in ipairs(self.outputs) do
    words[#words + 1] = outputs.path(entry)
  end
  return words
end

local function all_inputs(task)
  local words = {}
  for _, name in ipairs(task.plan.input_names) do
    for _, word in ipairs(task.words[name] or {}) do
      words[#words + 1] = word
    end
  end
  return words
end

-- Names that are neither output, input nor var.
local fixed = {
  ["task.id"] = function() return function(task) return { task.id } end end,
  ["run.id"] = function()
    return function(task) return { (task.id:match("^[^.]+")) } end
  end,
  ["task.name"] = function(self) return { self.name } end,
  ["task.attempt"] = function() return { template.late "task.attempt" } end,
  tmp = function() return { "tmp" } end,
  inputs = function() return all_inputs end,
  outputs = all_outputs,
}

local function label(self, ref)
  local key = ref.name:sub(8)
  return function(task)
    local value = task.labels[key]
    if value == nil then
      fail(self, "'%s' in %s: it has no label '%s'%s", ref.text, self.what, key,
        suggest.hint(key, task.labels, "'{{labels.%s}}'"))
    elseif value:find("[%z\001]") then
      fail(self, "'%s' in %s: the label holds a NUL or \\001 byte", ref.text,
        self.what)
    end
    return { value }
  end
end

local function known_names(self)
  local known = { ["res.cpu"] = 1, ["res.mem"] = 1, ["res.disk"] = 1,
                  ["res.gpu"] = 1 }
  for _, map in ipairs { self.output_of, self.input_of, self.vars, fixed } do
    for name in pairs(map) do
      known[name] = 1
    end
  end
  return known
end

local function resolve(self, ref)
  local name = ref.name
  if ref.unit and not name:find("^res%.") then
    fail(self, "'%s' in %s: only res.… has units", ref.text, self.what)
  end
  local output = self.output_of[name]
  if output then
    local path = outputs.path(output)
    if not path then
      fail(self, "'%s' in %s: the output is stdout, it has no path", ref.text,
        self.what)
    end
    return { path }
  elseif self.input_of[name] then
    return function(task) return task.words[name] end
  elseif self.vars[name] ~= nil then
    return function(task) return words_of(task.vars[name]) end
  elseif fixed[name] then
    return fixed[name](self)
  elseif name:find("^res%.") then
    return resource(self, ref)
  elseif name:find("^labels%.") then
    return label(self, ref)
  end
  fail(self, "%s", template.unknown(ref, self.name, known_names(self)))
end

local function parse(self, text)
  local parts, message = template.parse(text)
  if not parts then
    fail(self, "%s of %s: %s", self.field, self.what, message)
  end
  return parts
end

local function bind(self, field, text, quoted)
  self.field = field
  return template.bind(parse(self, text), function(ref)
    return resolve(self, ref)
  end, quoted)
end

local function bind_cmd(self)
  local cmd = self.raw.cmd
  if type(cmd) == "string" then
    self.cmd = bind(self, "cmd", cmd, true)
    return
  end
  self.field = "cmd"
  local lists, constant = {}, true
  for i, word in ipairs(cmd) do
    lists[i] = parse(self, word)
  end
  self.argv = template.bind_argv(lists, function(ref)
    return resolve(self, ref)
  end)
  for _, word in ipairs(self.argv) do
    constant = constant and type(word) == "string"
  end
  self.argv_constant = constant
end

local function bind_env(self)
  local env = self.raw.env
  if env == nil then
    return
  end
  check.type(env, "table", "env of " .. self.what, "env")
  local bound, constant = {}, true
  for key, value in pairs(env) do
    if type(key) ~= "string" or not key:find("^[%a_][%w_]*$") then
      check.fail("env", "env of %s: %s is no name of a variable", self.what,
        check.show(key))
    end
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      check.fail("env", "env.%s of %s must be a text, a number or a boolean,"
        .. " not %s", key, self.what, check.show(value))
    end
    bound[key] = bind(self, "env." .. key, words_of(value)[1], false)
    constant = constant and type(bound[key]) == "string"
  end
  if next(bound) ~= nil then
    self.env, self.env_constant = bound, constant
  end
end

-- A name may be one thing only.
local function check_names(self)
  local what_is = {}
  local function take(map, kind)
    for name in pairs(map) do
      check.name(name, ("the name of a%s %s of %s"):format(
        kind == "input" and "n" or "", kind, self.what), name)
      if what_is[name] then
        check.fail(name, "name '%s' of %s is used twice: %s and %s", name,
          self.what, what_is[name], kind)
      end
      what_is[name] = kind
    end
  end
  take(self.output_of, "output")
  take(self.input_of, "input")
  take(self.vars, "var")
end

local function static_json(self)
  local wire = { name = self.name }
  for field, value in pairs(self.wire) do
    wire[field] = value
  end
  if type(self.cmd) == "string" then
    wire.cmd = self.cmd
  elseif self.argv_constant then
    wire.cmd = self.argv
  end
  if self.env_constant then
    wire.env = self.env
  end
  return json.encode(wire):sub(1, -2)
end

--- Bind a spec.
-- @param raw       the spec
-- @param input_of  set of the names of inputs
-- @param kind      "neap.task" or "neap.def"
function plan.new(raw, input_of, kind)
  local self = spec.parse(raw, kind)
  local vars = self.raw.vars or {}
  check.type(vars, "table", "vars of " .. self.what, "vars")
  self.vars, self.input_of = vars, input_of
  for name, value in pairs(vars) do
    plan.check_var(self, name, value)
  end
  check_names(self)
  self.input_names = {}
  for name in pairs(input_of) do
    table.insert(self.input_names, name)
  end
  table.sort(self.input_names)
  bind_cmd(self)
  bind_env(self)
  if type(self.raw.stdin) == "string" then
    self.stdin_text = bind(self, "stdin", self.raw.stdin, false)
  end
  self.static_json = static_json(self)
  return self
end

-- Fields that depend on the task, as JSON after the static ones.
local function dynamic_cmd(self, task, out)
  if self.argv and not self.argv_constant then
    local argv = template.render_argv(self.argv, task)
    if #argv == 0 then
      fail(self, "cmd of %s has become an empty list", self.what)
    end
    out[#out + 1] = ',"cmd":' .. json.encode(argv)
  elseif type(self.cmd) == "table" then
    out[#out + 1] = ',"cmd":' .. json.encode(template.render(self.cmd, task))
  end
end

--- The wire SPEC of a task as JSON, without inputs and without "}" at the end.
-- @param task  plan, n, words, vars, labels, priority, after, src
function plan.head_json(self, task)
  local out = { self.static_json, ',"n":' .. ("%d"):format(task.n) }
  dynamic_cmd(self, task, out)
  if self.env and not self.env_constant then
    local env = {}
    for key, bound in pairs(self.env) do
      env[key] = template.render(bound, task)
    end
    out[#out + 1] = ',"env":' .. json.encode(env)
  end
  if next(task.labels) ~= nil then
    out[#out + 1] = ',"labels":' .. json.encode(task.labels)
  end
  if task.priority ~= 0 then
    out[#out + 1] = (',"priority":%d'):format(task.priority)
  end
  if task.src then
    out[#out + 1] = ',"src":' .. json.encode(task.src)
  end
  return table.concat(out)
end

return plan
