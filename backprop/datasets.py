"""Which data sets there are and where they come from: the images that the whole way starts with.

`load` answers with a `Dataset`: MNIST, the small digits that come with geartrain, or a folder of
four IDX files. Pixels stay bytes; `scale_pixels` turns those of one minibatch into numbers.
Files, the network and the terminal are touched here and in `idx`, nowhere further in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backprop import idx
from backprop.download import Notify, UnavailableError, fetch
from backprop.validation import choice, whole

Bytes = npt.NDArray[np.uint8]

# Asked in this order; each holds MNIST's four files under the names below.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# What a file is for, what MNIST calls it, and the SHA-256 of MNIST's.
FILES = {
    "train_images": (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train_labels": (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "test_images": (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "test_labels": (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
DATASETS = ("auto", "mnist", "digits")
VARIABLE = "GEARTRAIN_DATA"
_FOUR_FILES = ", ".join(name for name, _ in FILES.values())
_MNIST_SHAPES = (60000, 28, 28), (10000, 28, 28)
_PACKAGE = Path(__file__).resolve().parent


class DatasetError(ValueError):
    """A data set that is not there, is incomplete, or contradicts itself."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images and labels, for training and for testing.

    Attributes
    ----------
    name
        "mnist", "digits" or the name of the folder that the files lay in.
    train_images, test_images
        uint8, (n, rows * columns), read-only: one image a row, as bytes.
    train_labels, test_labels
        uint8, (n,), read-only.
    image_shape
        (rows, columns).
    source
        Where the files came from, for people to read.
    """

    name: str
    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    image_shape: tuple[int, int]
    source: str

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
    downloaded into the last of these otherwise. The first two may also hold any other set of
    images, in four IDX files named like MNIST's.

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
        Where MNIST is insisted on and cannot be had, or where a folder that was named has not
        the four files, or where the files contradict each other.
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
        return _named(data_dir) or _in_checkout(say) or _in_cache(say)
    except UnavailableError as error:
        reasons = "".join(f"\n  {reason}" for reason in error.args)
        remedy = (
            f"To train on MNIST, put its four files ({_FOUR_FILES}) into a folder and name the "
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


def _print_to_stderr(message: str) -> None:
    sys.stderr.write(f"{message}\n")


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
    folder = Path(given).expanduser().absolute()
    files = _look(folder)
    if missing := [name for role, (name, _) in FILES.items() if role not in files]:
        remedy = f"add {', '.join(missing)}" if files else "name the folder that has them"
        raise DatasetError(
            f"{argument}: expected a folder with four IDX files ({_FOUR_FILES}; with or without "
            f".gz), got {folder}, {_state(folder, files)}; {remedy}"
        )
    return _assemble(files, source=str(folder))


def _state(folder: Path, files: Mapping[str, Path]) -> str:
    """What is to be said of a folder that has not all four files."""
    if not folder.exists():
        return "which does not exist"
    if not folder.is_dir():
        return "which is not a folder"
    return f"where there is {', '.join(path.name for path in files.values()) or 'none of them'}"


def _in_checkout(say: Notify) -> Dataset | None:
    """The set in `data/mnist` of the checkout that this module, or the shell, is in."""
    for root in _checkouts():
        folder = root / "data" / "mnist"
        files = _look(folder)
        if len(files) == len(FILES):
            return _assemble(files, source=str(folder))
        if files:
            state = _state(folder, files)
            say(f"{folder}: passed over, expected four files ({_FOUR_FILES}), {state}")
    return None


def _checkouts() -> list[Path]:
    """Folders that are geartrain's own: site-packages, which may hold others' `data`, is not."""
    roots = dict.fromkeys([_PACKAGE.parent, Path(os.path.abspath(os.curdir))])  # noqa: PTH100
    return [root for root in roots if (root / "data" / "digits").is_dir() and _is_ours(root)]


def _is_ours(root: Path) -> bool:
    return (root / "backprop" / "datasets.py").is_file()


def _in_cache(say: Notify) -> Dataset:
    """MNIST from the user's cache folder, after downloading what is missing there."""
    folder = _cache_folder()
    present, mirrors = _look(folder), list(MIRRORS)
    files = {
        # Another spelling than the mirrors' was put there by hand, and its SHA-256 is not known.
        role: present[role]
        if role in present and present[role].name != name
        else fetch(folder / name, sha256, mirrors, say)
        for role, (name, sha256) in FILES.items()
    }
    return _assemble(files, source=str(folder))


