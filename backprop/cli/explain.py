"""The command `backprop explain`: one sample worked through a network, with the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
from backprop.system.terminal import Command, CommandError, show


@click.command(cls=Command)
@click.argument("what", metavar="[MODEL | SHAPE]", nargs=-1)
@activation_option("Where a SHAPE is given.")
@cost_option("Where a SHAPE is given.")
@seed_option("Of the sample, and of the weights where a SHAPE is given.")
@click.pass_context
def explain(
    context: click.Context, /, what: Sequence[str], activation: str, cost: str, seed: int
) -> None:
    """Work one sample through a network, forward and back, with the numbers.

    The network is a MODEL that was trained, or a SHAPE to draw one in, by default 2-2-1. A wide
    one is followed along a single path. The sample is drawn, for a MODEL as well: inputs from 0 to
    1, and for a target the output that comes second.
    """
    import numpy as np

    from backprop.explain import explain as worked_example
    from backprop.passes import forward
    from backprop.training.model_file import load_model

    text = " ".join(what) or "2-2-1"
    if Path(text).exists():
        _require_none_given(context, text)
        net = load_model(text).net
    elif text[:1].isdecimal():
        options = {"activation": activation, "cost": cost, "dtype": "float64", "seed": seed}
        with usage_errors():
            net = new_network(shape_of(text), options)
    else:
        raise CommandError(
            f"{text}: expected a model file or a shape such as 2-2-1, found no such file"
        )
    x = np.random.default_rng(seed).uniform(size=(1, net.shape[0]))
    # The runner-up for a target: a prediction that is right already has next to no slope.
    runner_up = forward(net, x)[-1].argsort(axis=1)[:, -2:][:, 0]
    show(worked_example(net, x, runner_up))


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
