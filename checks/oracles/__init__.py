"""Oracles: slopes of a cost along lines, each with an interval, by running the cost and no more."""
