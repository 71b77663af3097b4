"""Problem: what is checked, and how its functions are called."""
