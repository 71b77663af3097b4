"""Signals: Ctrl-C, a terminal that closes, a machine that shuts down, where work is to be kept.

Inside `postponed` the first of them only asks: the work goes on to its next good end, and raises
`StopAsked` there. A second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Never

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
LINE = "\nending after this minibatch; once more ends at once\n"


class StopAsked(BaseException):
    """The work has come to a good end, because a signal asked for it: no error of anybody's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


@contextmanager
def postponed() -> Iterator[Callable[[], None]]:
    """A block whose signals are postponed until the function that it gives is called.

    Signals that are ignored, as after `nohup`, stay ignored; so does everything in any but the main
    thread, where Python handles no signals.
    """
    asked: list[int] = []
    before: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        _write(LINE if not asked else "\n")
        if asked:
            _end(number)
        asked.append(number)

    def stop_if_asked() -> None:
        if asked:
            raise StopAsked(asked[0])

    try:
        with suppress(ValueError):  # not the main thread
            for name in NAMES:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, ask)
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(text: str) -> None:
    with suppress(OSError):  # nobody may be there to read it
        os.write(2, text.encode())


def _end(number: int) -> Never:
    os._exit(128 + number)  # as shells have it
