"""What the command needs around the work: a place for its JSON, workers, errors of usage."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backprop.system import atomic_files, exit_codes, json_output
from backprop.system.folding import fitted
from backprop.system.terminal import CommandError, StoppedError, show, writing

if TYPE_CHECKING:
    from concurrent.futures import Executor

Write = Callable[[str], None]


class LoadError(Exception):
    """A target that cannot be loaded; the message names it, what was expected and what came.

    `raised` is the error of the target's own code, where that is why.
    """

    def __init__(self, message: str, raised: BaseException | None = None) -> None:
        super().__init__(message)
        self.raised = raised


@contextlib.contextmanager
def output(path: str | None) -> Iterator[Write]:
    """A function that writes text to `path`; entered before the work, so that it fails before it.

    `-` is standard output, and what the work itself prints then goes to standard error; None is
    nowhere. A file appears whole or not at all.

    Raises
    ------
    backprop.system.terminal.CommandError
        When nothing can be written there.
    """
    if path is None:
        yield lambda text: None
    elif path == "-":
        texts: list[str] = []
        try:
            with _stdout_as_stderr():
                yield texts.append
        finally:
            for text in texts:
                show(text)
    else:
        with writing("--json", path):
            place = Path(path).absolute()  # wherever the code under check goes meanwhile
            atomic_files.require_writable(path)
        yield lambda text: json_output.write_text(path, text, place=place)


@contextlib.contextmanager
def _stdout_as_stderr() -> Iterator[None]:
    """Have all that is printed go to standard error, by processes started meanwhile as well."""
    stdout, out, err = sys.stdout, 1, 2
    with writing("--json", "-"):
        kept = os.dup(out)
        os.dup2(err, out)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        stdout.flush()  # what got past the redirection
        os.dup2(kept, out)
        os.close(kept)


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """What the library's own validation raises, as errors of usage instead of tracebacks.

    What the user's own code has raised is none of these.
    """
    try:
        yield
    except LoadError as error:
        if error.raised is not None:
            raise StoppedError(error.raised, str(error)) from error
        raise click.UsageError(str(error)) from error
    except (TypeError, ValueError) as error:
        if exit_codes.is_theirs(error):
            raise StoppedError(error) from error
        raise click.UsageError(str(error)) from error


@contextlib.contextmanager
def told(write: Write) -> Iterator[None]:
    """Whatever ends the work and is no verdict, as an error that says whose it was, in JSON too."""
    try:
        yield
    except Exception as error:
        own = isinstance(error, click.ClickException | click.exceptions.Exit | click.Abort)
        stopped = error if own else StoppedError(error)
        if isinstance(stopped, StoppedError):
            try:
                write(json.dumps(stopped.to_dict(), indent=2))
            except CommandError as unwritable:  # beside what went wrong before, not instead of it
                show(fitted(f"Error: {unwritable.message}"), err=True)
        if stopped is error:
            raise
        raise stopped from error


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
    if jobs == 1 and not dask:
        yield None
        return
    from checks.parallel.executors import UnsendableError

    option, found = ("--dask", _dask(dask)) if dask else ("--jobs", _processes(jobs))
    with found as executor:
        try:
            yield executor
        except UnsendableError as error:
            raise click.UsageError(f"{option}: {error.args[0]}, or leave out {option}") from None


@contextlib.contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    from checks.parallel.process_pool import Processes

    pool = Processes(jobs)
    try:
        yield pool
    finally:
        pool.stop()


@contextlib.contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise click.UsageError(
            "--dask: expected the package distributed, which is not installed; get it by"
            ' python3 -m pip install ".[dask]" in the checkout'
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise click.UsageError(
            f"--dask: expected the address of a running scheduler, such as tcp://host:8786,"
            f" got {address!r}: {error}"
        ) from None
    with client:
        yield client.get_executor(pure=False)
