--- What a policy sees: read-only handles on rows of the scheduler's view.
--
-- A handle is a small cdata struct (pointer to the row, pointer to what the
-- round has changed about it so far, number of the round). Compiled code
-- reads through it at the price of a load: the handle itself is sunk. A
-- handle of an earlier call raises "stale view" before its pointer is used.

local ffi = require "ffi"
local suggest = require "neap.suggest"

local view = {}

--- Declare the scheduler's structs. Their pointers are hidden behind an
-- underscore; the layout is that of the C compiler's.
-- @param text  what stands between the marks in core/view.h, and the like
function view.declare(text)
  text = text:gsub("/%*.-%*/", "")
  ffi.cdef((text:gsub("(%*%s*)([%a_][%w_]*)(%s*[,;])", "%1_%2%3")))
  ffi.cdef [[
    struct neap_task_work { double left; };
    struct neap_four { double cpu, mem, disk, gpu; };
    struct neap_alloc_work { // a line of the cache
      struct neap_four free;
      double *other; // free of the other labels
      double ntasks, idle, released;
    };
    struct neap_amounts_ref {
      const struct neap_four *_p;
      const double *_other;
      double _round;
    };
    struct neap_labels_ref { const void *_p; double _round; };
    struct neap_task_ref {
      const struct neap_class_view *_p;
      struct neap_task_work *_work;
      double _round;
    };
    struct neap_key_ref { const struct neap_key_view *_p; double _round; };
    struct neap_alloc_ref {
      const struct neap_alloc_view *_p;
      struct neap_alloc_work *_work;
      double _round;
    };
    struct neap_shape_ref {
      const struct neap_shape_view *_p; double _round;
    };
    struct neap_round_cell { double n; };
  ]]
  view.build()
end

-- Names that people may try for a resource, and what it is called here.
local misnomers = {
  cpus = "cpu", cores = "cpu", core = "cpu", threads = "cpu",
  memory = "mem", ram = "mem", gpus = "gpu", disks = "disk", storage = "disk",
}

local label_rows = {} -- name of a resource -> its row in `other`
local label_get -- function pointer: value of a label
local local_bytes -- function pointer: what an alloc has of a task's inputs

--- @param fn  pointer of the C function neap_view_local_bytes
function view.set_local_bytes(fn)
  local_bytes = ffi.cast("double (*)(const struct neap_class_view *, "
    .. "const struct neap_alloc_view *)", fn)
end

--- Tell how labels are looked up and which resources there are.
-- @param get  pointer of the C function (labels, name) -> text or NULL
function view.set_label_get(get)
  label_get = ffi.cast("const char *(*)(const void *, const char *)", get)
end

--- @param names  list of the resources' names, "cpu" first
function view.set_resources(names)
  for i = 5, #names do
    label_rows[names[i]] = i - 5
  end
end

-- A reader of one field. Each is a function of its own, not a closure over
-- the name, so that a compiled loop holds the field's offset as a constant.
local function reader(code, ...)
  return assert(load("local ref = ... return function(r) return "
    .. code:format(...) .. " end"))
end

local function add(fields, code, names, ref)
  for name in names:gmatch("%S+") do
    fields[name] = reader(code, name, name, name)(ref)
  end
end

local function unknown(what, name, fields, methods)
  local known = {}
  for k in pairs(fields) do
    known[k] = true
  end
  for k in pairs(methods or {}) do
    known[k] = true
  end
  error(("'%s.%s' is no field of %s%s"):format(what, tostring(name), what,
    suggest.hint(name, known)), 3)
end

local function stale(what)
  error(("stale view: this %s belongs to an earlier call"):format(what), 3)
end

local function read_only(what)
  return function(_, name)
    error(("%s.%s cannot be set: the view is read-only")
      :format(what, tostring(name)), 2)
  end
end

-- The metatable of a kind of handle.
local function metatable(what, round, fields, methods)
  return {
    __index = function(self, name)
      local read = fields[name]
      if read then
        if self._round ~= round.n then
          stale(what)
        end
        return read(self)
      end
      local method = methods and methods[name]
      if method then
        return method
      end
      unknown(what, name, fields, methods)
    end,
    __newindex = read_only(what),
    __eq = function(a, b)
      return ffi.istype(a, b) and a._p == b._p
    end,
    __tostring = function(self)
      return what .. (self._round == round.n and fields.id
        and " " .. self.id or "")
    end,
  }
end

local function amounts_type(round)
  local fixed = {}
  add(fixed, "r._p.%s", "cpu mem disk gpu")
  return ffi.metatype("struct neap_amounts_ref", {
    __index = function(self, name)
      if self._round ~= round.n then
        stale("resource table")
      end
      local read = fixed[name]
      if read then
        return read(self)
      end
      local row = label_rows[name]
      if row then
        return self._other[row]
      end
      local meant = misnomers[tostring(name):lower()]
      if meant then
        error(("'%s' is no resource (did you mean '%s'?)"):format(name, meant),
          2)
      end
      return 0 -- nobody has or needs it
    end,
    __newindex = read_only("resource table"),
  })
