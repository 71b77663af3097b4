"""The rehearsal: the loop that will train, held to forward, backward and optimize on real samples.

Training does not call the passes that were proved but a faster loop (`backprop.loop`). Here it
takes a few steps on a copy of the network, with the real samples, minibatch and learning rate: two
with full minibatches, for what the first one records the second repeats, and one with a smaller
one. It has to arrive where the passes arrive, within rounding.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backprop import network, passes, threads, training
from backprop.network import Network
from backprop.samples import Samples
from checks import rounding
from checks.nest import Array, coordinate
from checks.networks import with_parameters

STEPS = 2.5
TRIALS = 4


def rehearse(
    net: Network, samples: Samples, *, batch_size: int, learning_rate: float
) -> str | None:
    """Where the loop arrives elsewhere than the passes do, or None.

    Parameters
    ----------
    net
        The network, left as it is.
    samples
        What it is to be trained on; the first `STEPS` minibatches of them are used, smaller ones
        where there are too few samples for that.
    batch_size, learning_rate
        As for `backprop.train`.
    """
    batch_size = min(batch_size, max(1, int(len(samples) / STEPS)))
    order = np.arange(min(len(samples), max(2, round(STEPS * batch_size))))[::-1]
    start = [p.copy() for pair in zip(net.weights, net.biases, strict=True) for p in pair]
    with np.errstate(all="ignore"), threads.suited(net, batch_size):
        fast = with_parameters(net, [p.copy() for p in start])
        training.descend(fast, samples, order, batch_size=batch_size, learning_rate=learning_rate)
        batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        plain = _steps(net, start, samples, batches, learning_rate)
        rng = np.random.default_rng(0)

        def again() -> list[Array]:
            moved = [rounding.jitter(p, rng) for p in start]
            return _steps(net, moved, samples, batches, learning_rate)

        spread = rounding.spread(plain, again, TRIALS)
        return _difference(fast, plain, start, spread)


def _steps(
    net: Network,
    start: list[Array],
    samples: Samples,
    batches: list[Array],
    learning_rate: float,
) -> list[Array]:
    """The parameters after a step of the passes for each minibatch."""
    net = with_parameters(net, [p.copy() for p in start])
    for rows in batches:
        x, y = samples.batch(rows, net.dtype)
        network.zero_grad(net)
        passes.backward(net, passes.forward(net, x), y)
        network.optimize(net, learning_rate)
    return [p for pair in zip(net.weights, net.biases, strict=True) for p in pair]


def _difference(
    fast: Network, plain: list[Array], start: list[Array], spread: list[Array]
) -> str | None:
    found = [p for pair in zip(fast.weights, fast.biases, strict=True) for p in pair]
    for number, (p, q, p0, far) in enumerate(zip(found, plain, start, spread, strict=True)):
        eps = float(np.finfo(p.dtype).eps)
        allowed = rounding.SAFETY * (far + eps * (np.abs(q) + np.abs(q - p0)))
        allowed += rounding.underflow(p.dtype)
        wrong = np.isfinite(q) & ~(np.abs(p - q) <= allowed)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            name = coordinate(f"{'Wb'[number % 2]}{number // 2 + 1}", at)
            return f"{name}: the loop steps to {p[at]:.9g}, the passes to {q[at]:.9g}"
    return None


def in_float64(net: Network) -> Network:
    """The float64 twin: the same code, with the parameters upcast."""
    wide = [array.astype(np.float64) for array in (*net.weights, *net.biases)]
    layers = len(net.weights)
    return replace(net, weights=wide[:layers], biases=wide[layers:], dW=[], db=[], samples=0)
