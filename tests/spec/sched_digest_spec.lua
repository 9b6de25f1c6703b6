local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"

local EMPTY =
  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
local ABC =
  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

local function invalid(fn, words)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.is_true(errors.is("Invalid", err), tostring(err))
  assert.matches("sched_digest_spec%.lua:%d+", err.where)
  assert.truthy(err.message:find(words, 1, true), err.message)
end

describe("a digest", function()
  it("is SHA-256", function()
    -- FIPS 180-4's examples, and lengths around a block
    assert.equal(EMPTY, digest.of "")
    assert.equal(ABC, digest.of "abc")
    assert.equal("sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6e"
      .. "cedd419db06c1", digest.of
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
    assert.equal("sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046"
      .. "d39ccc7112cd0", digest.of(("a"):rep(1000000)))
    assert.not_equal(digest.of "a\0b", digest.of "a\0c")
    invalid(function() digest.of(7) end, "not 7")
    invalid(function() digest.of() end, "not nil")
  end)

  it("is read in both forms and either case", function()
    assert.equal(ABC, digest.parse(ABC))
    assert.equal(ABC, digest.parse(ABC:sub(8)))
    assert.equal(ABC, digest.parse("sha256:" .. ABC:sub(8):upper()))
    assert.is_true(digest.is(ABC))
  end)

  it("is nil when it is zero", function()
    for _, text in ipairs { "", "<zero>", ("0"):rep(64), "sha256:0000" } do
      local d, err = digest.parse(text)
      assert.is_nil(d)
      assert.is_nil(err)
    end
    assert.is_false(digest.is("sha256:" .. ("0"):rep(64)))
    assert.is_nil(digest.from_bytes(("\0"):rep(32)))
  end)

  it("is refused when it is cut short or no hex", function()
    for _, bad in ipairs { "abc", "sha256:", "xyz1", "sha256:" .. ("g"):rep(64),
      ABC:sub(1, -2), ABC:sub(1, -3), ABC .. "00", "md5:" .. ABC:sub(8),
      " " .. ABC, ABC .. "\n", "sha256:sha256:" .. ABC:sub(8) } do
      local d, err = digest.parse(bad)
      assert.is_nil(d, bad)
      assert.is_true(errors.is("Invalid", err), bad)
      assert.is_false(digest.is(bad), bad)
    end
    invalid(function() digest.parse(nil) end, "not nil")
    for _, value in ipairs { 7, {}, true } do
      assert.is_false(digest.is(value))
    end
    assert.is_false(digest.is(ABC:upper()))
  end)

  it("has a short form", function()
    assert.equal("ba7816bf", digest.short(ABC))
    assert.equal("<zero>", digest.short(nil))
    invalid(function() digest.short "x" end, "'x'")
  end)

  it("may be abbreviated, and is expanded by those that begin like it",
    function()
      local short = digest.parse "ba78"
      assert.is_true(digest.abbreviated(short))
      assert.is_false(digest.abbreviated(ABC))
      assert.is_true(digest.expands(ABC, short))
      assert.is_true(digest.expands(ABC, digest.parse(ABC:sub(8, 39))))
      assert.is_false(digest.expands(EMPTY, short))
      assert.is_true(digest.expands(ABC, ABC))
      assert.is_false(digest.expands(short, ABC))
      -- bytes count, not digits: "b0" is one byte
      assert.is_false(digest.expands(ABC, digest.parse "b0"))
      invalid(function() digest.expands(ABC, "ba78") end, "'ba78'")
      invalid(function() digest.abbreviated(nil) end, "not nil")
    end)

  it("is 32 bytes, there and back", function()
    assert.equal("\186\120\22\191", digest.bytes(ABC):sub(1, 4))
    assert.equal(32, #digest.bytes(ABC))
    assert.equal(ABC, digest.from_bytes(digest.bytes(ABC)))
    invalid(function() digest.from_bytes "short" end, "'short'")
  end)

  it("is new each time when it is random", function()
    local seen = {}
    for _ = 1, 1000 do
      local d = digest.random()
      assert.is_true(digest.is(d))
      assert.is_nil(seen[d])
      seen[d] = true
    end
  end)
end)
