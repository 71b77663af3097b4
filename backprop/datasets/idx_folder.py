"""The four files of a data set: found in a folder, read, and held against each other.

They are IDX files named like MNIST's. Whether they are MNIST's is told by their content, plain or
gzipped in whatever way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backprop.datasets import idx
from backprop.datasets.dataset import Bytes, DatasetError

Arrays = Mapping[str, Bytes]  # by role

# What a file is for, what MNIST calls it, and the SHA-256 and the size of MNIST's.
FILES = {
    "train_images": (
        "train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        9912422,
    ),
    "train_labels": (
        "train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        28881,
    ),
    "test_images": (
        "t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        1648877,
    ),
    "test_labels": (
        "t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        4542,
    ),
}
FOUR_FILES = ", ".join(name for name, *_ in FILES.values())
# The SHA-256 of what is in the four, one after the other, and the shapes of the images.
_MNIST = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
_MNIST_SHAPES = (60000, 28, 28), (10000, 28, 28)


def find_files(folder: Path) -> dict[str, Path]:
    """Those of the four files that `folder` has, by role, under any accepted spelling."""
    found = {}
    for role, (name, *_) in FILES.items():
        plain = name.removesuffix(".gz")
        spellings = [name, plain, name.replace("-idx", ".idx"), plain.replace("-idx", ".idx")]
        paths = (folder / spelling for spelling in spellings)
        if path := next((path for path in paths if path.is_file()), None):
            found[role] = path
    return found


def describe(folder: Path, files: Mapping[str, Path]) -> str:
    """What is to be said of a folder that has not all four files."""
    if not folder.exists():
        return "which does not exist"
    if not folder.is_dir():
        return "which is not a folder"
    return f"where there is {', '.join(path.name for path in files.values()) or 'none of them'}"


def read_arrays(files: Mapping[str, Path]) -> dict[str, Bytes]:
    """The arrays in four files, after checking that they belong together.

    Raises
    ------
    DatasetError
        Where a file cannot be read, or is not what its name says, or contradicts another.
    backprop.datasets.idx.IdxError
        Where a file is malformed.
    """
    arrays = {role: _read(files[role], 3 if "images" in role else 1) for role in FILES}
    _require_agreement(files, arrays)
    return arrays


def is_mnist(arrays: Arrays) -> bool:
    """Whether these are MNIST's images and labels, and not others of their number and size."""
    if (arrays["train_images"].shape, arrays["test_images"].shape) != _MNIST_SHAPES:
        return False
    content = hashlib.sha256()
    for role in FILES:
        content.update(arrays[role].data)
    return content.hexdigest() == _MNIST


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


def _require_agreement(files: Mapping[str, Path], arrays: Arrays) -> None:
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
