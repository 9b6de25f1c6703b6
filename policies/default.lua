return require("neap.policy").pack "default" { api = 1 }