end

local function labels_type(round)
  return ffi.metatype("struct neap_labels_ref", {
    __index = function(self, name)
      if self._round ~= round.n then
        stale("label table")
      end
      if self._p == nil or type(name) ~= "string" then
        return nil
      end
      local text = label_get(self._p, name)
      return text ~= nil and ffi.string(text) or nil
    end,
    __newindex = read_only("label table"),
  })
end

local KNOWN = "r._p.%s ~= 0 and r._p.%s or nil"
local TEXT = "ref(r._p._%s)"
local AMOUNTS = "ref(r._p.%s, r._round)"
local FREE = "ref(r._work.free, r._work.other, r._round)"
local LABELS = "ref(r._p._labels, r._round)"

local function text(pointer)
  return pointer ~= nil and ffi.string(pointer) or ""
end

local function task_fields(t)
  local fields = {}
  add(fields, "r._p.%s", "seq priority age attempt samples rank input_bytes "
    .. "ninputs depth")
  add(fields, KNOWN, "expect dur_mean dur_q50 dur_q95 due timeout")
  add(fields, TEXT, "id name user run", text)
  add(fields, AMOUNTS, "res", t.row_amounts)
  add(fields, LABELS, "labels", t.labels)
  add(fields, "r._work.left", "count")
  return fields
end

local function key_fields(t)
  local fields = {}
  add(fields, "r._p.%s", "seq priority age attempt rank input_bytes ninputs "
    .. "depth")
  add(fields, KNOWN, "expect")
  add(fields, TEXT, "id name user run", text)
  add(fields, AMOUNTS, "res", t.row_amounts)
  add(fields, LABELS, "labels", t.labels)
  add(fields, "1", "count")
  return fields
end

local function alloc_fields(t)
  local fields = {}
  add(fields, "r._p.%s", "age life_left busy_until price")
  add(fields, "r._p.%s ~= 0 and r._p.%s or nil", "eta")
  add(fields, "r._p.%s > 0 and r._p.%s or math.huge", "bandwidth")
  add(fields, TEXT, "id", text)
  add(fields, "ref(r._p._pool_name)", "pool", text)
  add(fields, "r._p.phase == 0 and 'live' or 'requested'", "state")
  add(fields, "r._p.%s", "width")
  add(fields, AMOUNTS, "total", t.row_amounts)
  add(fields, FREE, "free", t.amounts)
  add(fields, "r._work.%s", "ntasks idle")
  add(fields, LABELS, "labels", t.labels)
  return fields
end

local function shape_fields(t)
  local fields = {}
  add(fields, "r._p.%s", "price startup")
  add(fields, KNOWN, "walltime")
  add(fields, "r._p.quota < 0 and math.huge or r._p.quota", "quota")
  add(fields, "r._p.%s ~= 0", "elastic unbounded")
  add(fields, "2 ^ r._p.%s", "shrink")
  add(fields, TEXT, "name", text)
  add(fields, "ref(r._p._pool_name)", "pool", text)
  add(fields, AMOUNTS, "res", t.row_amounts)
  return fields
end

local alloc_methods = {
  --- Bytes of the task's inputs that the alloc has already.
  local_bytes = function(self, task)
    if not ffi.istype(view.task, task) then
      error("alloc:local_bytes(task) takes a task of the view", 2)
    end
    local n = view.round.n
    if self._round ~= n or task._round ~= n then
      stale("task or alloc")
    end
    return local_bytes(task._p, self._p)
  end,
  -- which single blobs an alloc has is not told to policies
  has = function()
    return false
  end,
}

--- Make the types: view.task(p, work, round), view.alloc(…), view.key,
-- view.shape, and the cell `view.round` that says which handles are good.
function view.build()
  local round = ffi.new("struct neap_round_cell")
  local t = { amounts = amounts_type(round), labels = labels_type(round) }
  local four = ffi.typeof("const struct neap_four *")
  -- a handle on the amounts of a row of the view, which begin with the four
  function t.row_amounts(amounts, n)
    return t.amounts(ffi.cast(four, amounts), amounts.other, n)
  end
  local function make(what, struct, fields, methods)
    return ffi.metatype(struct, metatable(what, round, fields, methods))
  end
  view.round = round
  view.task = make("task", "struct neap_task_ref", task_fields(t))
  view.key = make("task", "struct neap_key_ref", key_fields(t))
  view.alloc = make("alloc", "struct neap_alloc_ref", alloc_fields(t),
    alloc_methods)
  view.shape = make("shape", "struct neap_shape_ref", shape_fields(t))
end

return view
