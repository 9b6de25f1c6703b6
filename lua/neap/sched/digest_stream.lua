--- The digest of data that comes in pieces.
--
-- The same libraries as `digest`, which has their declarations for nettle.

local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local ffi = require "ffi"

ffi.cdef [[
int SHA256_Init(struct neap_nettle_sha256 *ctx);
int SHA256_Update(struct neap_nettle_sha256 *ctx, const char *data, size_t n);
int SHA256_Final(uint8_t *out, struct neap_nettle_sha256 *ctx);
]]

local digest_stream = {}

local Stream = {}
Stream.__index = Stream

local function with_nettle(lib)
  return {
    init = lib.nettle_sha256_init,
    update = function(ctx, piece)
      lib.nettle_sha256_update(ctx, #piece, piece)
    end,
    final = function(ctx, out) lib.nettle_sha256_digest(ctx, 32, out) end,
  }
end

local function with_crypto(lib)
  return {
    init = lib.SHA256_Init,
    update = function(ctx, piece) lib.SHA256_Update(ctx, piece, #piece) end,
    final = function(ctx, out) lib.SHA256_Final(out, ctx) end,
  }
end

local libraries = {
  { "libnettle.so.8", with_nettle }, { "libcrypto.so.3", with_crypto },
  { "libcrypto.so.1.1", with_crypto },
}

local hash

local function find_hash()
  for _, library in ipairs(libraries) do
    local ok, lib = pcall(ffi.load, library[1])
    if ok then
      return library[2](lib)
    end
  end
  error(errors.new("NotSupported", "SHA-256 needs libnettle.so.8 (package"
    .. " libnettle8) or libcrypto.so.3 (package libssl3)"), 0)
end

--- A stream: `update(piece)` as often as there is data, then `finish()`.
function digest_stream.new()
  hash = hash or find_hash()
  local ctx = ffi.new "struct neap_nettle_sha256"
  hash.init(ctx)
  return setmetatable({ ctx = ctx }, Stream)
end

--- @param piece  a string
function Stream:update(piece)
  hash.update(self.ctx, piece)
end

--- @return the digest of all pieces; the stream is used up
function Stream:finish()
  local raw = ffi.new "uint8_t[32]"
  hash.final(self.ctx, raw)
  self.ctx = nil
  return digest.from_bytes(ffi.string(raw, 32))
end

return digest_stream
