"""Epochs: from a proved network and a data set to a trained network and its history.

Nothing is trained without a permit: a certificate that covers this network and this very code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from backprop import arguments
from backprop.activations import Array
from backprop.learning import health
from backprop.learning.divergence import divergence
from backprop.learning.rates import suitable_rate
from backprop.network import Network, require_network
from backprop.training import evaluation, gradient_descent
from backprop.training.gradient_descent import DivergedError, OnBatch
from backprop.training.history import Epoch
from backprop.training.permit import Permit, PermitError, require_permit
from backprop.training.samples import Data, Samples, epoch_order, split_samples

AUDITED = 20  # samples of an epoch, its first


class TrainingError(RuntimeError):
    """Training that has gone where no further step makes sense."""


class AuditError(RuntimeError):
    """A gradient that no longer passes in the middle of training; `report` says what broke.

    It is None where the audit itself raised something, which is then the error's cause.
    """

    def __init__(self, message: str, report: Any) -> None:
        super().__init__(message)
        self.report = report


def train(
    net: Network,
    data: Data,
    *,
    permit: Permit | None = None,
    epochs: int = 3,
    batch_size: int = 20,
    learning_rate: float | None = None,
    seed: int = 0,
    start: int = 0,
    seen: int = 0,
    audit: bool = True,
    on_epoch: Callable[[Epoch], None] | None = None,
    on_batch: OnBatch | None = None,
) -> list[Epoch]:
    """Train a network in place, by plain gradient descent over shuffled minibatches.

    Parameters
    ----------
    net
        The network; its parameters are changed.
    data
        A `backprop.datasets.dataset.Dataset`, whose images are divided by its `peak`; or (x, y), or
        (x, y, x_test, y_test), with inputs (n, n_in) taken as they are and targets (n, n_out) or
        labels (n,).
    permit
        What `checks.verify(net, x, y)` returns.
    epochs
        How many epochs the network has seen in the end.
    batch_size
        Samples in a minibatch; the last of an epoch may be smaller.
    learning_rate
        The step along minus the mean gradient of a minibatch; by default the one that suits the
        network, `backprop.learning.rates.suitable_rate`: 5 for sigmoid with the quadratic cost.
    seed
        The order of the samples: the same seed gives the same bits, on the same machine.
    start
        How many epochs the network has seen already; those are left out.
    seen
        How many samples of the next epoch it has seen as well: whole minibatches.
    audit
        Whether to have the permit look at the gradient after every epoch, on its first samples.
    on_epoch, on_batch
        Called after each, with the `Epoch` and with the number of samples just seen.

    Returns
    -------
    list of Epoch

    Raises
    ------
    PermitError
        Where the permit does not cover this network and this code, before anything is changed.
    TrainingError
        Where a parameter or the loss is no longer finite; the parameters are then those before
        that step.
    AuditError
        Where an audit fails, or raises something.
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """
    require_network(net)
    if wrong := not_finite(net):
        raise ValueError(
            f"net: expected finite parameters to begin with, got NaN or infinity in {wrong};"
            " take another network, such as a checkpoint from before it diverged"
        )
    require_permit(net, permit)
    epochs = arguments.whole("epochs", epochs, least=0)
    start = arguments.whole("start", start, least=0)
    batch_size = arguments.whole("batch_size", batch_size, least=1)
    if learning_rate is None:
        learning_rate = suitable_rate(net)
    learning_rate = arguments.positive("learning_rate", learning_rate)
    seed = arguments.whole("seed", seed, least=0)
    samples, test = split_samples(net, data)
    seen = _within_epoch(seen, batch_size, len(samples))
    look = getattr(permit, "audit", None) if audit else None
    watch = _Watch(net, samples, seed, learning_rate)
    steps = -(-len(samples) // batch_size)
    history: list[Epoch] = []
    for number in range(start + 1, epochs + 1):
        order = epoch_order(len(samples), seed, number - 1)
        began = time.perf_counter()
        first = seen if number == start + 1 else 0
        try:
            gradient_descent.descend(
                net,
                samples,
                order[first:],
                batch_size=batch_size,
                learning_rate=learning_rate,
                on_batch=on_batch,
            )
        except DivergedError as error:
            at = f"epoch {number}, minibatch {_place(error, first // batch_size)} of {steps:,}"
            raise TrainingError(_diverged(net, error, at, learning_rate)) from None
        seconds = time.perf_counter() - began
        scores = evaluation.evaluate(net, test or samples)
        _require_finite(net, scores.cost, number)
        batch = samples.batch(order[:AUDITED], net.dtype)
        audit_says = _audited(look, net, batch, number) if look else None
        require_permit(net, permit)  # once more: code can be replaced while it trains
        epoch = Epoch(
            epoch=number,
            loss=scores.cost,
            test_accuracy=scores.accuracy if test else None,
            seconds=seconds,
            audit=audit_says,
            learning_rate=learning_rate,
            note=None if history else watch.says(scores.accuracy, steps),
        )
        history.append(epoch)
        if on_epoch is not None:
            on_epoch(epoch)
    return history


def _within_epoch(seen: int, batch_size: int, count: int) -> int:
    """Where in an epoch training goes on."""
    seen = arguments.whole("seen", seen, least=0)
    if seen % batch_size or seen >= count > 0:
        raise ValueError(
            f"seen: expected whole minibatches of {batch_size}, and fewer than the {count} samples"
            f" of an epoch, got {seen}; go on from 0, the beginning of the epoch"
        )
    return seen


class _Watch:
    """How the network looked before its first epoch of this run."""

    def __init__(self, net: Network, samples: Samples, seed: int, learning_rate: float) -> None:
        self.net, self.learning_rate = net, learning_rate
        rows = epoch_order(len(samples), seed, 0)[: health.LOOKED_AT]
        self.batch = samples.batch(rows, net.dtype)
        self.before = health.look(net, *self.batch, learning_rate=learning_rate)

    def says(self, accuracy: float | None, steps: int) -> str | None:
        """Why it does not learn; None where it does."""
        return health.complaint(
            self.net,
            self.before,
            health.look(self.net, *self.batch, learning_rate=self.learning_rate),
            accuracy=accuracy,
            learning_rate=self.learning_rate,
            steps=steps,
        )


def _require_finite(net: Network, loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        raise TrainingError(
            f"training: expected a finite loss, got {loss} after epoch {epoch}: the outputs of"
            f" layer {len(net.weights)} are too large; try a smaller --learning-rate"
        )


def not_finite(net: Network) -> str | None:
    """The name of the first parameter that is not finite throughout; None where all are."""
    return next((name for name, p in net.parameters.items() if not np.isfinite(p).all()), None)


def _place(error: DivergedError, before: int) -> str:
    """Which minibatch of the epoch it is, or among which it is; `before` were left out."""
    first, last = error.first + before, error.last + before
    return f"{last:,}" if first == last else f"{first:,} to {last:,}"


def _diverged(net: Network, error: DivergedError, at: str, rate: float) -> str:
    cause = divergence(net, error.x, error.y, learning_rate=rate)
    return f"training: expected finite parameters, got NaN or infinity in {at}: {cause}"


def _audited(
    look: Callable[[Network, Array, Array], Any],
    net: Network,
    batch: tuple[Array, Array],
    epoch: int,
) -> str:
    try:
        report = look(net, *batch)
    except PermitError:
        raise
    except Exception as error:
        raise AuditError(
            f"audit: expected a gradient to look at after epoch {epoch}, but"
            f" {type(error).__name__} was raised: {error}\nfind out where with"
            " checks.verify(net, x, y), and train again from before that epoch",
            None,
        ) from error
    if report.verdict == "fail":
        raise AuditError(
            f"audit: expected a correct gradient after epoch {epoch}, but it no longer passes\n"
            f"{report}",
            report,
        )
    return str(report.summary)
