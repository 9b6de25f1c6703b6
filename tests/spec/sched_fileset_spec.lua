local assertions = require "neap.sched.assertions"
local digest = require "neap.sched.digest"
local errors = require "neap.sched.errors"
local file = require "neap.sched.file"
local fileset = require "neap.sched.fileset"

local A, B, C = digest.of "a", digest.of "b", digest.of "c"
local etag1 = { namespace = "blob", subject = "s3://k/a",
                properties = { etag = "1", size = 5 } }
local etag2 = { namespace = "blob", subject = "s3://k/a",
                properties = { etag = "2" } }

local function invalid(fn, ...)
  local ok, err = pcall(fn)
  assert.is_false(ok)
  assert.is_true(errors.is("Invalid", err), tostring(err))
  assert.matches("sched_fileset_spec%.lua:%d+", err.where)
  for _, words in ipairs { ... } do
    assert.truthy(err.message:find(words, 1, true), err.message)
  end
end

local function random_text(most)
  local bytes = {}
  for i = 1, math.random(1, most) do
    bytes[i] = string.char(math.random(0, 255))
  end
  return table.concat(bytes)
end

local function random_file()
  local f = { size = math.random() < 0.1 and 2 ^ 53 or math.random(0, 2 ^ 31) }
  if math.random() < 0.5 then
    f.id = digest.of(random_text(2))
  end
  if not f.id or math.random() < 0.3 then
    f.source = "s3://bucket/" .. random_text(20)
  end
  f.etag = math.random() < 0.5 and random_text(5) or nil
  f.content_hash = math.random() < 0.3 and digest.random() or nil
  local time = math.random(3)
  f.last_modified = time == 1 and math.random() * 2e9 - 1e9
    or time == 2 and random_text(30) or nil
  if math.random() < 0.4 then
    f.assertions = { { namespace = random_text(3), subject = random_text(9),
      properties = { [random_text(3)] = random_text(3), n = math.random(9) } } }
  end
  return f
end

local function random_tree(depth)
  local tree = {}
  for _ = 1, math.random(0, 4) do
    tree[random_text(12)] = random_file()
  end
  for i = 1, depth > 0 and math.random(0, 3) or 0 do
    tree[i] = random_tree(depth - 1)
  end
  return tree
end

-- Everything that there is to know of a fileset, as plain tables.
local function described(fs)
  local out, own = { list = {} }, fs:list() and {} or fs:map()
  for i, member in ipairs(fs:list() or {}) do
    out.list[i] = described(member)
  end
  out.map, out.all, out.digest = own, fs:map(), fs:digest()
  return out
end

