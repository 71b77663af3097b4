"""Drawing: a network of a given shape and a minibatch for it, from a seed.

Inputs are uniform in [0, 1), each sample has a random class, and a single output is to be 0 or 1.
Where that leaves more than half of some tensor's gradient exactly zero, as units that are never
active do, further draws are tried: inputs from a normal distribution, then wider ones, then
networks of the same shape drawn anew. The draw with the fewest such tensors is given, and a note
says which. The same seed draws the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from backprop import gradients, init_net
from backprop.arguments import addressable, one_hot
from backprop.network import Network
from checks.problem.nested import Array

DRAWS = 8


def random_network_and_batch(
    shape: tuple[int, ...],
    *,
    activation: str | Sequence[str] = "sigmoid",
    cost: str = "quadratic",
    batch_size: int = 20,
    seed: int = 0,
) -> tuple[Network, Array, Array, list[str]]:
    """A float64 network, inputs (batch, n_in), targets (batch, n_out), and notes on the draw.

    The module's text says what is drawn. Raises what `backprop.init_net` raises.
    """
    best: tuple[int, Network, Array, Array, list[str]] | None = None
    for attempt in range(DRAWS):
        rng = np.random.default_rng((seed, attempt))
        net = init_net(shape, activation=activation, cost=cost, seed=seed if attempt < 3 else rng)
        size = (batch_size, net.shape[0])
        addressable("batch_size", batch_size, max(net.shape))
        x = rng.normal(scale=2.0**attempt, size=size) if attempt else rng.uniform(size=size)
        labels = rng.integers(max(net.shape[-1], 2), size=batch_size)
        y = one_hot(labels, net.shape[-1], float) if net.shape[-1] > 1 else labels[:, None] * 1.0
        quiet = _quiet_tensors(net, x, y)
        if best is None or quiet < best[0]:
            best = quiet, net, x, y, _notes(attempt, quiet)
        if not quiet:
            break
    if best is None:
        raise AssertionError("there is always a first draw")
    return best[1:]


def _quiet_tensors(net: Network, x: Array, y: Array) -> int:
    """How many tensors have a gradient that is exactly zero in more than half of it."""
    with contextlib.suppress(Exception):  # a gradient that cannot be had is for the check to say
        return sum(int(2 * (g == 0).sum() > g.size) for p in gradients(net, x, y) for g in p)
    return 0


def _notes(attempt: int, quiet: int) -> list[str]:
    what = "inputs drawn more widely" if attempt < 3 else "network and inputs drawn anew"
    notes = [f"draw {attempt + 1}, {what}: before, units were never active"] if attempt else []
    if quiet:
        notes.append(f"in none of {DRAWS} draws was every tensor's gradient mostly other than zero")
    return notes
