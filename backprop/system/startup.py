"""Start-up: how a command's process begins, in a moment, with Ctrl-C in hand from the first one.

`load` is the first thing that a command does, and its import takes no time: until there is
something to tidy up, an interrupt ends the process on the spot, with one line. From then on
`raise_interrupts` has it raised as Python does, and remembers it, for an import that it hits may
turn it into an error of another name.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # a type checker takes it for true; `typing` takes time to load

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
    from types import FrameType
    from typing import Any
else:
    try:
        import _signal as signal  # what `signal` is made of, without the time that `enum` takes
    except ImportError:
        import signal

INTERRUPTED = 130  # these codes are `backprop.system.exit_codes`', which is not loaded yet
MACHINE, FAULT = 5, 6
LINE = "\ninterrupted"  # below the ^C that the terminal shows

_came: list[bool] = []


def load(module: str) -> Any:
    """The module of a command line; a process that cannot have it ends here."""
    _handle(_end)
    try:
        import importlib

        return importlib.import_module(module)
    except (ImportError, MemoryError, OSError) as error:
        sys.stderr.write(
            f"Error: expected the packages that geartrain needs, got {type(error).__name__}:"
            f" {error}; install it again\n"
        )
        sys.exit(MACHINE)
    except Exception as error:  # noqa: BLE001 Python would exit with 1, which says "fail"
        import traceback

        traceback.print_exception(error)
        sys.exit(FAULT)


def raise_interrupts() -> None:
    """Have an interrupt raise KeyboardInterrupt in the main thread, and be remembered."""
    _handle(_raise)


def interrupted() -> bool:
    """Whether there was an interrupt since `raise_interrupts`."""
    return bool(_came)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    """Set the handler, unless the user or a shell has interrupts ignored or handled already."""
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _end, _raise):
        try:
            signal.signal(signal.SIGINT, handler)
        except ValueError:  # handlers are the main thread's
            return


def _end(_number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, f"{LINE}\n".encode())
    finally:
        os._exit(INTERRUPTED)


def _raise(_number: int, _frame: FrameType | None) -> None:
    _came.append(True)
    raise KeyboardInterrupt