describe("a file", function()
  it("is checked and copied", function()
    local given = { source = "s3://k/a", assertions = { etag1 } }
    local f = file.new(given)
    assert.not_equal(given, f)
    assert.equal(0, f.size)
    assert.equal("5", f.assertions[1].properties.size)
    assert.is_true(file.is_ref(f))
    assert.is_false(file.is_ref { id = A })
  end)

  it("is refused when something is wrong", function()
    local function refuse(f, ...)
      invalid(function() file.new(f) end, ...)
    end
    refuse({}, "id", "source")
    refuse({ source = "" }, "id", "source")
    refuse({ id = "sha256:abcd" }, "id", "64 hex digits")
    refuse({ id = A:upper() }, "id")
    refuse({ id = A:sub(1, -2) }, "id")
    refuse({ id = A, size = -1 }, "size", "-1")
    refuse({ id = A, size = 1.5 }, "size", "1.5")
    refuse({ id = A, size = 0 / 0 }, "size")
    refuse({ id = A, size = 2 ^ 54 }, "size")
    refuse({ id = A, size = "1" }, "size")
    refuse({ source = 7 }, "source")
    refuse({ id = A, last_modified = 0 / 0 }, "last_modified")
    refuse({ source = "x", content_hash = "y" }, "content_hash")
    refuse({ id = A, etagg = "x" }, "'etagg'", "did you mean 'etag'")
    refuse({ id = A, assertions = { {} } }, "namespace")
    refuse({ id = A, assertions = { etag1, etag2 } }, "contradict")
    refuse("x", "not 'x'")
  end)

  it("has the digest of its content, or of what is known of it", function()
    assert.equal(A, file.digest { id = A, content_hash = B })
    assert.equal(B, file.digest { source = "x", content_hash = B })
    -- sha256 of 05 00 00 00 00 00 00 00 "s3://a/b" "x"
    assert.equal("sha256:d68724e1bcd89bc7cb67f2c0064ddd2bbc5e8705d75ec78792f"
      .. "ce1ae33fed546",
      file.digest { source = "s3://a/b", size = 5, etag = "x" })
    assert.equal(digest.of("\0\0\0\0\0\0\32\0" .. "u"),
      file.digest { source = "u", size = 2 ^ 53 })
    assert.equal(digest.of(("\0"):rep(8) .. "u" .. "s3://k/ablobetag1"
      .. "s3://k/ablobsize5"),
      file.digest { source = "u", assertions = { etag1 } })
  end)

  it("is equal to one with the same content", function()
    local ref = { source = "u", size = 1, etag = "e" }
    local function with(fields)
      local f = { source = "u", size = 1, etag = "e" }
      for k, v in pairs(fields) do
        f[k] = v
      end
      return f
    end
    assert.is_true(file.equal({ id = A, size = 1 }, { id = A, size = 2 }))
    assert.is_false(file.equal({ id = A }, { id = B }))
    assert.is_true(file.equal(ref, with { assertions = { etag1 } }))
    assert.is_false(file.equal(ref, with { size = 2 }))
    assert.is_false(file.equal(ref, with { source = "v" }))
    assert.is_false(file.equal(ref, with { etag = "f" }))
    assert.is_false(file.equal(with { etag = "" }, with { etag = "" }))
    assert.is_true(file.equal(ref, with { content_hash = A }))
    assert.is_false(file.equal(with { content_hash = B },
      with { content_hash = A }))
    invalid(function() file.equal(ref, { id = A }) end, "resolve")
    invalid(function() file.equal(ref, nil) end, "nil")
  end)
end)

