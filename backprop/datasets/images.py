"""Image files: pictures of any kind, or an IDX file, to inputs like the images of training."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from backprop.datasets import fitting
from backprop.datasets.dataset import scale_pixels
from backprop.datasets.idx import read

Floats = npt.NDArray[np.floating]
# By their signature, whatever the file is called. Others that Pillow reads are rare, and one of
# them, EPS, is a program that it hands to an interpreter.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".pbm", ".pfm")
INKS = ("auto", "dark", "light", "as-is")
_LARGEST = 2000  # pixels a side: photos are made smaller by Pillow, before they are numbers
Shape = tuple[int, int] | None  # (rows, columns); None where the inputs were no images


class ImageError(ValueError):
    """A file that holds no images, or not such as the model was trained on."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """An image as a network is shown it.

    Attributes
    ----------
    name
        The file, with the image's number in brackets where it holds several.
    x
        Flat, from 0 to 1 as in training.
    fitted
        Whether the ink was looked for, fitted and centred.
    dark_on_light
        Whether the ink was found to be, or said to be, darker than its paper.
    blank
        Whether there was no ink.
    """

    name: str
    x: Floats
    fitted: bool = False
    dark_on_light: bool = False
    blank: bool = False


def read_images(
    path: str,
    *,
    image_shape: Shape,
    n_in: int,
    peak: int,
    dtype: npt.DTypeLike,
    ink: str = "auto",
) -> list[Image]:
    """The images in a file or a folder, scaled like those of training.

    Parameters
    ----------
    path
        A picture (PNG, JPEG, BMP, GIF, WebP, PGM), an IDX file, gzipped or plain, a folder whose
        pictures are taken by name, or "-" for a picture on standard input.
    image_shape, n_in
        The size of the images in training, and how many inputs the network has.
    peak
        What the pixels in an IDX file are divided by.
    dtype
        float32 or float64.
    ink
        "dark" or "light" for the ink of pictures, "auto" to find out, "as-is" to take pictures of
        the right size as they are. IDX files always are.

    Raises
    ------
    ImageError, backprop.datasets.idx.IdxError
        Naming the file, what was expected and what was found.
    """
    found: list[Image] = []
    for file in _files(path):
        if file != "-" and _is_idx(file):
            found += _from_idx(file, image_shape, n_in, peak, dtype)
        else:
            found.append(_from_picture(file, image_shape, n_in, dtype, ink))
    return found


def _files(path: str) -> list[str]:
    """The file itself, or the pictures in a folder."""
    folder = Path(path)
    if path == "-" or not folder.is_dir():
        return [path]
    files = sorted(str(file) for file in folder.iterdir() if file.suffix.lower() in ENDINGS)
    if not files:
        raise ImageError(
            f"{path}: expected pictures in the folder, named like {', '.join(ENDINGS[:3])}, found"
            " none; name the files"
        )
    return files


def _from_idx(
    path: str, image_shape: Shape, n_in: int, peak: int, dtype: npt.DTypeLike
) -> list[Image]:
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
    return [Image(name=path if single else f"{path}[{i}]", x=row) for i, row in enumerate(flat)]


def _from_picture(
    path: str, image_shape: Shape, n_in: int, dtype: npt.DTypeLike, ink: str
) -> Image:
    greys, opaque = _picture(path)
    if ink == "as-is" or image_shape is None:
        _require_size(path, greys.shape, image_shape, n_in)
        return Image(name=path, x=(greys * opaque).astype(dtype).reshape(-1))
    if (opaque < 1).any():
        greys = fitting.over_paper(greys, opaque)
    # What is like the images of training already is left as it is.
    if ink == "auto" and greys.shape == image_shape and fitting.is_fitted(greys):
        return Image(name=path, x=greys.astype(dtype).reshape(-1))
    fitted = fitting.fit(greys, image_shape, ink=ink)
    return Image(
        name=path,
        x=fitted.pixels.astype(dtype).reshape(-1),
        fitted=True,
        dark_on_light=fitted.dark_on_light,
        blank=fitted.blank,
    )


def _is_idx(path: str) -> bool:
    """Whether a file begins like an IDX file, gzipped or plain."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise ImageError(f"{path}: expected an image, found: {error.strerror}") from None
    return head in (b"\x00\x00", b"\x1f\x8b")


def _picture(path: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The greys of a picture, from 0, black, to 1, white, and how opaque it is."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    source: str | IO[bytes] = BytesIO(sys.stdin.buffer.read()) if path == "-" else path
    name = "standard input" if path == "-" else path
    try:
        with Pillow.open(source, formats=FORMATS) as opened:
            # What is deeper than 8 bits would be clipped, not scaled, by a conversion to 8.
            white = {"I": 65535, "F": 1}.get(opened.mode[:1], 255)
            picture = ImageOps.exif_transpose(opened)  # which way up a camera was held
            if white != 255:
                greys = np.asarray(picture) / white
                opaque = np.ones_like(greys)
            else:
                picture = picture.convert("LA")
                picture.thumbnail((_LARGEST, _LARGEST))
                greys, opaque = np.moveaxis(np.asarray(picture) / white, -1, 0)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 a decoder may raise anything at a damaged file
        raise ImageError(
            f"{name}: expected a picture (PNG, JPEG, BMP, GIF, WebP, PGM) or an IDX file, found"
            f" neither ({error})"
        ) from None
    if not (greys.min() >= 0 and greys.max() <= 1):
        raise ImageError(
            f"{name}: expected greys from 0, black, to {white}, white, found"
            f" {greys.min() * white:g} to {greys.max() * white:g}; scale them, or save 8 bits"
        )
    return greys, opaque


def _require_size(path: str, size: tuple[int, ...], expected: Shape, n_in: int) -> None:
    if size != expected if expected else size[0] * size[1] != n_in:
        wanted = f"{expected[1]} x {expected[0]}" if expected else f"{n_in} in all"
        raise ImageError(
            f"{path}: expected {wanted} pixels (width x height), the size the model was trained"
            f" on, found {size[1]} x {size[0]}; resize the image"
        )
