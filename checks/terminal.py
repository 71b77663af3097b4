"""The terminal and the disk, as the command uses them: JSON, progress, errors of usage."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from concurrent.futures import Executor

PATIENCE = 0.3  # seconds before a progress bar is worth showing

Write = Callable[[str], None]


class UnwritableError(click.ClickException):
    """Where the answer was to be written, it cannot."""

    exit_code = 2


def show(text: str, *, file: TextIO | None = None) -> None:
    """Print to the standard output; one that cannot take it, such as a full disk, is an error."""
    try:
        click.echo(text, file=file)
    except BrokenPipeError:
        raise  # a reader that has gone, which click knows how to take
    except OSError as error:
        # What could not be written would be tried once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), (file or sys.stdout).fileno())
        raise UnwritableError(
            f"standard output: expected to write to it, got: {error.strerror}"
        ) from None


@contextlib.contextmanager
def output(path: str | None) -> Iterator[Write]:
    """A function that writes text to `path`; entered before the work, so that it fails before it.

    `-` is standard output, and what the work itself prints then goes to standard error; None is
    nowhere. A file appears whole or not at all.

    Raises
    ------
    click.UsageError
        When nothing can be written there.
    """
    if path is None:
        yield lambda text: None
    elif path == "-":
        stdout = sys.stdout
        with contextlib.redirect_stdout(sys.stderr):
            yield lambda text: show(text, file=stdout)
    else:
        with _usable(path), _beside(Path(path)) as (place, write):
            place.touch()
            yield write


@contextlib.contextmanager
def _usable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.UsageError(
            f"--json: expected a file that can be written, got {path!r}: {error.strerror}"
        ) from None


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, Write]]:
    if path.exists() and not path.is_file() and not path.is_dir():  # a device, a pipe
        yield path, lambda text: _put(path, text)
        return
    path = path.resolve()  # a link stays a link
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside, lambda text: _move(beside, text, path)
    finally:
        beside.unlink(missing_ok=True)


def _put(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")


def _move(beside: Path, text: str, path: Path) -> None:
    _put(beside, text)
    beside.replace(path)


def fitted(text: str) -> str:
    """`text` with its long lines folded to the terminal's width.

    All but the rows of tables, and commands that are to be copied.
    """
    width = max(shutil.get_terminal_size().columns, 40)
    lines = []
    for line in text.splitlines():
        whole = line.startswith("repeat with: ") or "  " in line.strip()
        if whole or len(line) <= width:
            lines.append(line)
        else:
            indent = line[: len(line) - len(line.lstrip())] + "    "
            lines += textwrap.wrap(
                line,
                width,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """What the library's own validation raises, as errors of usage instead of tracebacks."""
    from checks.loading import LoadError

    try:
        yield
    except (LoadError, TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from error
    except MemoryError as error:
        raise click.UsageError(
            f"shape: expected a network that fits into memory ({error}); give smaller widths"
        ) from error


def one_thread() -> None:
    """Ask the linear algebra below NumPy for one thread, unless the user has asked for more.

    Heard only before NumPy is loaded. Sharing products as small as a minibatch's costs more than
    it gains, and very much more on a busy machine.
    """
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@contextlib.contextmanager
def workers(jobs: int, dask: str | None) -> Iterator[Executor | None]:
    """Processes on this machine, or a Dask cluster seen as an executor; None for neither."""
    if dask:
        with _dask(dask) as executor:
            yield executor
    elif jobs > 1:
        from checks.elsewhere import Processes

        pool = Processes(jobs)
        try:
            yield pool
        except BaseException:
            pool.stop()
            raise
        pool.shutdown()
    else:
        yield None


@contextlib.contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise click.UsageError(
            "--dask: expected the package distributed, which is not installed;"
            ' pip install "geartrain[dask]"'
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"--dask: expected the address of a running scheduler, such as tcp://host:8786,"
            f" got {address!r}: {error}"
        ) from None
    with client:
        yield client.get_executor()


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with the coordinates done since the last call.

    Draws a bar on standard error, if that is a terminal and the work takes a while.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    bar = _Bar(total)
    try:
        yield bar.advance
    finally:
        bar.close()


class _Bar:
    """Counts until `PATIENCE` is over, and only then loads what draws."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.started = time.monotonic()
        self.drawn: Any = None

    def advance(self, done: int) -> None:
        self.done += done
        if self.drawn is None and time.monotonic() - self.started > PATIENCE:
            from rich.console import Console
            from rich.progress import Progress

            self.drawn = Progress(console=Console(stderr=True), transient=True)
            self.drawn.add_task("checking", total=self.total)
            self.drawn.start()
        if self.drawn is not None:
            self.drawn.update(self.drawn.task_ids[0], completed=min(self.done, self.total))

    def close(self) -> None:
        if self.drawn is not None:
            self.drawn.stop()
