"""Data sets, where the way begins: which there are, where they come from, and IDX files."""
