"""The command `backprop explain`: one sample worked through a network, with the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from backprop.cli.common import (
    activation_option,
    cost_option,
    new_network,
    seed_option,
    shape_of,
    usage_errors,
)
from backprop.system.folding import fitted
from backprop.system.terminal import Command, CommandError, show, writing

if TYPE_CHECKING:
    import numpy.typing as npt

    from backprop.training.model_file import Model


@click.command(cls=Command)
@click.argument("what", metavar="[MODEL | SHAPE]", nargs=-1)
@click.option("--model", metavar="M", type=click.Path(), help="The same as MODEL.")
@click.option(
    "--weight",
    metavar="NAME",
    help='Follow one weight or bias, such as "W1[0, 1]", along every path to the cost:'
    " each gear's ratio by its formula and by nudging that gear alone.",
)
@click.option(
    "--image",
    metavar="FILE",
    type=click.Path(),
    help="A picture for the sample, instead of one that is drawn.",
)
@click.option(
    "--label",
    type=click.IntRange(min=0),
    metavar="N",
    help="The class to take for the target.  [default: the output that comes second]",
)
@click.option(
    "--svg",
    "svg_path",
    metavar="FILE",
    help="Draw the gear train of the weight, by default the steepest, as SVG;"
    " - is standard output.",
)
@activation_option("Where a SHAPE is given.")
@cost_option("Where a SHAPE is given.")
@seed_option("Of the sample, and of the weights where a SHAPE is given.")
@click.pass_context
def explain(context: click.Context, /, what: Sequence[str], **given: Any) -> None:
    """Work one sample through a network, forward and back, with the numbers.

    The network is a MODEL that was trained, or a SHAPE to draw one in, by default 2-2-1. A wide
    one is followed along a single path, and a --weight along its five strongest. The sample is
    drawn, for a MODEL as well: inputs from 0 to 1, and for a target the output that comes second.
    """  # fmt: skip
    import numpy as np

    from backprop.explain import explain as worked_example
    from backprop.passes import forward

    if given["weight"] is not None and "]" not in given["weight"]:  # a shell has cut it in two
        raise click.UsageError(
            f"--weight: expected a name such as W1[0, 1], got {given['weight']!r}; put it in quotes"
        )
    model = _model(context, what, given)
    net = model.net
    with usage_errors():
        x = _sample(model, given)
        if given["label"] is None:
            # A prediction that is right already has next to no slope.
            y = forward(net, x)[-1].argsort(axis=1)[:, -2:][:, 0]
        else:
            y = np.array([given["label"]])
            if y[0] >= net.shape[-1]:
                raise ValueError(
                    f"--label: expected 0 to {net.shape[-1] - 1}, one for each output, got {y[0]}"
                )
        if given["weight"] is None and given["svg_path"] is None:
            text = worked_example(net, x, y)
        else:
            text = _followed(model, x, y, given)
    show(text if given["svg_path"] == "-" else fitted(text))


def _followed(model: Model, x: npt.NDArray[Any], y: npt.NDArray[Any], given: dict[str, Any]) -> str:
    """What there is to say of one weight; its drawing is written on the way."""
    from backprop.gears import drawing, text, trace
    from backprop.system import atomic_files

    weight, path = given["weight"], given["svg_path"]
    try:
        train = trace.trace(model.net, x, y, weight or trace.steepest(model.net, x, y))
    except ValueError as error:
        raise ValueError(f"--{error}") from None
    if path == "-":
        return drawing.drawing(train).rstrip()
    if path is not None:
        with writing("--svg", path):
            atomic_files.write(path, drawing.drawing(train).encode())
    return text.text(train)


def _model(context: click.Context, what: Sequence[str], given: dict[str, Any]) -> Model:
    """The network that is asked for, as a model."""
    from backprop.training.model_file import Model, load_model

    if what and given["model"] is not None:
        raise click.UsageError(
            f"--model: expected no MODEL or SHAPE beside it, got {' '.join(what)}"
        )
    text = given["model"] or " ".join(what) or "2-2-1"
    if given["model"] is not None or Path(text).exists():
        _require_none_given(context, text)
        return load_model(text)
    if not text[:1].isdecimal():
        raise CommandError(
            f"{text}: expected a model file or a shape such as 2-2-1, found no such file"
        )
    options = {name: given[name] for name in ("activation", "cost", "seed")}
    with usage_errors():
        return Model(net=new_network(shape_of(text), {**options, "dtype": "float64"}))


def _sample(model: Model, given: dict[str, Any]) -> npt.NDArray[Any]:
    """The input, (1, n_in): a picture, or numbers from 0 to 1."""
    import numpy as np

    from backprop.datasets.images import read_images

    n_in = model.net.shape[0]
    if given["image"] is None:
        return np.random.default_rng(given["seed"]).uniform(size=(1, n_in))
    found = read_images(
        given["image"],
        image_shape=model.image_shape,
        n_in=n_in,
        peak=model.peak,
        dtype=model.net.dtype,
    )
    if len(found) != 1:
        raise ValueError(f"--image: expected one picture, found {len(found)} in {given['image']}")
    return found[0].x[None]


def _require_none_given(context: click.Context, model: str) -> None:
    """A model has its own activations and cost: to ask for others is a mistake."""
    given = [
        f"--{name} {context.params[name]}"
        for name in ("activation", "cost")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{model}: expected no options that describe a network, got {' '.join(given)};"
            " leave them out, or give a shape"
        )
