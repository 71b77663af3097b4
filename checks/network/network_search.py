"""Our own network as a space to search: shapes, batch sizes, activations, costs, dtypes, points.

`network_at` makes the network and minibatch of one example, as `gradcheck SHAPE` draws them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from backprop import arguments
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.network import Network
from backprop.system import parsing
from checks.network.adapter import network_problem
from checks.network.random_networks import random_network_and_batch
from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.searching.examples import DTYPES, SEEDS, Below, Build, Example, Size, Sizes
from checks.searching.points import AS_MADE, POINTS, moved, rounded

# What `gradcheck` takes where it is told nothing: what is so need not be typed again.
USUAL = {"activation": "sigmoid", "cost": "quadratic", "dtype": "float64"}


@dataclass(frozen=True, kw_only=True)
class NetworkSpace:
    """Networks of any kind, but for what is held.

    Attributes
    ----------
    shape, batch_size, activation, cost, dtype, point
        What is held; None where it is searched. `activation` is one name or several with commas
        between, as `gradcheck` takes it.
    anywhere
        A network can be looked at anywhere.
    """

    shape: tuple[int, ...] | None = None
    batch_size: int | None = None
    activation: str | None = None
    cost: str | None = None
    dtype: str | None = None
    point: str | None = None
    anywhere: bool = True

    def example(self, draw: st.DrawFn, below: Below | None) -> tuple[Example, Build]:
        """Draw a network and a batch by their ingredients, below one found of the same kind."""
        shape, batch_size = self._sizes.draw(draw, below)
        kinds = self._kinds(draw, shape) if below is None else dict(below.like.kinds)
        names = kinds["activation"].split(",")
        if len(names) > 1 and len(names) != len(shape) - 1:
            kinds = self._kinds(draw, shape)
        example = Example(
            shape=shape,
            batch_size=batch_size,
            kinds=kinds,
            dtype=self.dtype or draw(st.sampled_from(DTYPES)),
            point=self.point or draw(st.sampled_from(list(POINTS))),
            seed=draw(st.integers(0, SEEDS - 1)),
        )
        return example, lambda: (_problem(example), example.point)

    def _kinds(self, draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, str]:
        cost = draw(st.sampled_from(self.require_costs()))
        return {"activation": self.activation or _activations(draw, shape, cost), "cost": cost}

    def sizes_below(self, example: Example) -> list[Size]:
        """All that are smaller, within what is held."""
        return self._sizes.below(example)

    def repeat(self, example: Example) -> str:
        """The command that checks the same network."""
        usual = {f"--{name}": value for name, value in USUAL.items()}
        typed = example.options
        pairs = zip(typed[::2], typed[1::2], strict=True)
        options = [word for pair in pairs if usual.get(pair[0]) != pair[1] for word in pair]
        return shlex.join(["gradcheck", *map(str, example.shape), *options])

    def require_costs(self) -> list[str]:
        """The costs that go with what is held, at least one.

        Raises
        ------
        ValueError
            Where what is held does not go together.
        """
        names = parsing.parse_names(self.activation or USUAL["activation"])
        layers = len(names) if isinstance(names, list) else len(self.shape or (1, 1)) - 1
        if self.shape is not None:
            layers = len(arguments.shape(self.shape)) - 1
        if self.cost is not None:
            arguments.activations(names, self.cost, layers=layers)
            return [self.cost]
        found = []
        for cost in COSTS:
            try:
                arguments.activations(names, cost, layers=layers)
                found.append(cost)
            except ValueError as error:
                refused = error
        if not found:
            raise refused
        return found

    @property
    def _sizes(self) -> Sizes:
        names = (self.activation or "").split(",")
        widths = len(names) + 1 if len(names) > 1 else None
        return Sizes(shape=self.shape, batch_size=self.batch_size, widths=widths)


def network_at(
    shape: tuple[int, ...],
    *,
    activation: str | Sequence[str],
    cost: str,
    batch_size: int,
    seed: int,
    point: str = AS_MADE,
) -> tuple[Network, Array, Array, list[str]]:
    """A float64 network at a point, inputs, targets, and notes, as `random_network_and_batch`."""
    net, x, y, notes = random_network_and_batch(
        shape, activation=activation, cost=cost, batch_size=batch_size, seed=seed
    )
    if point != AS_MADE:
        net, x = net.with_parameters(moved([*net.parameters.values()], point)), rounded(x)
    return net, x, y, notes


def _problem(example: Example) -> Problem:
    names = example.kinds["activation"].split(",")
    net, x, y, _ = network_at(
        example.shape,
        activation=names[0] if len(names) == 1 else names,
        cost=example.kinds["cost"],
        batch_size=example.batch_size or 1,
        seed=example.seed or 0,
        point=example.point,
    )
    return network_problem(net.astype(example.dtype or net.dtype), x, y)


def _activations(draw: st.DrawFn, shape: tuple[int, ...], cost: str) -> str:
    """One name for all layers, or one for each, with the output that the cost brings along."""
    names = [name for name, function in ACTIVATIONS.items() if not function.coupled]
    hidden = st.sampled_from(names)
    layers = len(shape) - 1
    alike, first = not draw(st.booleans()), draw(hidden)
    if alike or layers == 1:
        return first
    mixed = [first, *(draw(hidden) for _ in range(layers - 1))]
    return ",".join([*mixed[:-1], COSTS[cost].output or mixed[-1]])
