"""Progress: what a search is at, for whoever waits for it at a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

PATIENCE = 0.3  # seconds before there is something to say
PAUSE = 0.1  # between one line and the next


class Line:
    """A line on standard error, where that is a terminal; it is erased at the end."""

    def __init__(self, *, wanted: bool) -> None:
        self.started = self.told = time.monotonic()
        self.width = 0
        self.seen = wanted and getattr(sys.stderr, "isatty", bool)()  # None where it is closed

    def tell(self, search: Any) -> None:
        """Say how far a search is."""
        now = time.monotonic()
        if not self.seen or now - self.started < PATIENCE or now - self.told < PAUSE:
            return
        self.told = now
        done = f"{search.looked_at:,} examples, {now - self.started:.0f} s"
        if search.smallest is None:
            self._write(f"searching: {done}, nothing wrong so far")
        else:
            self._write(f"shrinking: {done}, wrong for {search.smallest.example.words}")

    def close(self) -> None:
        """Erase the line."""
        if self.width:
            self._write("")
            sys.stderr.write("\r")
            sys.stderr.flush()
            self.width = 0

    def _write(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write("\r" + line.ljust(self.width))
        sys.stderr.flush()
        self.width = len(line) or self.width
