"""Samples: from a data set or plain arrays to the minibatches that a network can take.

- `split_samples` turns what a user calls data into training and test `Samples` that fit a network.
- `epoch_order` is the order in which an epoch takes them, `first_batch` what training begins with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from backprop import validation
from backprop.activations import Array
from backprop.datasets.dataset import Dataset, scale_pixels
from backprop.network import Network

Data = Dataset | tuple[Array, Array] | tuple[Array, Array, Array, Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Inputs (n, n_in) and targets, (n, n_out) or labels (n,); lists become arrays.

    With a `peak`, the inputs are bytes, and are divided by it when a minibatch needs them.
    """

    x: Array
    y: Array
    peak: int | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y"):
            object.__setattr__(self, name, np.asarray(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, rows: Any, dtype: np.dtype) -> tuple[Array, Array]:
        """The inputs and targets of some rows."""
        x = self.x[rows]
        return (x if self.peak is None else scale_pixels(x, self.peak, dtype)), self.y[rows]


def split_samples(net: Network, data: Data) -> tuple[Samples, Samples | None]:
    """Training and test samples that fit the network; None where there is nothing to test on."""
    if isinstance(data, Dataset):
        peak = data.peak
        samples = _pixels(net, "train", data.train_images, data.train_labels, peak)
        return samples, _pixels(net, "test", data.test_images, data.test_labels, peak)
    arrays: Any = data
    if not isinstance(arrays, tuple | list) or len(arrays) not in (2, 4):
        raise TypeError(
            "data: expected a Dataset, or arrays (x, y) or (x, y, x_test, y_test),"
            f" got {_describe(arrays)}"
        )
    x, y, *test = arrays
    return _arrays(net, "", x, y), _arrays(net, "_test", *test) if test else None


def epoch_order(count: int, seed: int, epoch: int) -> Array:
    """The order of the samples in an epoch, counted from 0: a matter of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def first_batch(
    net: Network, data: Data, *, batch_size: int = 20, seed: int = 0
) -> tuple[Array, Array]:
    """The inputs and targets that training begins with: what a certificate should be earned on."""
    samples, _ = split_samples(net, data)
    return samples.batch(epoch_order(len(samples), seed, 0)[:batch_size], net.dtype)


def _describe(data: Any) -> str:
    length = f" of length {len(data)}" if hasattr(data, "__len__") else ""
    return f"{type(data).__name__}{length}"


def _pixels(net: Network, part: str, images: Array, labels: Array, peak: int) -> Samples:
    n_in, n_out = net.shape[0], net.shape[-1]
    if images.shape[1] != n_in:
        raise ValueError(
            f"data: expected images of {n_in} pixels, the network's inputs, got {images.shape[1]}"
            f" in the {part} images; take other images, or a network whose shape begins with"
            f" {images.shape[1]}"
        )
    if labels.max() >= n_out:
        raise ValueError(
            f"data: expected labels from 0 to {n_out - 1}, one for each output, got"
            f" {labels.max()} in the {part} labels; take other labels, or a network with more"
            " outputs"
        )
    return Samples(x=images, y=labels, peak=peak)


def _arrays(net: Network, part: str, x: Array, y: Array) -> Samples:
    x, y = validation.inputs(net, x, argument=f"x{part}"), np.asarray(y)
    targets = validation.targets(net, y, len(x), argument=f"y{part}")
    return Samples(x=x, y=y if y.ndim == 1 else targets)
