--- Who makes the repository of a URL: a function for each scheme.

local errors = require "neap.sched.errors"
local suggest = require "neap.suggest"

local schemes = {}

local makers, finders = {}, {}

--- Let URLs of a scheme be dialled.
-- @param scheme  "file", "memory", … without "://"
-- @param make    function(url) → repository, or nil, err. A scheme that is
--                registered again gets the new one
-- @param find    the same, but without making what is not there; default `make`
function schemes.register(scheme, make, find)
  if type(scheme) ~= "string" or not scheme:find("^%a[%w+.-]*$") then
    errors.raise("the scheme of repositories is a word such as 'file', not %s",
      tostring(scheme))
  elseif type(make) ~= "function" then
    errors.raise("scheme '%s': a function(url) -> repository is needed, not"
      .. " a %s", scheme, type(make))
  end
  makers[scheme], finders[scheme] = make, find or make
end

local function known()
  local list = {}
  for scheme in pairs(makers) do
    list[#list + 1] = scheme
  end
  table.sort(list)
  return table.concat(list, ", ")
end

local function call(list, url)
  if type(url) ~= "string" then
    errors.raise("the URL of a repository is a text, not a %s", type(url))
  end
  local scheme = url:match("^(%a[%w+.-]*)://")
  if not scheme then
    return nil, errors.new("Invalid", "'%s' is no URL of a repository; write"
      .. " one such as file:///path", url)
  end
  local make = list[scheme]
  if not make then
    return nil, errors.new("NotSupported", "no repository for %s: the schemes"
      .. " there are: %s%s", url, known(), suggest.hint(scheme, list))
  end
  local ok, repo, err = pcall(make, url)
  if not ok then
    return nil, errors.from(repo)
  end
  return repo, err
end

--- The repository of a URL, made if need be. ⏸ if the scheme's function is.
-- @return a repository; or nil and an error: NotSupported if nobody registered
--   the scheme, Invalid if the text is no URL
function schemes.dial(url)
  return call(makers, url)
end

--- The repository of a URL if it is there, for copies between repositories.
-- @return a repository; or nil and an error: NotSupported if it cannot be
--   reached from here
function schemes.find(url)
  return call(finders, url)
end

return schemes
