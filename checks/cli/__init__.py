"""Command line: `gradcheck`, what it checks, and the workers and streams around it."""
