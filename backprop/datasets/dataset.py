"""A data set: images and labels held against each other, as the whole way starts with them.

Pixels stay bytes; `scale_pixels` turns those of one minibatch into numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from backprop.arguments import whole

Bytes = npt.NDArray[np.uint8]


class DatasetError(ValueError):
    """A data set that is not there, is incomplete, or contradicts itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images and labels, for training and for testing.

    Attributes
    ----------
    name
        "mnist" and "digits" for these and no others, else the name of the folder that the files
        lay in.
    train_images, test_images
        uint8, (n, rows * columns), read-only: one image a row, as bytes.
    train_labels, test_labels
        uint8, (n,), read-only.
    image_shape
        (rows, columns).
    source
        Where the files came from, for people to read.

    Raises
    ------
    DatasetError
        Where the four arrays are not as said here, or all training images are black.
    """

    name: str
    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    image_shape: tuple[int, int]
    source: str

    def __post_init__(self) -> None:
        for name in ("train_images", "train_labels", "test_images", "test_labels"):
            if not isinstance(found := getattr(self, name), np.ndarray) or not found.ndim:
                raise DatasetError(
                    f"{name}: expected an array of uint8, got {type(found).__name__}; convert it"
                    " with numpy.asarray"
                )
        pixels = math.prod(self.image_shape)
        for part in ("train", "test"):
            count = len(getattr(self, f"{part}_images"))
            self._require(f"{part}_images", (count, pixels), f"images (n, {pixels}), at least one,")
            self._require(f"{part}_labels", (count,), f"{count} labels, one an image,")
        if not self.peak:
            raise DatasetError(
                f"train_images: expected a pixel above 0, got none in {len(self.train_images)}"
                " images; there is nothing to learn from, give other images"
            )

    def _require(self, role: str, shape: tuple[int, ...], expected: str) -> None:
        array = np.asarray(getattr(self, role))
        if array.dtype != np.uint8 or array.shape != shape or not array.size:
            raise DatasetError(
                f"{role}: expected {expected} of uint8, got shape {array.shape} of {array.dtype};"
                " what is no bytes can be trained on as arrays (x, y, x_test, y_test)"
            )

    @property
    def features(self) -> int:
        """Pixels in an image: the width of a network's input."""
        return int(self.train_images.shape[1])

    @cached_property
    def classes(self) -> int:
        """The largest label plus 1: the width of a network's output."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1

    @cached_property
    def peak(self) -> int:
        """The brightest pixel in training, by which all pixels are divided."""
        return int(self.train_images.max())

    @cached_property
    def ink_share(self) -> tuple[float, float]:
        """Between which mean brightnesses, as shares of `peak`, nearly all training images are."""
        low, high = np.quantile(self.train_images.mean(axis=1) / self.peak, (0.001, 0.999))
        return float(low), float(high)

    @cached_property
    def checksum(self) -> str:
        """The CRC-32 of all images and labels, in hexadecimal digits."""
        crc = 0
        for part in (self.train_images, self.train_labels, self.test_images, self.test_labels):
            crc = crc32(np.ascontiguousarray(part).data, crc)
        return f"{crc:08x}"


def scale_pixels(images: npt.NDArray[Any], peak: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Pixels over `peak`, as floating-point numbers: in [0, 1] where no pixel is above `peak`.

    Parameters
    ----------
    images
        Pixels, of any shape.
    peak
        What becomes 1, such as `Dataset.peak`; a whole number of 1 or more.
    dtype
        float32 or float64.

    Raises
    ------
    ValueError, TypeError
        Where `peak` or `dtype` is something else.
    """
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype: expected float32 or float64, got {kind}; choose one of them")
    divisor = kind.type(whole("peak", peak, least=1))
    scaled: npt.NDArray[Any] = np.divide(images, divisor, dtype=kind)
    return scaled
