--- The C functions of the core, and its numbers by name.
--
-- The library lies beside neap's other C modules; its declarations are in the
-- library itself, so that they cannot differ from it.

local ffi = require "ffi"

local core_lib = {}

local NAME = "neap.sched_core"

local function load()
  local path, tried = package.searchpath(NAME, package.cpath)
  if not path then
    error(("neap.sched needs its C library %s, which is not on package.cpath:"
      .. "%s"):format(NAME, tried), 0)
  end
  return ffi.load(path)
end

-- A type is declared once in a process, a module may be loaded again.
local function declare(lib)
  if pcall(ffi.typeof, "struct neap_face_page") then
    return
  end
  ffi.cdef "const char *neap_face_cdef(int *ret_length);"
  local length = ffi.new "int[1]"
  local text = lib.neap_face_cdef(length)
  ffi.cdef(ffi.string(text, length[0]))
end

core_lib.lib = load()
declare(core_lib.lib)

--- The folder that holds neap/sched/core.lua: policies are near it.
core_lib.lua_path = debug.getinfo(1, "S").source:match("^@(.*)/neap/sched/")
  or (debug.getinfo(1, "S").source:match("^@neap/sched/") and ".")

local lib = core_lib.lib

--- Kinds of operations, states of tasks and of allocs.
core_lib.constants = {
  START = lib.NEAP_FACE_START, KILL = lib.NEAP_FACE_KILL,
  REQUEST = lib.NEAP_FACE_REQUEST,
  CANCEL_REQUEST = lib.NEAP_FACE_CANCEL_REQUEST,
  RELEASE = lib.NEAP_FACE_RELEASE, TASK = lib.NEAP_FACE_TASK,
  ALLOC = lib.NEAP_FACE_ALLOC,
}

-- The states by their names in capitals, as C numbers them.
for number = 0, 4 do
  local name = ffi.string(lib.neap_face_task_state(number))
  core_lib.constants[name:upper()] = number
end
for number = 0, 7 do
  local name = ffi.string(lib.neap_face_alloc_state(number))
  core_lib.constants[name:upper()] = number
end

return core_lib
