--- Options that every command understands.

local globals = {
  { "--json", doc = "one JSON document on stdout (docs/schema)" },
  { "-q", "--quiet", doc = "only ids, one a line; no other output" },
  { "--color", arg = "WHEN", choices = { "auto", "always", "never" },
    doc = "colour: auto (default), always or never" },
  { "--debug", doc = "errors with Lua tracebacks" },
  { "-h", "--help", doc = "help for the command" },
  { "--version", doc = "print the version" },
}

return globals