def _cache_folder() -> Path:
    import pooch  # type: ignore[import-untyped]

    return Path(pooch.os_cache("geartrain")) / "mnist"


def _digits() -> Dataset:
    """The digits that come with geartrain: in the package once built, beside it in a checkout."""
    packed = _PACKAGE / "_data" / "digits"
    folder = packed if packed.is_dir() else _PACKAGE.parent / "data" / "digits"
    files = _look(folder)
    if len(files) < len(FILES):
        raise DatasetError(
            f"dataset: expected the digits ({_FOUR_FILES}) in {folder}, {_state(folder, files)}; "
            f"install geartrain again"
        )
    return _assemble(files, source=str(folder), name="digits")


# From files to a data set.


def _look(folder: Path) -> dict[str, Path]:
    """Those of the four files that `folder` has, by role, under any accepted spelling."""
    found = {}
    for role, (name, _) in FILES.items():
        plain = name.removesuffix(".gz")
        spellings = [name, plain, name.replace("-idx", ".idx"), plain.replace("-idx", ".idx")]
        paths = (folder / spelling for spelling in spellings)
        if path := next((path for path in paths if path.is_file()), None):
            found[role] = path
    return found


def _assemble(files: Mapping[str, Path], *, source: str, name: str | None = None) -> Dataset:
    """The data set in four files, after checking that they belong together."""
    arrays = {role: _read(files[role], 3 if "images" in role else 1) for role in FILES}
    _require_agreement(files, arrays)
    train, test = arrays["train_images"], arrays["test_images"]
    if name is None:
        is_mnist = (train.shape, test.shape) == _MNIST_SHAPES
        name = "mnist" if is_mnist else Path(source).resolve().name or "data"
    return Dataset(
        name=name,
        train_images=train.reshape(len(train), -1),
        train_labels=arrays["train_labels"],
        test_images=test.reshape(len(test), -1),
        test_labels=arrays["test_labels"],
        image_shape=(train.shape[1], train.shape[2]),
        source=source,
    )


def _read(path: Path, dimensions: int) -> Bytes:
    """The array in `path`, which has to be of bytes, not empty, and of so many dimensions."""
    try:
        array = idx.read(path)
    except OSError as error:
        raise DatasetError(
            f"{path}: expected a readable file, got {error.strerror or error}; "
            f"check its owner and permissions"
        ) from error
    if array.ndim != dimensions or array.dtype != np.uint8 or not array.size:
        expected = "images (count, rows, columns)" if dimensions == 3 else "labels (count,)"
        raise DatasetError(
            f"{path}: expected {expected} of uint8, at least one, "
            f"found shape {array.shape} of {array.dtype}; put the right file in its place"
        )
    return array


def _require_agreement(files: Mapping[str, Path], arrays: Mapping[str, Bytes]) -> None:
    """Raise a DatasetError unless the four arrays can be one data set."""
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if len(images) != len(labels):
            raise DatasetError(
                f"{files[f'{part}_labels']}: expected a label for each of the {len(images)} images "
                f"in {files[f'{part}_images'].name}, found {len(labels)}; "
                f"take both files from the same set"
            )
    train, test = arrays["train_images"], arrays["test_images"]
    if test.shape[1:] != train.shape[1:]:
        raise DatasetError(
            f"{files['test_images']}: expected images of {_size(train)} like those in "
            f"{files['train_images'].name}, found {_size(test)}; take both from the same set"
        )
    if not train.any():
        raise DatasetError(
            f"{files['train_images']}: expected a pixel above 0, found none in {len(train)} "
            f"images; there is nothing to learn from, put the right file in its place"
        )


def _size(images: Bytes) -> str:
    return f"{images.shape[1]} x {images.shape[2]} pixels"
