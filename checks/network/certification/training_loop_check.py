"""The rehearsal: the loop that will train, held to forward, backward and optimize on real samples.

Training does not call the proved passes but a faster loop, `backprop.training.fast_loop`. It has to
gather the very samples that it was told to; and in each of a few steps, with the real minibatch and
learning rate, it has to arrive where the passes arrive from the same parameters: in four full
minibatches, for what the first one records the others repeat, and a smaller one.

Both round what they add relative to itself, and the sum relative to what is stored. So after a step
from p0 to p, the two may lie apart by

    SAFETY x (spread + eps (|p| + |p - p0|))

where the spread is how far from there the passes arrive when parameters and inputs are moved by a
unit or two in their last place before the step (`rounding.jitter`).
"""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from backprop import blas_threads, network, passes, validation
from backprop.network import Network
from backprop.training import gradient_descent
from backprop.training.minibatches import Batches
from backprop.training.samples import Samples
from checks.oracles import rounding, thresholds
from checks.problem.nested import Array, coordinate
from checks.verdict.conduct import same_bits

STEPS = 4.5
TRIALS = 4

# A learning rate at which usual networks neither diverge nor saturate.
TAME = 2.0**-4


def loop_differs_from_passes(
    net: Network, samples: Samples, *, batch_size: int, learning_rate: float
) -> str | None:
    """Where the loop goes elsewhere than the passes do, or None.

    Parameters
    ----------
    net
        The network, left as it is.
    samples
        What it is to be trained on; as many of them are used as the steps take, in minibatches that
        are smaller where there are too few for that.
    batch_size, learning_rate
        As for `backprop.train`. Where at that rate the passes diverge or come to rest, or rounding
        could hide a step, a smaller one is rehearsed as well.
    """
    wrong = _misgathered(net, samples, batch_size)
    batch_size = min(batch_size, max(1, int(len(samples) / STEPS)))
    count = min(len(samples), max(2, round(STEPS * batch_size)))
    order = np.arange(count)[::-1]  # not as they lie there
    for rate in (learning_rate, min(learning_rate, TAME)):
        if wrong is None:
            watch = _Watch(net, samples, order, batch_size=batch_size, learning_rate=rate)
            wrong = watch.wrong
            if watch.telling:
                break
    return wrong


def _misgathered(net: Network, samples: Samples, batch_size: int) -> str | None:
    """Which minibatch the loop gathers other samples for than those it was told to, if any.

    As far as into the third part that is gathered at a time.
    """
    targets = validation.targets(net, samples.y, len(samples))
    batches = Batches(samples.x, targets, batch=batch_size)
    half = batch_size // 2
    count = min(2 * batches.ahead + batch_size + half, max(1, len(samples) - half))
    order = np.random.default_rng(0).permutation(len(samples))[:count]
    asked = (order[i : i + batch_size] for i in range(0, len(order), batch_size))
    for number, (rows, given) in enumerate(zip_longest(asked, batches.of(order)), start=1):
        if rows is None or given is None:
            return f"minibatch {number}: the loop gathers more of them than there are, or fewer"
        x, y = given
        if not (np.array_equal(x, samples.x[rows]) and np.array_equal(y, targets[rows])):
            return f"minibatch {number}: the loop gathers other samples than the passes are given"
    return None


