"""The terminal, as both command lines use it: what is printed, and how a run ends.

- `show` prints. What cannot be printed is an error; where the reader has gone, the run ends.
- `Command` and `Group` are click's, with help, errors and interrupts that keep to this.
- `writing` says of a file that cannot be written what the user can make use of.

Only click is loaded here, so that help and mistyped options answer at once.
"""

from __future__ import annotations

import _thread
import contextlib
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, TextIO

import click

from backprop.system import colours, exit_codes, startup
from backprop.system.folding import fitted

DEFAULTS = ("strict", "surrogateescape")  # a stream's `errors`; the latter in the locale C
AGAIN = 0.02  # seconds, in which Python has left the place where it drops exceptions


class CommandError(click.ClickException):
    """What cannot be done though it was asked for properly: a message without the usage line."""

    def __init__(self, message: str, end: exit_codes.End = exit_codes.USAGE) -> None:
        super().__init__(message)
        self.end = end
        self.exit_code = end.code  # type: ignore[misc] # as click's own subclasses have theirs


class StoppedError(CommandError):
    """An error that ends the run and is no verdict: whose it was, with an exit code of its own."""

    def __init__(
        self, error: BaseException, message: str = "", end: exit_codes.End | None = None
    ) -> None:
        super().__init__(message or exit_codes.sentence(error), end or exit_codes.of(error))
        self.error = error

    def to_dict(self) -> dict[str, Any]:
        """What `--json` holds in place of a report: no verdict, and the error."""
        return {
            "verdict": None,
            "error": self.message,
            "end": self.end.name,
            "exit_code": self.exit_code,
        }


class ReaderGone(click.exceptions.Exit):
    """Nobody reads what is printed any more."""

    def __init__(self) -> None:
        super().__init__(exit_codes.READER_GONE.code)

    def __str__(self) -> str:
        return "what was printed is no longer read"


_told: list[Callable[[int], None]] = []


def tell_exit_code(tell: Callable[[int], None]) -> None:
    """Have the exit code told as well, after all else has been said."""
    _told.append(tell)


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
    colour = stream is not None and colours.wanted(stream)
    try:
        click.echo(colours.coloured(text) if colour else text, file=stream, color=colour)
    except OSError as error:
        # What could not be written would be tried once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise CommandError(
            f"standard {'error' if err else 'output'}: expected to write to it,"
            f" got: {error.strerror}",
            exit_codes.MACHINE,
        ) from None


@contextlib.contextmanager
def writing(option: str, path: str) -> Iterator[None]:
    """Whatever keeps a file from being written, as an error that names it as the user did."""
    try:
        yield
    except OSError as error:
        raise CommandError(
            f"{option}: expected a file that can be written, got {path!r}: {error.strerror};"
            " name another file",
            exit_codes.MACHINE if exit_codes.is_refusal(error) else exit_codes.USAGE,
        ) from None


def _say(error: click.ClickException) -> int:
    """Print an error, a fault with its traceback before it; its exit code."""
    said = io.StringIO()
    error.show(said)
    with contextlib.suppress(CommandError, ReaderGone):  # then the code has to do
        if isinstance(error, StoppedError) and error.end is exit_codes.FAULT:
            show("".join(traceback.format_exception(error.error)).rstrip(), err=True)
        show(fitted(said.getvalue()), err=True)
    return error.exit_code


def _say_interrupted(line: str) -> int:
    if startup.interrupted():  # one more, and there is no second line
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(CommandError, ReaderGone):
        show(line, err=True)
    return exit_codes.INTERRUPTED.code


def _unraisable(found: Any) -> None:
    """Raise an interrupt again that came while Python tidied up, where it drops exceptions."""
    if isinstance(found.exc_value, KeyboardInterrupt):
        with contextlib.suppress(KeyboardInterrupt):  # one more, which means the same
            threading.Timer(AGAIN, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(found)


class Command(click.Command):
    """A command all of whose ends are a message, folded, and one of the `exit_codes`."""

    def main(  # type: ignore[override] # there is no other mode than standalone
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run the command on the process's arguments, and exit."""
        owns_process = args is None
        if owns_process:
            sys.unraisablehook = _unraisable
            startup.raise_interrupts()
        try:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, io.TextIOWrapper) and stream.errors in DEFAULTS:
                    stream.reconfigure(errors="replace")  # a ? rather than nothing at all
            code = self._ended(args, prog_name, extra)
            if owns_process:  # it ends: one more Ctrl-C has no traceback to show
                signal.signal(signal.SIGINT, signal.SIG_DFL)
        except BaseException:
            if not (owns_process and startup.interrupted()):
                raise
            code = _say_interrupted(startup.LINE)  # whatever an import has made of it
        for tell in _told:
            tell(code or 0)
        sys.exit(code)

    def _ended(self, args: Any, prog_name: str | None, extra: dict[str, Any]) -> Any:
        """The exit code, once what there is to say of it has been said."""
        try:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        except click.ClickException as error:
            if startup.interrupted():
                raise
            return _say(error)
        except click.Abort as error:
            cause = error.__cause__
            if isinstance(cause, EOFError):  # click takes an end of file for an interrupt
                return _say(StoppedError(cause))
            return _say_interrupted(startup.LINE.strip())  # click has ended the line of the ^C
        except Exception as error:  # a traceback would end in 1, which says "fail"
            if startup.interrupted():
                raise
            return _say(StoppedError(error))

    def invoke(self, ctx: click.Context) -> Any:
        """Run what the arguments ask for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            code = _say_interrupted(f"\n{error}" if str(error) else startup.LINE)
            raise click.exceptions.Exit(code) from None
        except BrokenPipeError as error:  # click would exit with 1
            raise StoppedError(error) from error

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """`--help`, printed like everything else."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _said(click.Context.get_help)
        return option


class Group(Command, click.Group):
    """A group of such commands."""

    command_class = Command


def with_options(options: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The decorator that gives a command these options, in their order."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


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
