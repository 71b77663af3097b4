"""Supervision: whatever the code under check does to its process, a pass is printed and then said.

`supervised` runs what follows in a child process, and waits for it. Only a child that has said its
exit code, after all that it printed, ends with that code: one that the code under check has ended,
by `os._exit(0)`, `exec` or a Fortran `STOP`, ends with the code of an error. `own_streams` has the
standard streams back, whatever was done to them.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import click

from backprop.system import exit_codes, terminal
from backprop.system.terminal import CommandError, StoppedError

FORWARDED = {
    signal.SIGINT: exit_codes.INTERRUPTED,
    signal.SIGTERM: exit_codes.TERMINATED,
    getattr(signal, "SIGHUP", signal.SIGTERM): exit_codes.HUNG_UP,
}
_WHY_DEATH = 1  # PR_SET_PDEATHSIG of Linux's prctl


class EndedError(Exception):
    """The code under check has ended the process that it was checked in."""


def supervised() -> None:
    """Go on in a child process, where there are such; the parent waits, and ends as that did.

    Raises
    ------
    click.exceptions.Exit, StoppedError, CommandError
        In the parent, always.
    """
    if not hasattr(os, "fork"):
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    reading, writing = os.pipe()
    watched = {*FORWARDED, signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _end_with(parent)
        terminal.tell_exit_code(lambda code: _say(writing, code))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return
    os.close(writing)
    try:
        status = _awaited(child, watched)
        said = os.read(reading, 1)
    finally:
        os.close(reading)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    _end(os.waitstatus_to_exitcode(status), said[0] if said else None)


def _say(pipe: int, code: int) -> None:
    with contextlib.suppress(OSError):  # closed by the code under check: then nothing was said
        os.write(pipe, bytes([code]))


def _end(status: int, said: int | None) -> NoReturn:
    """End as the child did: with a code that it has said, if its process ended well after that."""
    if said is not None and status >= 0:
        raise click.exceptions.Exit(said or status)
    number = -status
    if status < 0 and number in FORWARDED:
        end = FORWARDED[signal.Signals(number)]
        raise CommandError(f"{end.name}; nothing was judged", end)
    if number == signal.SIGKILL:
        raise CommandError(
            "expected a machine that goes along, got a process that was killed, as where memory"
            " runs out; nothing was judged: see to that, and run again",
            exit_codes.MACHINE,
        )
    how = f"signal {signal.Signals(number).name}" if status < 0 else f"exit code {status}"
    raise StoppedError(
        EndedError(how),
        f"the code under check ended the process, with {how}, before the verdict; nothing"
        " was judged: take out what ends it, such as os._exit, or find out where it crashes",
        exit_codes.CODE_RAISED,
    )


def _awaited(child: int, watched: set[signal.Signals]) -> int:
    """The status that a child ends with; signals to this process are passed on to it.

    What a terminal sends, it sends to the child as well.
    """
    signal.signal(signal.SIGCHLD, lambda *_: None)  # one that is ignored could not be waited for
    try:
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return status
            number, sender = _next(watched)
            if number != signal.SIGCHLD and sender:
                os.kill(child, number)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _next(watched: set[signal.Signals]) -> tuple[int, int]:
    """The next signal, and which process sent it: 0 for a terminal."""
    if hasattr(signal, "sigwaitinfo"):
        found = signal.sigwaitinfo(watched)
        return found.si_signo, found.si_pid
    number = signal.sigwait(watched)
    return number, 0 if number == signal.SIGINT else 1


def _end_with(parent: int) -> None:
    """Have this process killed when its parent is, where the system offers that."""
    if sys.platform != "linux":
        return
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_WHY_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(exit_codes.MACHINE.code)


@contextlib.contextmanager
def own_streams() -> Iterator[None]:
    """A block after which standard output and standard error are what they were before it."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    kept = {name: _duplicate(stream) for name, stream in before.items()}
    try:
        yield
    finally:
        for name, stream in before.items():
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()  # what was printed goes where that was to go
            setattr(sys, name, _restored(stream, kept[name]))


def _duplicate(stream: Any) -> tuple[int, int] | None:
    """A stream's descriptor, and another one for the same file; None where it has none."""
    try:
        return stream.fileno(), os.dup(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None


def _restored(stream: Any, kept: tuple[int, int] | None) -> Any:
    if kept is None:
        return stream
    descriptor, copy = kept
    os.dup2(copy, descriptor)
    os.close(copy)
    if stream.closed:
        return io.TextIOWrapper(
            io.FileIO(descriptor, "w", closefd=False),
            encoding=stream.encoding,
            errors=stream.errors,
            write_through=True,
        )
    return stream
