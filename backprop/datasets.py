"""Which data sets there are and where they come from: the images that the whole way starts with.

`load` answers with a `Dataset`: MNIST, the small digits that come with geartrain, or a folder of
four IDX files. Pixels stay bytes; `scale_pixels` turns those of one minibatch into numbers.
Files and the network are touched here, in `folders`, `idx` and `download`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from backprop import folders
from backprop.download import Notify, UnavailableError, fetch
from backprop.folders import FILES, FOUR_FILES, Bytes, DatasetError
from backprop.validation import choice, whole

__all__ = ["DATASETS", "FILES", "MIRRORS", "Dataset", "DatasetError", "load", "scale_pixels"]

# Asked in this order; each holds MNIST's four files under the names in `folders.FILES`.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
DATASETS = ("auto", "mnist", "digits")
VARIABLE = "GEARTRAIN_DATA"
_PACKAGE = Path(__file__).resolve().parent


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


def load(
    dataset: str = "auto",
    *,
    data_dir: str | os.PathLike[str] | None = None,
    notify: Notify | None = None,
) -> Dataset:
    """The data set to train and test on.

    MNIST is looked for in `data_dir`, in the folder that the environment variable
    `GEARTRAIN_DATA` names, in `data/mnist` of a checkout and in the user's cache folder, and
    downloaded into the last of these otherwise. With "auto" they may also hold any other set of
    images, in four IDX files named like MNIST's; it is called as its folder is.

    Parameters
    ----------
    dataset
        "mnist"; "digits", which come with geartrain; or "auto": MNIST, and the digits where
        MNIST can be neither found nor fetched.
    data_dir
        A folder with four IDX files, gzipped or plain.
    notify
        Takes a message that the user should see; prints to standard error by default.

    Raises
    ------
    DatasetError
        Where MNIST is insisted on and cannot be had, or other images are found in its place;
        where a folder that was named has not the four files, or where they contradict each other.
    backprop.idx.IdxError
        Where a file is malformed.
    """
    wanted = choice("dataset", dataset, DATASETS)
    say = notify or _print_to_stderr
    if wanted == "digits":
        if data_dir is not None:
            raise DatasetError(
                f"data_dir: expected none with dataset 'digits', which come with geartrain, "
                f"got {os.fspath(data_dir)}; leave one of the two out"
            )
        return _digits()
    try:
        found = _named(data_dir) or _in_checkout(say) or _in_cache(say)
    except UnavailableError as error:
        reasons = "".join(f"\n  {reason}" for reason in error.args)
        remedy = (
            f"To train on MNIST, put its four files ({FOUR_FILES}) into a folder and name the "
            f"folder with --data-dir or in the environment variable {VARIABLE}."
        )
        if wanted == "mnist":
            raise DatasetError(
                f"dataset: expected MNIST, but it could not be had:{reasons}\n{remedy}"
            ) from None
        digits = _digits()
        say(
            f"MNIST COULD NOT BE HAD:{reasons}\n"
            f"This run trains and tests on the {_count(digits):,} small digits that come with "
            f"geartrain instead.\n{remedy}"
        )
        return digits
    if wanted == "mnist":
        _require_mnist(found)
    return found


def _require_mnist(found: Dataset) -> None:
    if found.name != "mnist":
        rows, columns = found.image_shape
        raise DatasetError(
            f"dataset: expected MNIST, found {len(found.train_labels):,} and"
            f" {len(found.test_labels):,} images of {columns} x {rows} pixels in {found.source},"
            " which are not MNIST's; choose 'auto' to take them as they are"
        )


def _print_to_stderr(message: str) -> None:
    import click

    click.echo(message, err=True)


def _count(dataset: Dataset) -> int:
    return len(dataset.train_labels) + len(dataset.test_labels)


# Places, in the order in which they are looked at.


def _named(data_dir: str | os.PathLike[str] | None) -> Dataset | None:
    """The set in the folder that the user named; None where none was named."""
    argument, given = "data_dir", data_dir
    if given is None:
        argument, given = VARIABLE, os.environ.get(VARIABLE) or None
    if given is None:
        return None
    if not os.fspath(given):
        raise DatasetError(
            f"{argument}: expected the name of a folder, got none; leave it out, or name one"
        )
    try:
        folder = Path(given).expanduser().absolute()
    except RuntimeError:
        raise DatasetError(
            f"{argument}: expected a folder, got {os.fspath(given)}, whose ~ stands for no known"
            " home folder; write the path out"
        ) from None
    files = folders.look(folder)
    if missing := [name for role, (name, _) in FILES.items() if role not in files]:
        remedy = f"add {', '.join(missing)}" if files else "name the folder that has them"
        raise DatasetError(
            f"{argument}: expected a folder with four IDX files ({FOUR_FILES}; with or without "
            f".gz), got {folder}, {folders.state(folder, files)}; {remedy}"
        )
    return _assemble(files, source=str(folder))


def _in_checkout(say: Notify) -> Dataset | None:
    """The set in `data/mnist` of the checkout that this module, or the shell, is in."""
    for root in _checkouts():
        folder = root / "data" / "mnist"
        files = folders.look(folder)
        if len(files) == len(FILES):
            return _assemble(files, source=str(folder))
        if files:
            found = folders.state(folder, files)
            say(f"{folder}: passed over, expected four files ({FOUR_FILES}), {found}")
    return None


def _checkouts() -> list[Path]:
    """Folders that are geartrain's own: site-packages, which may hold others' `data`, is not."""
    roots = dict.fromkeys([_PACKAGE.parent, Path(os.path.abspath(os.curdir))])  # noqa: PTH100
    return [root for root in roots if (root / "data" / "digits").is_dir() and _is_ours(root)]


def _is_ours(root: Path) -> bool:
    return all((root / name).is_file() for name in ("pyproject.toml", "backprop/datasets.py"))


def _in_cache(say: Notify) -> Dataset:
    """MNIST from the user's cache folder, after downloading what is missing there."""
    folder = _cache_folder()
    present, mirrors = folders.look(folder), list(MIRRORS)
    files = {
        # Another spelling than the mirrors' was put there by hand, and its SHA-256 is not known.
        role: present[role]
        if role in present and present[role].name != name
        else fetch(folder / name, sha256, mirrors, say)
        for role, (name, sha256) in FILES.items()
    }
    verified = all(path.name == FILES[role][0] for role, path in files.items())
    return _assemble(files, source=str(folder), name="mnist" if verified else None)


