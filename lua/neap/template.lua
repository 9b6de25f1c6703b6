--- Templates: `{{name}}`, `{{!raw}}`, `{{res.mem:MiB}}`, `{{{{`.
--
-- A text is parsed once into literals and references. `bind` asks for each
-- reference what it stands for: constants melt into the literals, the rest is
-- rendered per task. What only the engine knows is left as \001NAME\001.

local suggest = require "neap.suggest"

local template = {}

--- Quote one word for the shell, only where that is needed.
function template.quote(text)
  if text:find("^[%w_@%%+=:,./-]+$") and not text:find("^[%a_][%w_]*=") then
    return text
  end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- A placeholder that the engine fills in when an attempt starts.
function template.late(name)
  return "\001" .. name .. "\001"
end

--- Literals and references of a text.
-- @return list of strings and { name=, raw=, unit=, text= }, or nil, message
function template.parse(text)
  if text:find("[%z\001]") then
    return nil, "the text holds a NUL or \\001 byte"
  end
  local parts, at = {}, 1
  while true do
    local open = text:find("{{", at, true)
    if not open then
      parts[#parts + 1] = text:sub(at)
      return parts
    end
    parts[#parts + 1] = text:sub(at, open - 1)
    if text:sub(open, open + 3) == "{{{{" then
      parts[#parts + 1], at = "{{", open + 4
    else
      local bang, name, unit, stop =
        text:match("^{{(!?)([%a_][%w_.%-]*):?(%a*)}}()", open)
      if not name then
        return nil, ("'%s' is no template: it is {{name}}; a literal {{ is"
          .. " written {{{{"):format(text:sub(open, open + 15))
      end
      parts[#parts + 1] = {
        name = name, raw = bang == "!", unit = unit ~= "" and unit or nil,
        text = text:sub(open, stop - 1),
      }
      at = stop
    end
  end
end

-- A list of words as text.
local function join(words, quoted)
  if #words == 1 then
    local word = words[1]
    return quoted and word:byte() ~= 1 and template.quote(word) or word
  end
  local out = {}
  for i = 1, #words do
    local word = words[i]
    local late = word:byte() == 1
    out[i] = quoted and not late and template.quote(word) or word
  end
  return table.concat(out, " ")
end

--- Replace references by what they stand for.
-- @param parts    of `parse`
-- @param resolve  resolve(ref) -> list of words, or a function
--                 get(task) -> list of words; nil: unknown (resolve raises)
-- @param quoted   quote words for the shell
-- @return a text when nothing depends on the task, else an object for `render`
function template.bind(parts, resolve, quoted)
  local bound, literal = { quoted = quoted }, ""
  for _, part in ipairs(parts) do
    if type(part) == "string" then
      literal = literal .. part
    else
      local words = resolve(part)
      if type(words) == "table" then
        literal = literal .. join(words, quoted and not part.raw)
      else
        bound[#bound + 1] = literal
        bound[#bound + 1] = { get = words, quoted = quoted and not part.raw }
        literal = ""
      end
    end
  end
  if #bound == 0 then
    return literal
  end
  bound[#bound + 1] = literal
  return bound
end

--- The text of what `bind` returned, for one task.
function template.render(bound, task)
  if type(bound) == "string" then
    return bound
  end
  local out = {}
  for i = 1, #bound do
    local part = bound[i]
    out[i] = type(part) == "string" and part
      or join(part.get(task), part.quoted)
  end
  return table.concat(out)
end

--- Bind an argv template: a lone `{{list}}` becomes many arguments.
-- @return list of what `bind` returned; lone references are { lone = get }
function template.bind_argv(list, resolve)
  local out = {}
  for _, parts in ipairs(list) do
    local lone = #parts == 3 and parts[1] == "" and parts[3] == ""
      and type(parts[2]) == "table"
    if lone then
      local words = resolve(parts[2])
      if type(words) == "table" then
        for _, word in ipairs(words) do
          out[#out + 1] = word
        end
      else
        out[#out + 1] = { lone = words }
      end
    else
      out[#out + 1] = template.bind(parts, resolve, false)
    end
  end
  return out
end

--- The argument list of what `bind_argv` returned, for one task.
function template.render_argv(list, task)
  local out = {}
  for i = 1, #list do
    local bound = list[i]
    if type(bound) == "table" and bound.lone then
      local words = bound.lone(task)
      for j = 1, #words do
        out[#out + 1] = words[j]
      end
    else
      out[#out + 1] = template.render(bound, task)
    end
  end
  return out
end

--- The message for a name that nothing is called by.
-- @param ref    the reference
-- @param task   name of the task
-- @param known  map of names
function template.unknown(ref, task, known)
  return ("'%s' in task '%s' is no input, output or var%s"):format(
    ref.text, task, suggest.hint(ref.name, known, "'{{%s}}'"))
end

return template
