"""Diagnosis: what kind of bug a difference looks like, from the numbers alone."""
