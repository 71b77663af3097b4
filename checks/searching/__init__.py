"""Searching: over shapes, seeds and points for a wrong gradient, then for the smallest such."""