describe("assertions", function()
  it("are a set with a digest", function()
    assert.is_true(assertions({}):empty())
    assert.equal(digest.of "", assertions({}):digest())
    local set = assertions { { namespace = "n", subject = "b",
      properties = { y = "2", x = "1" } }, { namespace = "a", subject = "z",
      properties = { k = "v" } }, { namespace = "n", subject = "a",
      properties = { k = "w" } } }
    assert.equal(digest.of("zakv" .. "ankw" .. "bnx1" .. "bny2"), set:digest())
    assert.is_false(set:empty())
    assert.equal(3, #set:list())
  end)

  it("are equal when they say the same", function()
    assert.is_true(assertions { etag1 } == assertions { etag1, etag1 })
    assert.is_false(assertions { etag1 } == assertions { etag2 })
    assert.is_false(assertions { etag1 } == assertions {})
    assert.is_false(assertions {} == assertions { etag1 })
  end)

  it("merge unless they contradict", function()
    local other = { namespace = "blob", subject = "x",
                    properties = { e = "1" } }
    local both = assertions { etag1 }:merge(assertions { other })
    assert.is_true(both == assertions { other, etag1 })
    local set, err = assertions { etag1 }:merge(assertions { etag2 })
    assert.is_nil(set)
    assert.is_true(errors.is("Invalid", err))
    assert.truthy(err.message:find("s3://k/a", 1, true))
    invalid(function() both:merge {} end, "a table")
  end)

  it("decide whether a result may be used", function()
    local before, now = assertions { etag1 }, assertions { etag2 }
    assert.is_true(assertions.accepts("never", before, now))
    assert.is_false(assertions.accepts("exact", before, now))
    assert.is_false(assertions.accepts("exact", before, assertions {}))
    assert.is_true(assertions.accepts("exact", assertions {}, now))
    assert.is_true(assertions.accepts("exact", before, before))
    invalid(function() assertions.accepts("exakt", before, now) end,
      "did you mean 'exact'")
  end)

  it("refuse what is none", function()
    local function refuse(list, ...)
      invalid(function() assertions(list) end, ...)
    end
    refuse(7, "not 7")
    refuse({ 7 }, "not 7")
    refuse({ x = etag1 }, "other keys")
    refuse({ { namespace = "n", subject = 1, properties = {} } }, "subject")
    refuse({ { namespace = "n", subject = "s" } }, "properties")
    refuse({ { namespace = "n", subject = "s", properties = { true } } },
      "text")
    refuse({ { namespace = "n", subject = "s", properties = { a = 0 / 0 } } },
      "text")
    refuse({ { namespce = "n" } }, "did you mean 'namespace'")
    refuse({ etag1, etag2 }, "contradict")
  end)
end)

describe("a fileset", function()
  local fs, two

  before_each(function()
    fs = fileset { ["a/b"] = { id = A, size = 1 }, c = { id = B, size = 2 } }
    two = fileset { fs, fileset { c = { id = C, size = 4 }, d = { id = A,
      size = 1 } } }
  end)

  it("counts entries, sizes and different files", function()
    assert.equal(2, fs:n())
    assert.equal(4, two:n())
    assert.equal(8, two:size())
    assert.equal(3, #two:files())
    assert.same({ A, B, C }, { two:files()[1].id, two:files()[2].id,
      two:files()[3].id })
    assert.equal("fileset(4 files, 8 B)", tostring(two))
  end)

  it("knows whether it, or a part, is empty", function()
    assert.is_true(fileset {}:empty())
    assert.is_true(fileset { {}, { {} } }:empty())
    assert.is_false(two:empty())
    assert.is_true(fileset {}:any_empty())
    assert.is_true(fileset { fs, {} }:any_empty())
    assert.is_true(fileset { { {} }, x = { id = A } }:any_empty())
    assert.is_false(two:any_empty())
  end)

  it("is pulled up into one map; later members win", function()
    assert.equal(C, two:pullup():get("c").id)
    assert.equal(C, two:get("c").id)
    assert.is_nil(two:get "nowhere")
    assert.equal(3, two:pullup():n())
    assert.equal(fs, fs:pullup())
    assert.equal(2, #two:list())
    assert.is_nil(fs:list())
    assert.is_true(two:flatten()[1] == fs)
    assert.is_true(fs:flatten()[1] == fs)
    local both = fileset { fs, c = { id = C } }
    assert.equal(B, both:get("c").id)
    local map = two:map()
    map.c = nil
    assert.truthy(two:get "c")
  end)

  it("may be a single file", function()
    assert.equal(A, fileset { ["."] = { id = A } }:file().id)
    for _, other in ipairs { fs, two, fileset {}, fileset { ["."] = { id = A },
      x = { id = A } }, fileset { { ["."] = { id = A } } } } do
      local f, err = other:file()
      assert.is_nil(f)
      assert.is_true(errors.is("Precondition", err))
    end
  end)

  it("has the digest of paths and files", function()
    local material = "a/b\0\5" .. digest.bytes(A) .. "c\0\5" .. digest.bytes(B)
    assert.equal(digest.of(material), fs:digest())
    assert.equal(digest.of "", fileset {}:digest())
    assert.equal(digest.of(material .. "c\0\5" .. digest.bytes(C) .. "d\0\5"
      .. digest.bytes(A)), two:digest())
    assert.is_true(fs == fileset { { c = { id = B } },
      { ["a/b"] = { id = A } } }:pullup())
    assert.is_false(fs == two)
  end)

  it("puts files in the place of others", function()
    local ref = { source = "u", size = 3 }
    local refs = fileset { { x = ref, y = { id = B } }, z = ref }
    local done, resolved = refs:subst { [file.digest(ref)] = { id = C } }
    assert.is_true(resolved)
    assert.equal(C, done:get("x").id)
    assert.equal(C, done:get("z").id)
    assert.equal(B, done:get("y").id)
    assert.equal("u", refs:get("x").source)
    local same, all = refs:subst { [A] = { id = C } }
    assert.is_false(all)
    assert.is_true(same == refs)
    invalid(function() refs:subst { x = ref } end, "'x'")
    invalid(function() refs:subst { [A] = {} } end, "source")
    invalid(function() refs:subst(7) end, "not 7")
  end)

  it("carries assertions", function()
    local seen = { source = "u", assertions = { etag1 }, content_hash = A }
    local set = fileset { x = { id = A }, y = { id = B } }
      :map_assertions_by_file { seen }
    assert.equal("1", set:get("x").assertions[1].properties.etag)
    assert.is_nil(set:get("y").assertions)
    local more = set:add_assertions(assertions { etag1 })
    assert.equal("1", more:get("y").assertions[1].properties.etag)
    local none, err = set:add_assertions(assertions { etag2 })
    assert.is_nil(none)
    assert.is_true(errors.is("Invalid", err))
  end)

  it("tells what is different", function()
    local text, differs = fs:diff(fileset { c = { id = C }, d = { id = A } })
    assert.is_true(differs)
    assert.equal(('"a/b" = %s -> void\n"c" = %s -> %s\n"d" = void -> %s')
      :format(digest.short(A), digest.short(B), digest.short(C),
      digest.short(A)), text)
    text, differs = fs:diff(fs)
    assert.is_false(differs)
    assert.equal("", text)
    assert.is_true(select(2, fs:diff(two)))
    invalid(function() fs:diff {} end, "a table")
  end)

  it("refuses what it cannot hold", function()
    local function refuse(tree, ...)
      invalid(function() fileset(tree) end, ...)
    end
    local cycle = { { x = { id = A } } }
    cycle[1][1] = cycle
    refuse(cycle, "contains itself")
    refuse({ x = { id = "sha256:12" } }, "'x'", "digest")
    refuse({ x = { id = A, size = -1 } }, "'x'", "-1")
    refuse({ x = {} }, "'x'", "source")
    refuse({ [""] = { id = A } }, "path", "empty")
    refuse({ id = A }, "'id'", "['.']")
    refuse({ 7 }, "not 7")
    refuse({ nil, {}, x = { id = A } }, "list")
    refuse({ [1.5] = {} }, "1.5")
    refuse({ [true] = {} }, "true")
    refuse(nil, "not nil")
    local deep = {}
    for _ = 1, 200 do
      deep = { deep }
    end
    refuse(deep, "nested deeper than 100")
    invalid(function() fs.x = 1 end, "'x' cannot be set")
  end)

  it("is not changed by what it was made of", function()
    local f = { id = A, size = 1 }
    local tree = { x = f }
    local set = fileset(tree)
    tree.y, f.id = f, B
    assert.equal(1, set:n())
    assert.equal(A, set:get("x").id)
  end)

  it("may hold the same fileset twice", function()
    local shared = { x = { id = A } }
    assert.equal(2, fileset { shared, shared }:n())
    assert.equal(4, fileset { two, two }:pullup():n() + 1)
  end)
end)

describe("a fileset's text", function()
  it("is JSON that others can read", function()
    local text = fileset { { ["a/b"] = { id = A, size = 1 } }, {},
      ["."] = { source = "s3://k/a", size = 2 ^ 53, etag = "e",
        last_modified = 1.5, content_hash = B, assertions = { etag1 } } }
      :encode "json"
    assert.equal('{"List":[{"Fileset":{"a/b":{"ID":"' .. A .. '","Size":1}}},'
      .. '{}],"Fileset":{".":{"Size":9007199254740992,"Source":"s3://k/a",'
      .. '"ETag":"e","LastModified":1.5,"ContentHash":"' .. B
      .. '","Assertions":[{"Namespace":"blob","Subject":"s3://k/a",'
      .. '"Properties":{"etag":"1","size":"5"}}]}}}', text)
  end)

  for _, form in ipairs { "json", "compact" } do
    it("comes back the same: " .. form, function()
      local seed = 11
      math.randomseed(seed)
      for round = 1, 150 do
        local what = ("seed %d round %d"):format(seed, round)
        local fs = fileset(random_tree(3))
        local text = fs:encode(form)
        local back, err = fileset.decode(text, form)
        assert.is_nil(err, what)
        assert.same(described(fs), described(back), what)
        assert.equal(text, back:encode(form), what)
      end
    end)

    it("is Invalid when it is cut short: " .. form, function()
      math.randomseed(12)
      for _ = 1, 5 do
        local text = fileset(random_tree(2)):encode(form)
        for n = 0, #text - 1 do
          local fs, err = fileset.decode(text:sub(1, n), form)
          assert.is_nil(fs)
          assert.is_true(errors.is("Invalid", err))
        end
        assert.is_nil((fileset.decode(text .. "\1", form)))
      end
    end)

    it("is a fileset or Invalid when bytes are wrong: " .. form, function()
      local seed = 13
      math.randomseed(seed)
      for _ = 1, 500 do
        local text = fileset(random_tree(2)):encode(form)
        for _ = 1, math.random(3) do
          local at = math.random(#text)
          text = text:sub(1, at - 1) .. string.char(math.random(0, 255))
            .. text:sub(at + 1)
        end
        local fs, err = fileset.decode(text, form)
        assert.is_true(fileset.is(fs) or errors.is("Invalid", err))
      end
    end)
  end

  it("holds each file once in compact form", function()
    local tree = {}
    for i = 1, 100 do
      tree["file" .. i] = { id = A, source = ("s"):rep(1000) }
    end
    assert.is_true(#fileset(tree):encode "compact" < 3000)
  end)

  it("is refused in JSON that says something else", function()
    for _, bad in ipairs { "", "null", "7", "[]x", '{"Lst":[]}', '{"List":{}x}',
      '{"List":7}', '{"Fileset":7}', '{"List":{"a":{}}}', '{"Fileset":[{}]}',
      '{"Fileset":{"x":7}}', '{"Fileset":{"x":{}}}', '{"List":[7]}',
      '{"List":[null,{}]}', '{"Fileset":{"x":{"ID":"12"}}}',
      '{"Fileset":{"x":{"Source":"u","Size":-1}}}',
      '{"Fileset":{"x":{"Source":"u","Size":1e999}}}',
      '{"Fileset":{"x":{"Source":"u","Id":"u"}}}',
      '{"Fileset":{"x":{"Source":"u","Assertions":7}}}',
      '{"Fileset":{"x":{"Source":"u","Assertions":[{"Namespace":1}]}}}',
      '{"Fileset":{"":{"Source":"u"}}}',
      ('{"List":['):rep(300) .. "{}" .. ("]}"):rep(300),
      ('{"List":['):rep(9000) .. "{}" .. ("]}"):rep(9000) } do
      local fs, err = fileset.decode(bad, "json")
      assert.is_nil(fs, bad)
      assert.is_true(errors.is("Invalid", err), bad)
    end
    assert.is_true(fileset.decode("{}", "json"):empty())
    assert.is_true(fileset.decode('{"List":[]}', "json"):any_empty())
  end)

  it("is refused in compact form before memory is asked for", function()
    local function refused(bytes, words)
      local before = collectgarbage "count"
      local fs, err = fileset.decode("NFS\1" .. bytes, "compact")
      assert.is_nil(fs)
      assert.truthy(err.message:find(words, 1, true), err.message)
      assert.is_true(collectgarbage "count" - before < 1000)
    end
    refused("\255\255\255\255\255\255\255\15", "things are told of")
    refused("\0\255\255\255\127", "things are told of")
    refused("\255\255\255\255\255\255\255\255\255\1", "larger than 2^53")
    refused("\0\1\2\1\255\255\255\127", "bytes are missing")
    refused("\0\1\2\1\1u\1\1\1x\1", "there is no file 1")
    refused("\0\1\1\0" .. ("\0"):rep(32) .. "\0", "zero")
    refused("\0\1\24\0\1u\0", "flags 24")
    refused("\0\0\4", "flags 4")
    refused("\0\0" .. ("\2\1"):rep(1000) .. "\0", "nested too deep")
    refused("\0\0\0\0", "do not belong")
    assert.is_nil((fileset.decode("NFS\2\0\0\0", "compact")))
    assert.is_true(fileset.decode("NFS\1\0\0\0", "compact"):empty())
  end)

  it("has a known form", function()
    invalid(function() fileset {}:encode "jsn" end, "did you mean 'json'")
    invalid(function() fileset.decode("{}", "xml") end, "'xml'")
    invalid(function() fileset.decode(7, "json") end, "not 7")
  end)
end)
