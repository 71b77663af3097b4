"""The machine around the way: terminal, whole files, cache folder, parsing, exit codes."""
