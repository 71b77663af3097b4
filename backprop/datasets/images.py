"""Image files: a picture or an IDX file to inputs, scaled like the images of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backprop.datasets.dataset import scale_pixels
from backprop.datasets.idx import read

Floats = npt.NDArray[np.floating]
# By their signature, whatever the file is called. Others that Pillow reads are rare, and one of
# them, EPS, is a program that it hands to an interpreter.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
Shape = tuple[int, int] | None  # (rows, columns); None where the inputs were no images


class ImageError(ValueError):
    """A file that holds no images, or not such as the model was trained on."""


def read_images(
    path: str, *, image_shape: Shape, n_in: int, peak: int, dtype: npt.DTypeLike
) -> list[tuple[str, Floats]]:
    """The images in a file, each with a name and flat, scaled like those of training.

    Parameters
    ----------
    path
        A picture (PNG, JPEG, BMP, GIF, WebP, PGM), or an IDX file, gzipped or plain.
    image_shape, n_in
        The size of the images in training, and how many inputs the network has.
    peak
        What the pixels in an IDX file are divided by.
    dtype
        float32 or float64.

    Raises
    ------
    ImageError, backprop.datasets.idx.IdxError
        Naming the file, what was expected and what was found.
    """
    if not _is_idx(path):
        return [(path, _picture(path, image_shape, n_in).astype(dtype).reshape(-1))]
    pixels = read(path)
    if pixels.dtype.kind != "u" or pixels.ndim not in (2, 3) or not pixels.size:
        raise ImageError(
            f"{path}: expected images of bytes, (count, rows, columns), found shape"
            f" {pixels.shape} of {pixels.dtype}; name a file of images"
        )
    single = pixels.ndim == 2
    stack = pixels[None] if single else pixels
    _require_size(path, (stack.shape[1], stack.shape[2]), image_shape, n_in)
    flat = scale_pixels(stack.reshape(len(stack), -1), peak, dtype)
    return [(path if single else f"{path}[{i}]", row) for i, row in enumerate(flat)]


def _is_idx(path: str) -> bool:
    """Whether a file begins like an IDX file, gzipped or plain."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise ImageError(f"{path}: expected an image, found: {error.strerror}") from None
    return head in (b"\x00\x00", b"\x1f\x8b")


def _picture(path: str, image_shape: Shape, n_in: int) -> npt.NDArray[Any]:
    """The greys of a picture, from 0, black, to 1, white."""
    from PIL import Image

    try:
        with Image.open(path, formats=FORMATS) as picture:
            _require_size(path, (picture.height, picture.width), image_shape, n_in)
            # What is deeper than 8 bits would be clipped, not scaled, by a conversion to 8.
            white = {"I": 65535, "F": 1}.get(picture.mode[:1], 255)
            greys = np.asarray(picture if white != 255 else picture.convert("L")) / white
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 a decoder may raise anything at a damaged file
        raise ImageError(
            f"{path}: expected a picture (PNG, JPEG, BMP, GIF, WebP, PGM) or an IDX file, found"
            f" neither ({error})"
        ) from None
    if not (greys.min() >= 0 and greys.max() <= 1):
        raise ImageError(
            f"{path}: expected greys from 0, black, to {white}, white, found"
            f" {greys.min() * white:g} to {greys.max() * white:g}; scale them, or save 8 bits"
        )
    return greys


def _require_size(path: str, size: tuple[int, int], expected: Shape, n_in: int) -> None:
    if size != expected if expected else size[0] * size[1] != n_in:
        wanted = f"{expected[1]} x {expected[0]}" if expected else f"{n_in} in all"
        raise ImageError(
            f"{path}: expected {wanted} pixels (width x height), the size the model was trained"
            f" on, found {size[1]} x {size[0]}; resize the image"
        )
