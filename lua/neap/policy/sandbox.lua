--- What a policy's file can reach: a fresh environment without files, system,
-- FFI or ways to load code. Not a security boundary, but it keeps policies to
-- what a policy can be: a function of its view.

local suggest = require "neap.suggest"

local sandbox = {}

local allowed = {
  "assert", "error", "ipairs", "next", "pairs", "select", "tonumber",
  "tostring", "type", "unpack", "rawget", "rawequal", "setmetatable",
  "getmetatable", "pcall",
}

local MAX_REP = 2 ^ 20 -- bytes that string.rep may make

local function copy(from, without)
  local to = {}
  for name, value in pairs(from) do
    if name ~= without then
      to[name] = value
    end
  end
  return to
end

local function capped_rep(rep)
  return function(text, n, sep)
    if (#tostring(text) + #(sep or "")) * (tonumber(n) or 0) > MAX_REP then
      error("string.rep: the result would be larger than 1 MiB", 2)
    end
    return rep(text, n, sep)
  end
end

--- Close what methods of strings would leave open, for the whole VM.
function sandbox.lock_strings()
  local meta = getmetatable("")
  meta.__index.rep = capped_rep(string.rep)
  meta.__index.dump = nil
  meta.__metatable = "locked"
end

--- An environment.
-- @param require_fn  what `require` does there
function sandbox.environment(require_fn)
  local env = { require = require_fn, math = copy(math),
    string = copy(string, "dump"), table = copy(table), bit = copy(bit) }
  for _, name in ipairs(allowed) do
    env[name] = _G[name]
  end
  env.math.randomseed = nil
  env._G = nil
  return setmetatable(env, {
    __index = function(_, name)
      error(("there is no global '%s' in a policy%s"):format(tostring(name),
        suggest.hint(name, env)), 2)
    end,
    __newindex = function(_, name)
      error(("a policy has no globals: write 'local %s'")
        :format(tostring(name)), 2)
    end,
    __metatable = "locked",
  })
end

local util = require "jit.util"
-- The instructions that read and write globals, whatever their numbers are.
local GET = bit.band(util.funcbc(load "return x", 1), 0xff)
local SET = bit.band(util.funcbc(load "x = 1", 2), 0xff)

-- Call use(name, at, is_write) for each use of a global in `fn`.
local function each_global(fn, use)
  local info = util.funcinfo(fn)
  for pc = 1, info.bytecodes - 1 do
    local ins = util.funcbc(fn, pc)
    local op = bit.band(ins, 0xff)
    if op == GET or op == SET then
      use(util.funck(fn, -bit.rshift(ins, 16) - 1),
        util.funcinfo(fn, pc).loc, op == SET)
    end
  end
  for i = -1, -info.gcconsts, -1 do
    local const = util.funck(fn, i)
    if type(const) == "proto" then
      each_global(const, use)
    end
  end
end

--- Wrong uses of globals in a chunk, found without running it.
-- @return list of "file:line: problem"
function sandbox.lint(chunk, env)
  local problems, seen = {}, {}
  each_global(chunk, function(name, at, is_write)
    if is_write then
      problems[#problems + 1] = ("%s: a policy has no globals: write "
        .. "'local %s'"):format(at, name)
    elseif rawget(env, name) == nil and not seen[name] then
      seen[name] = true
      problems[#problems + 1] = ("%s: there is no global '%s' in a policy%s")
        :format(at, name, suggest.hint(name, env))
    end
  end)
  return problems
end

return sandbox
