"""The terminal, as both command lines use it: what is printed, and how a run ends.

- `show` prints. What cannot be printed is an error; where the reader has gone, the run ends.
- `fitted` folds text to the terminal's width.
- `Command` and `Group` are click's, with help, errors and interrupts that keep to this.
- `writing` says of a file that cannot be written what the user can make use of.

Only click is loaded here, so that help and mistyped options answer at once.
"""

from __future__ import annotations

import _thread
import contextlib
import io
import os
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

import click

INTERRUPTED = 130  # 128 and SIGINT, as shells have it
READER_GONE = 141  # 128 and SIGPIPE, likewise
DEFAULTS = ("strict", "surrogateescape")  # a stream's `errors`; the latter in the locale C
AGAIN = 0.02  # seconds, in which Python has left the place where it drops exceptions


class CommandError(click.ClickException):
    """What cannot be done though it was asked for properly: a message without the usage line."""

    exit_code = 2


class ReaderGone(click.exceptions.Exit):
    """Nobody reads what is printed any more."""

    def __init__(self) -> None:
        super().__init__(READER_GONE)

    def __str__(self) -> str:
        return "what was printed is no longer read"


def show(text: str, *, file: TextIO | None = None, err: bool = False) -> None:
    """Print to the standard output, to `file`, or to the standard error.

    Raises
    ------
    CommandError
        Where that cannot be written to, such as on a full disk.
    ReaderGone
        Where nobody reads it any more.
    """
    stream = file or (sys.stderr if err else sys.stdout)
    try:
        click.echo(text, file=stream)
    except OSError as error:
        # What could not be written would be tried once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise CommandError(
            f"standard {'error' if err else 'output'}: expected to write to it,"
            f" got: {error.strerror}"
        ) from None


@contextlib.contextmanager
def writing(option: str, path: str) -> Iterator[None]:
    """Whatever keeps a file from being written, as an error that names it as the user did."""
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{option}: expected a file that can be written, got {path!r}: {error.strerror};"
            " name another file"
        ) from None


def fitted(text: str) -> str:
    """`text` with its long lines folded to the terminal's width.

    All but the rows of tables, and commands that are to be copied. Words and paths stay whole.
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


def _unraisable(found: Any) -> None:
    """Raise an interrupt again that came while Python tidied up, where it drops exceptions."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        threading.Timer(AGAIN, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(found)


class Command(click.Command):
    """A command whose foreseen ends are a message, folded, and an exit code."""

    def main(  # type: ignore[override] # there is no other mode than standalone
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command on the process's arguments, and exit."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and stream.errors in DEFAULTS:
                stream.reconfigure(errors="replace")  # a ? rather than nothing at all
        if args is None:  # the process is this command's
            sys.unraisablehook = _unraisable
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.ClickException as error:
            said = io.StringIO()
            error.show(said)
            code = error.exit_code
            with contextlib.suppress(CommandError, ReaderGone):  # then the code has to do
                show(fitted(said.getvalue()), err=True)
        except click.Abort as error:
            if not isinstance(error.__cause__, KeyboardInterrupt):
                raise  # click takes an end of file for an interrupt
            code = INTERRUPTED
        if args is None:  # it ends: one more Ctrl-C has no traceback to show
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run what the arguments ask for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            show(f"\n{str(error) or 'interrupted'}", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except MemoryError as error:
            raise CommandError(
                f"expected a network and data that fit into memory, got: {error}; take smaller ones"
            ) from error

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """`--help`, printed like everything else."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _said(click.Context.get_help)
        return option


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command


def version_option(form: str) -> Callable[[Any], Any]:
    """The option `--version`, which prints geartrain's version in that form."""
    return click.option(
        "--version",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_said(lambda ctx: form.format(_version())),
        help="Show the version and exit.",
    )


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("geartrain")
    except metadata.PackageNotFoundError:
        return "unknown: geartrain is not installed"


def _said(text: Callable[[click.Context], str]) -> Callable[..., None]:
    """The callback of a flag that prints something and ends the run."""

    def callback(ctx: click.Context, _: click.Parameter, asked: object) -> None:
        if asked and not ctx.resilient_parsing:
            show(text(ctx))
            ctx.exit()

    return callback
