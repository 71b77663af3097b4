"""Waiting: how far a check is and how long it will take, for whoever calls it at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

PATIENCE = 1.0  # seconds before there is something to say
PAUSE = 0.2  # between one line and the next


class Stages:
    """Work of so many stages that goes through all coordinates at once, told as coordinates.

    At the end all have been told, however many stages it took.
    """

    def __init__(self, progress: Callable[[int], None], coordinates: int, stages: int) -> None:
        self.progress, self.coordinates, self.stages = progress, coordinates, stages
        self.done = self.told = 0

    def next(self) -> None:
        """A stage is over."""
        self.done += 1
        self._tell(self.coordinates * min(self.done, self.stages) // (self.stages + 1))

    def end(self) -> None:
        """All are."""
        self._tell(self.coordinates)

    def _tell(self, so_far: int) -> None:
        self.progress(so_far - self.told)
        self.told = so_far


class Waiting:
    """A line on standard error, where that is a terminal; it is erased at the end.

    What goes through all coordinates again begins again.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.begun = self.started = self.told = time.monotonic()
        self.width = 0
        self.seen = getattr(sys.stderr, "isatty", bool)()  # it is None where it is closed

    def update(self, done: int) -> None:
        """Move on by so many coordinates, and say so where it has taken a while."""
        now = time.monotonic()
        if done and self.done >= self.total:
            self.done, self.started = 0, now
        self.done += done
        if self.seen and now - self.begun > PATIENCE and now - self.told > PAUSE:
            share = min(1.0, self.done / self.total)
            left = (now - self.started) * (1 - share) / share if share else None
            self._write(f"checking: {share:.0%}" + ("" if left is None else f", {left:.0f} s left"))
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
