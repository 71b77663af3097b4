"""Faults: known bugs, planted in the real code, and the self-test that has them caught."""
