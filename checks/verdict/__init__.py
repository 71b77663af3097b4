"""Verdict: from intervals of evidence to "pass", "fail" or "undecided", and to a report."""