class _Watch:
    """A look at the loop after each of its steps, and at the passes' own step from the same start.

    Attributes
    ----------
    wrong
        Where the loop went elsewhere, first.
    telling
        Whether every step of the passes moved something, and further than rounding could.
    """

    def __init__(
        self,
        net: Network,
        samples: Samples,
        order: Array,
        *,
        batch_size: int,
        learning_rate: float,
    ) -> None:
        self.samples, self.learning_rate = samples, learning_rate
        self.tame = learning_rate <= TAME
        self.passed, self.looped = _copy(net), _copy(net)
        self.rng = np.random.default_rng(0)
        self.wrong: str | None = None
        self.telling = True
        self.batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
        self.taken = 0
        with np.errstate(all="ignore"), blas_threads.suited(net, batch_size):
            try:
                gradient_descent.descend(
                    self.looped,
                    samples,
                    order,
                    batch_size=batch_size,
                    learning_rate=learning_rate,
                    on_batch=self._look,
                )
            except gradient_descent.DivergedError:
                self.telling = False
                return
        if self.taken != len(self.batches) and self.wrong is None:
            self.wrong = f"the loop takes {self.taken} steps for {len(self.batches)} minibatches"
        for name, p, q in _pairs(self.looped, self.passed):
            if self.wrong is None and not same_bits(p, q):
                self.wrong = f"{name}: the loop does not leave behind what it has stepped to"

    def _look(self, _: int) -> None:
        """After a step of the loop, to parameters that are then made those of the passes."""
        self.taken += 1
        if self.taken > len(self.batches):
            return
        start, rows = self.passed, self.batches[self.taken - 1]
        self.passed = self._step(_copy(start), rows)
        at = _tensors(self.passed)
        went = [np.abs(q - p0) for q, p0 in zip(at, _tensors(start), strict=True)]
        for trials in (TRIALS, thresholds.JITTERS):  # the more, where the fewer would accuse
            spread = rounding.spread(at, lambda: _tensors(self._jittered(start, rows)), trials)
            allowed = [_allowed(q, d, far) for q, d, far in zip(at, went, spread, strict=True)]
            found = _difference(_pairs(self.looped, self.passed), allowed)
            if found is None:
                break
        looped = _tensors(self.looped)
        if self.tame or all(np.isfinite(p).all() for p in looped):
            self.wrong = self.wrong or found
        else:
            self.telling = False  # it diverges, and the order of factors says who overflows first
        self.telling &= any(map(np.any, went)) and all(
            np.sum(far) < np.sum(d) or not d.any() for far, d in zip(allowed, went, strict=True)
        )
        for p, q in zip(looped, at, strict=True):
            p[...] = q

    def _step(self, net: Network, rows: Array, x: Array | None = None) -> Network:
        """The network, after a step of the passes."""
        own, y = self.samples.batch(rows, net.dtype)
        network.zero_grad(net)
        passes.backward(net, passes.forward(net, own if x is None else x), y)
        network.optimize(net, self.learning_rate)
        return net

    def _jittered(self, start: Network, rows: Array) -> Network:
        """The same with parameters and inputs jittered."""
        x, _ = self.samples.batch(rows, start.dtype)
        moved = start.with_parameters(rounding.jitter(p, self.rng) for p in _tensors(start))
        x = rounding.jitter(validation.inputs(start, x), self.rng)
        return self._step(moved, rows, x)


def _allowed(q: Array, went: Array, spread: Array) -> Array:
    """How far from `q` rounding may bring a step that goes as far as `went`."""
    eps, least = float(np.finfo(q.dtype).eps), rounding.underflow(q.dtype)
    return np.asarray(thresholds.SAFETY * (spread + eps * (np.abs(q) + went)) + least)


def _difference(pairs: list[tuple[str, Array, Array]], allowed: list[Array]) -> str | None:
    for (name, p, q), far in zip(pairs, allowed, strict=True):
        wrong = np.isfinite(q) & ~(np.abs(p - q) <= far)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            return f"{coordinate(name, at)}: the loop steps to {p[at]}, the passes to {q[at]}"
    return None


def _tensors(net: Network) -> list[Array]:
    return [*net.parameters.values()]


def _pairs(one: Network, other: Network) -> list[tuple[str, Array, Array]]:
    """The tensors of two networks of a kind, side by side, by name."""
    return [*zip(one.parameters, _tensors(one), _tensors(other), strict=True)]


def _copy(net: Network) -> Network:
    """The network with parameters of its own."""
    return net.with_parameters(p.copy() for p in _tensors(net))
