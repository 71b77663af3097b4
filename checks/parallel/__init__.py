"""Parallel: pieces of work handed to any executor, and processes of our own.

What the work is, it does not know.
"""
