"""What the commands share: how they fail, what they print, and what they need beforehand."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from backprop.datasets import Dataset
    from backprop.network import Network

Say = Callable[[str], None]


# Options that several commands have.
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(),
    metavar="DIR",
    help="A folder with four IDX files named like MNIST's.",
)
json_option = click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="PATH",
    help="Write the results as JSON; - is standard output.",
)


class InputError(Exception):
    """Something in what the user gave, found out later than the options were read."""


@contextmanager
def usage() -> Iterator[None]:
    """Options that do not fit are the user's to correct: exit code 2, with the usage line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from error


def parse_shape(text: str) -> tuple[int, ...]:
    """The layer widths in `text`: whole numbers with hyphens, commas, spaces or an x between."""
    if not is_shape(text):
        raise click.BadParameter(
            f"expected at least two layer widths, such as 784-40-10, got {text!r}"
        )
    return tuple(map(int, re.findall(r"\d+", text)))


def is_shape(text: str) -> bool:
    """Whether `text` can be read as a shape."""
    return re.fullmatch(r"\s*\d+(\s*[-,x\s]\s*\d+)+\s*", text, re.ASCII) is not None


def require_places(save: str | None, json_path: str | None, *, resume: bool) -> None:
    """Complain about files that cannot be written before the work, not after it."""
    if resume and not save:
        raise click.UsageError("--resume: expected --save M, whose checkpoint to go on from")
    for option, path in (("--save", save), ("--json", json_path)):
        folder = Path(path).absolute().parent if path and path != "-" else None
        if folder and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise click.UsageError(
                f"{option}: expected a path in a folder that can be written, got {path}; make the"
                f" folder {folder} or name another"
            )
    if save and json_path and json_path != "-":
        from backprop.storage import checkpoint_path

        taken = {Path(place).resolve() for place in (save, checkpoint_path(save))}
        if Path(json_path).resolve() in taken:
            raise click.UsageError(
                f"--json: expected another file than --save's and its checkpoint, got {json_path}"
            )


def load_data(name: str, data_dir: str | None, say: Say) -> Dataset:
    """A data set by its option, announced."""
    from backprop import datasets, validation

    with usage():
        validation.choice("--dataset", name, datasets.DATASETS)
    data = datasets.load(name, data_dir=data_dir)
    say(
        f"{data.name}: {len(data.train_labels):,} images to train on,"
        f" {len(data.test_labels):,} to test on, from {data.source}"
    )
    return data


def new_network(shape: tuple[int, ...], options: dict[str, Any]) -> Network:
    """A network by its options: activation, cost, dtype and seed."""
    from backprop.network import init_net

    names = [name.strip() for name in options["activation"].split(",")]
    return init_net(
        shape,
        activation=names[0] if len(names) == 1 else names,
        cost=options["cost"],
        dtype=options["dtype"],
        seed=options["seed"],
    )


def silent(_message: str) -> None:
    """Say nothing."""


def say_to_stderr(message: str) -> None:
    """Print a message that is not part of the answer."""
    click.echo(message, err=True)


def write_json(path: str, content: Any) -> None:
    """Write JSON, whole or not at all; `-` is standard output."""
    text = json.dumps(content, indent=2) + "\n"
    if path == "-":
        click.echo(text, nl=False)
        return
    from backprop.storage import write_atomically

    write_atomically(path, text.encode())
