--- Digests: SHA-256, as text "sha256:" and 64 hex digits.
--
-- A digest is a plain string in this canonical form, so that `==` and table
-- keys work; the zero digest is nil. An *abbreviated* digest ends in zeros, at
-- least for its second half: it stands for those that begin like it.
--
-- The hash function is that of libnettle (or libcrypto), called directly, so
-- that digests work without neap's own C modules.

local ffi = require "ffi"

local errors = require "neap.sched.errors"
local text = require "neap.sched.errors_text"

local digest = {}

ffi.cdef [[
struct neap_nettle_sha256 { uint64_t room[32]; };
void nettle_sha256_init(struct neap_nettle_sha256 *ctx);
void nettle_sha256_update(struct neap_nettle_sha256 *ctx, size_t n,
                          const char *data);
void nettle_sha256_digest(struct neap_nettle_sha256 *ctx, size_t n,
                          uint8_t *out);
unsigned char *SHA256(const char *data, size_t n, uint8_t *out);
int getentropy(void *out, size_t n);
]]

local PREFIX = "sha256:"
local HALF = ("0"):rep(32)
local ZERO = PREFIX .. HALF .. HALF
local raw = ffi.new "uint8_t[32]"
local out = ffi.new("char[71]", PREFIX)

-- "00" … "ff", as two bytes each.
local pairs_of = ffi.new "uint16_t[256]"
for i = 0, 255 do
  ffi.copy(pairs_of + i, ("%02x"):format(i), 2)
end

-- The canonical text of the 32 bytes in `raw`.
local function canonical()
  local at = ffi.cast("uint8_t *", out) + #PREFIX
  for i = 0, 31 do
    ffi.copy(at + 2 * i, pairs_of + raw[i], 2)
  end
  return ffi.string(out, 71)
end

local function with_nettle(lib)
  local ctx = ffi.new "struct neap_nettle_sha256"
  return function(data)
    lib.nettle_sha256_init(ctx)
    lib.nettle_sha256_update(ctx, #data, data)
    lib.nettle_sha256_digest(ctx, 32, raw)
  end
end

local function with_crypto(lib)
  return function(data)
    lib.SHA256(data, #data, raw)
  end
end

-- Names of the libraries at run time; the plain names exist only where they
-- are developed against.
local libraries = {
  { "libnettle.so.8", with_nettle }, { "libcrypto.so.3", with_crypto },
  { "libcrypto.so.1.1", with_crypto },
}

-- Puts the hash of a string into `raw`. Finds its library at the first call.
local hash
hash = function(data)
  for _, library in ipairs(libraries) do
    local ok, lib = pcall(ffi.load, library[1])
    if ok then
      hash = library[2](lib)
      return hash(data)
    end
  end
  error(errors.new("NotSupported", "SHA-256 needs libnettle.so.8 (package"
    .. " libnettle8) or libcrypto.so.3 (package libssl3); neither can be"
    .. " loaded"), 0)
end

--- The digest of a string.
function digest.of(data)
  if type(data) ~= "string" then
    errors.raise("digest.of: a string is needed, not %s", text.show(data))
  end
  hash(data)
  return canonical()
end

--- Is this a whole digest in canonical form (and not zero)?
function digest.is(value)
  return type(value) == "string" and #value == 71
    and value:find("^sha256:[0-9a-f]+$") ~= nil and value ~= ZERO
end

--- A digest from text: "sha256:…" or the bare digits, in either case.
-- An even number of digits up to 32 is an abbreviated digest; "", "<zero>" and
-- zeros are the zero digest.
-- @return the canonical form, or nil for zero, or nil and an error of kind
--         Invalid
function digest.parse(source)
  if type(source) ~= "string" then
    errors.raise("digest.parse: a text is needed, not %s", text.show(source))
  elseif source == "" or source == "<zero>" then
    return nil
  end
  local hex = source:gsub("^sha256:", ""):lower()
  local n = #hex
  if not hex:find("^%x+$") or n % 2 == 1 or (n > 32 and n ~= 64) then
    return nil, errors.new("Invalid", "%s is no digest: 'sha256:' and 64 hex"
      .. " digits, or an even number of at most 32", text.show(source))
  end
  local d = PREFIX .. hex .. ("0"):rep(64 - n)
  return d ~= ZERO and d or nil
end

-- A digest given to a function; raises for what is none.
local function check(d, what)
  if not digest.is(d) then
    errors.raise("%s: a digest ('sha256:' and 64 hex digits) is needed, not %s",
      what, text.show(d))
  end
  return d
end

--- A new digest that nobody has had: an id.
function digest.random()
  if ffi.C.getentropy(raw, 32) ~= 0 then
    error(errors.new("Unavailable", "the system gives no random numbers"
      .. " (getentropy: error %d)", ffi.errno()), 0)
  end
  return canonical()
end

--- The first eight digits, "<zero>" for nil.
function digest.short(d)
  return d == nil and "<zero>" or check(d, "digest.short"):sub(8, 15)
end

--- Is the second half zero?
function digest.abbreviated(d)
  return check(d, "digest.abbreviated"):sub(-32) == HALF
end

--- Does `d` begin with the bytes of `e` before its zeros?
-- Any digest expands itself.
function digest.expands(d, e)
  check(d, "digest.expands")
  local hex = check(e, "digest.expands"):sub(8)
  local n = #hex:match("^(.-)0*$")
  n = n + n % 2
  return d:sub(8, 7 + n) == hex:sub(1, n)
end

--- The 32 bytes of a digest.
function digest.bytes(d)
  return (check(d, "digest.bytes"):sub(8):gsub("%x%x", function(two)
    return string.char(tonumber(two, 16))
  end))
end

--- The digest of 32 bytes; nil for zeros.
function digest.from_bytes(bytes)
  if type(bytes) ~= "string" or #bytes ~= 32 then
    errors.raise("digest.from_bytes: a string of 32 bytes is needed, not %s",
      text.show(bytes))
  end
  ffi.copy(raw, bytes, 32)
  local d = canonical()
  return d ~= ZERO and d or nil
end

return digest
