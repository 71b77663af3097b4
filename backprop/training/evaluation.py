"""Evaluation: how wrong a network is on samples, and how often right, between and after epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backprop import blas_threads, passes, validation
from backprop.activations import Array
from backprop.network import Network
from backprop.training.gradient_descent import quiet
from backprop.training.samples import Samples

_CHUNK = 250  # images at a time where nothing is learnt from them


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How wrong, and how often right: the mean cost, and each sample's largest output."""

    cost: float
    accuracy: float | None
    predicted: Array
    expected: Array


def evaluate(net: Network, samples: Samples) -> Scores:
    """The mean cost over samples, and which outputs are the largest."""
    total, predicted, expected = 0.0, [], []
    with quiet(), blas_threads.suited(net, _CHUNK):
        for first in range(0, len(samples), _CHUNK):
            x, y = samples.batch(slice(first, first + _CHUNK), net.dtype)
            y = validation.targets(net, y, len(x))
            activations = passes.forward(net, x)
            total += float(passes.cost_at(net, activations, y)) * len(x)
            predicted.append(activations[-1].argmax(axis=1))
            expected.append(y.argmax(axis=1))
    found, right = np.concatenate(predicted), np.concatenate(expected)
    return Scores(
        cost=total / len(samples),
        accuracy=float(np.mean(found == right)) if net.shape[-1] > 1 else None,
        predicted=found,
        expected=right,
    )
