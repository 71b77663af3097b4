"""The command `backprop`: the whole way, from options to printed lines and exit codes."""
