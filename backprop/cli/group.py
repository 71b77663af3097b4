"""The command `backprop`: its parts, and the exit code of each failure that was foreseen.

Exit codes, as in `backprop.system.exit_codes`: 0 done; 1 the gradient, an audit or training failed;
2 usage, data or files; 3 the gradient could not be decided; 4 the network's code raised an error;
5 no memory, a full disk; 6 a fault of geartrain; 130 interrupted, 143 terminated, 129 hung up; 141
nobody reads what is printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from backprop.cli.evaluate import evaluate
from backprop.cli.explain import explain
from backprop.cli.predict import predict
from backprop.cli.train import train
from backprop.system import exit_codes
from backprop.system.cache_folder import CacheError
from backprop.system.folding import fitted
from backprop.system.terminal import Group, StoppedError, show, version_option


class _Commands(Group):
    """Commands whose foreseen failures end in a message and an exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # click's own
        except Exception as error:
            end = _end(error)
            if end is None:
                raise  # `main` says whose it was
            if end is exit_codes.FAULT:
                raise StoppedError(error, end=end) from error
            show(fitted(f"Error: {_message(error)}"), err=True)
            raise click.exceptions.Exit(end.code) from error


def _end(error: Exception) -> exit_codes.End | None:
    """Which end a failure is that was foreseen; None for any other.

    A refusal that comes from an error which is none of the gradient's is that error's end.
    """
    from backprop.datasets.dataset import DatasetError
    from backprop.datasets.idx import IdxError
    from backprop.datasets.images import ImageError
    from backprop.training.epochs import TrainingError
    from backprop.training.model_file import StorageError
    from backprop.training.permit import PermitError

    if hasattr(error, "report"):  # the gate's refusal, or that of an audit
        report, cause = error.report, _root(error)
        if report is not None and report.verdict in ("fail", "undecided"):
            return exit_codes.FAIL if report.verdict == "fail" else exit_codes.UNDECIDED
        if isinstance(cause, AssertionError):
            return exit_codes.FAIL
        untold = type(cause).__module__.startswith("hypothesis")  # which could not try a property
        return exit_codes.UNDECIDED if untold else exit_codes.of(cause)
    if isinstance(error, PermitError | TrainingError):
        return exit_codes.FAIL
    foreseen = CacheError | ImageError | DatasetError | IdxError | StorageError | OSError
    if not isinstance(error, foreseen):
        return None
    system = next((e for e in _chain(error) if isinstance(e, OSError)), None)
    nameless = isinstance(error, OSError) and error.filename is None
    refused = nameless or (system is not None and exit_codes.is_refusal(system))
    return exit_codes.MACHINE if refused else exit_codes.USAGE


def _root(error: BaseException) -> BaseException:
    """What an error came from in the end."""
    return list(_chain(error))[-1]


def _chain(error: BaseException) -> Iterator[BaseException]:
    yield error
    if error.__cause__ is not None:
        yield from _chain(error.__cause__)


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 gradient or training failed, 2 usage, data or files, 3 undecided,"
    " 4 the network's code raised an error, 5 no memory or a full disk, 6 a fault of geartrain, 130"
    " interrupted, 143 terminated, 129 hung up, 141 reader gone.",
)
@version_option("geartrain {}")
def main() -> None:
    """Train a network whose gradients are proved first, and use it."""


for _command in (train, evaluate, predict, explain):
    main.add_command(_command)
