"""What the commands of `backprop` share: options, what they print, what they need beforehand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from backprop.system import atomic_files, parsing
from backprop.system.folding import fitted
from backprop.system.terminal import show, writing

if TYPE_CHECKING:
    from backprop.datasets.dataset import Dataset
    from backprop.network import Network

Say = Callable[[str], None]


# Options that several commands have.
data_dir_option = click.option("--data-dir", type=click.Path(), metavar="DIR",
                               help="A folder with four IDX files named like MNIST's.")  # fmt: skip
json_option = click.option("--json", "json_path", metavar="PATH",
                           help="Write the results as JSON; - is standard output.")  # fmt: skip


def activation_option(says: str) -> Callable[[Any], Any]:
    """The option `--activation`."""
    return click.option("--activation", default="sigmoid", show_default=True,
                        metavar="NAME[,NAME…]", help=says)  # fmt: skip


def cost_option(says: str) -> Callable[[Any], Any]:
    """The option `--cost`."""
    return click.option("--cost", default="quadratic", show_default=True, metavar="NAME", help=says)


def seed_option(says: str) -> Callable[[Any], Any]:
    """The option `--seed`."""
    return click.option("--seed", "-s", type=click.IntRange(min=0), default=0, metavar="N",
                        show_default=True, help=says)  # fmt: skip


@contextmanager
def usage_errors() -> Iterator[None]:
    """Options that do not fit are the user's to correct: exit code 2, with the usage line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from error


def shape_of(text: str) -> tuple[int, ...]:
    """The layer widths in an option or an argument."""
    with usage_errors():
        return parsing.parse_shape(text)


def require_places(save: str | None, json_path: str | None, *, resume: bool) -> None:
    """Complain about files that cannot be written before the work, not after it."""
    if resume and save is None:
        raise click.UsageError("--resume: expected --save M, whose checkpoint to go on from")
    if save == "-":
        raise click.UsageError(
            "--save: expected a file, got '-'; a model is not written to standard output: name a"
            " file, such as model.safetensors"
        )
    named = [("--save", path) for path in (save, checkpoint_of(save)) if path is not None]
    if json_path is not None and json_path != "-":
        if os.path.realpath(json_path) in {os.path.realpath(path) for _, path in named}:
            raise click.UsageError(
                f"--json: expected another file than --save's and its checkpoint, got {json_path}"
            )
        named.append(("--json", json_path))
    for option, path in named:
        with writing(option, path):
            atomic_files.require_writable(path)


def checkpoint_of(save: str | None) -> str | None:
    """Where the checkpoint of `--save` is kept; a device or a pipe has none beside it."""
    from backprop.training.model_file import checkpoint_path

    return None if save is None or atomic_files.is_special(save) else str(checkpoint_path(save))


def load_data(name: str, data_dir: str | None, say: Say) -> Dataset:
    """A data set by its option, announced."""
    from backprop import arguments
    from backprop.datasets import sources

    with usage_errors():
        arguments.choice("--dataset", name, sources.DATASETS)
    data = sources.load(name, data_dir=data_dir, notify=say_to_stderr)
    say(
        f"{data.name}: {len(data.train_labels):,} images to train on,"
        f" {len(data.test_labels):,} to test on, from {data.source}"
    )
    return data


def new_network(shape: tuple[int, ...], options: dict[str, Any]) -> Network:
    """A network by its options: activation, cost, dtype and seed."""
    from backprop.network import init_net

    return init_net(
        shape,
        activation=parsing.parse_names(options["activation"]),
        cost=options["cost"],
        dtype=options["dtype"],
        seed=options["seed"],
    )


def silent(_message: str) -> None:
    """Say nothing."""


def say_to_stdout(message: str) -> None:
    """Print a message that is part of the answer."""
    show(fitted(message))


def say_to_stderr(message: str) -> None:
    """Print a message that is not part of the answer."""
    show(fitted(message), err=True)
