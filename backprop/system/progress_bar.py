"""Progress: a bar on standard error for whoever waits at a terminal."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Any

PATIENCE = 0.3  # seconds before a bar is worth showing
BAR = 36  # columns of a bar where there is room
AROUND = 21  # those of its brackets, the share done and the time left, and one for the cursor


class Bar:
    """A bar that is drawn when the work takes a while, and leaves no trace.

    Parameters
    ----------
    label
        What stands before the bar.
    total
        How much is to be done; nothing is drawn before that is known.
    """

    def __init__(self, label: str, total: int = 0) -> None:
        self.label, self.total = label, total
        self._done, self._started = 0, time.time()
        self._seen = getattr(sys.stderr, "isatty", bool)()  # it is None where it is closed
        self._drawn: Any = None

    def update(self, done: int) -> None:
        """Move on by so much, and draw the bar where it is not to be seen."""
        self._done += done
        if self._drawn is not None:
            self._drawn.update(done)
        elif self._seen and self.total and time.time() - self._started > PATIENCE:
            import click

            self._drawn = click.progressbar(
                length=self.total,
                label=self.label,
                width=max(
                    1, min(BAR, shutil.get_terminal_size().columns - len(self.label) - AROUND)
                ),
                file=sys.stderr,
                update_min_steps=max(1, self.total // 200),
            )
            self._drawn.start = self._started  # so that the time left is told right
            self._drawn.update(self._done)

    def close(self) -> None:
        """Take the bar away, until the next update."""
        if self._drawn is not None:
            blank = " " * (shutil.get_terminal_size().columns - 1)
            cursor = "" if os.name == "nt" else "\033[?25h"  # which click hides
            sys.stderr.write(f"\r{blank}\r{cursor}")
            sys.stderr.flush()


class Passes:
    """A bar for each time that so much is gone through."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.bar = Bar("checking", total)

    def update(self, done: int) -> None:
        """Move on by so much; beyond all of it, another time begins."""
        if done and self.done >= self.total:
            self.bar.close()
            self.bar, self.done = Bar("checking again", self.total), 0
        self.done += done
        self.bar.update(done)

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()
