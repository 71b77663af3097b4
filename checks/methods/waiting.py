"""Waiting: how far a check is and how long it will take, for whoever calls it at a terminal."""

from __future__ import annotations

import sys
import time

PATIENCE = 1.0  # seconds before there is something to say
PAUSE = 0.2  # between one line and the next


class Waiting:
    """A line on standard error, where that is a terminal; it is erased at the end."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = self.told = time.monotonic()
        self.width = 0
        self.seen = getattr(sys.stderr, "isatty", bool)()  # it is None where it is closed

    def update(self, done: int) -> None:
        """Move on by so many coordinates, and say so where it has taken a while."""
        self.done += done
        now = time.monotonic()
        spent = now - self.started
        if self.seen and self.done > 0 and spent > PATIENCE and now - self.told > PAUSE:
            share = min(1.0, self.done / self.total)
            left = spent * (1 - share) / share
            self._write(f"checking: {share:.0%}, {left:.0f} s left")
            self.told = now

    def close(self) -> None:
        """Erase the line."""
        if self.width:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()
            self.width = 0

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self.width))
        sys.stderr.flush()
        self.width = len(line) or self.width