def _cache_folder() -> Path:
    import pooch  # type: ignore[import-untyped]

    try:  # some versions of platformdirs leave the ~ to whoever asks
        return Path(pooch.os_cache("geartrain")).expanduser() / "mnist"
    except RuntimeError:
        raise UnavailableError(
            "cache folder: expected one in the user's home folder, found no home folder; set HOME"
        ) from None


def _digits() -> Dataset:
    """The digits that come with geartrain: in the package once built, beside it in a checkout."""
    packed = _PACKAGE / "_data" / "digits"
    folder = packed if packed.is_dir() else _PACKAGE.parent / "data" / "digits"
    files = folders.look(folder)
    if len(files) < len(FILES):
        raise DatasetError(
            f"dataset: expected the digits ({FOUR_FILES}) in {folder},"
            f" {folders.state(folder, files)}; install geartrain again"
        )
    return _assemble(files, source=str(folder), name="digits")


# From files to a data set.


def _assemble(files: Mapping[str, Path], *, source: str, name: str | None = None) -> Dataset:
    """The data set in four files; without a name, "mnist" or that of the folder they lie in."""
    arrays = folders.read(files)
    train, test = arrays["train_images"], arrays["test_images"]
    if name is None:
        folder = Path(source).resolve().name or "data"
        # Not by a name that stands for other images.
        own = source if folder in DATASETS else folder
        name = "mnist" if folders.is_mnist(arrays) else own
    return Dataset(
        name=name,
        train_images=train.reshape(len(train), -1),
        train_labels=arrays["train_labels"],
        test_images=test.reshape(len(test), -1),
        test_labels=arrays["test_labels"],
        image_shape=(train.shape[1], train.shape[2]),
        source=source,
    )
