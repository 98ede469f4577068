"""The command `hub-ext`: a module per noun."""
