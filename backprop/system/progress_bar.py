"""Progress: a bar on standard error, with the time left, for whoever waits at a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 0.3  # seconds before a bar is worth showing
OFTEN = 0.1  # seconds between one look of it and the next
BAR = 36  # columns of a bar where there is room
AROUND = 18  # those beside it: the share done, the time left, and what stands between


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
        self._done, self._started, self._looked = 0, time.monotonic(), 0.0
        self._seen = getattr(sys.stderr, "isatty", bool)()  # it is None where it is closed
        self._drawn: Progress | None = None

    def update(self, done: int) -> None:
        """Move on by so much, and draw the bar where it is not to be seen."""
        self._done += done
        now = time.monotonic()
        if not (self._seen and self.total) or now - self._started <= PATIENCE:
            return
        if now - self._looked < OFTEN and self._done < self.total:
            return
        self._looked = now
        if self._drawn is None:
            self._drawn = self._new()
        (task,) = self._drawn.task_ids
        passed, share = now - self._started, min(self._done / self.total, 1.0)
        left = _clock(passed * (1 - share) / share) if share else ""
        self._drawn.update(task, completed=self._done, left=left, refresh=True)

    def close(self) -> None:
        """Take the bar away, until the next update."""
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn, self._looked = None, 0.0

    def _new(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        # No thread draws it, for what is done may fork; and what is printed is no business of its.
        console = Console(stderr=True)
        room = console.width - len(self.label) - AROUND
        drawn = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(max(1, min(BAR, room))),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[left]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        drawn.add_task(self.label, total=self.total, left="")
        drawn.start()
        return drawn


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds, as a clock shows them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


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
