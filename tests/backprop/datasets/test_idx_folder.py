import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from backprop.datasets import idx, idx_folder
from backprop.datasets.sources import load
from tests.backprop.datasets.sets import (
    NAMES,
    arrays_of,
    assert_holds,
    fill,
    refusal,
)

pytestmark = pytest.mark.usefixtures("cache")


def test_mnist_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gzipped or plain, in a folder of any name; one byte of one image makes it another set."""
    arrays = arrays_of()
    content = b"".join(array.tobytes() for array in arrays.values())
    monkeypatch.setattr(idx_folder, "_MNIST", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(idx_folder, "_MNIST_SHAPES", ((7, 3, 4), (5, 3, 4)))
    plain = tuple(name.removesuffix(".gz") for name in NAMES)
    for names in (NAMES, plain):
        assert load("mnist", data_dir=fill(tmp_path / names[0], arrays, names)).name == "mnist"
    arrays["test_images"][4, 2, 3] ^= 1
    assert load(data_dir=fill(tmp_path / "other", arrays)).name == "other"


@pytest.mark.parametrize(
    "spell",
    [
        lambda name: name,
        lambda name: name.removesuffix(".gz"),
        lambda name: name.replace("-idx", ".idx"),
        lambda name: name.replace("-idx", ".idx").removesuffix(".gz"),
    ],
    ids=["gzipped", "plain", "dot gzipped", "dot plain"],
)
def test_every_spelling_is_found(tmp_path: Path, spell: Callable[[str], str]) -> None:
    """With or without .gz, with a hyphen or a dot before idx."""
    arrays = arrays_of()
    names = tuple(map(spell, NAMES))
    assert_holds(load(data_dir=fill(tmp_path / "mine", arrays, names)), arrays)


def test_a_folder_named_like_a_file_is_no_file(tmp_path: Path) -> None:
    """Some archives unpack to a folder of the file's name: it is not taken for the file."""
    arrays = arrays_of()
    folder = fill(tmp_path / "mine", arrays)
    for name in NAMES:
        plain = name.removesuffix(".gz")
        (folder / name).rename(folder / plain.replace("-idx", ".idx"))
        (folder / plain).mkdir()
    assert_holds(load(data_dir=folder), arrays)


@pytest.mark.parametrize(
    ("role", "array", "expected"),
    [
        (
            "train_labels",
            np.zeros(6, np.uint8),
            (
                "expected a label for each of the 7 images in train-images-idx3-ubyte.gz, found 6; "
                "take both files from the same set"
            ),
        ),
        (
            "test_labels",
            np.zeros(6, np.uint8),
            (
                "expected a label for each of the 5 images in t10k-images-idx3-ubyte.gz, found 6; "
                "take both files from the same set"
            ),
        ),
        (
            "test_images",
            np.ones((5, 4, 3), np.uint8),
            (
                "expected images of 3 x 4 pixels like those in train-images-idx3-ubyte.gz, "
                "found 4 x 3 pixels; take both from the same set"
            ),
        ),
        (
            "train_images",
            np.ones((7, 12), np.uint8),
            (
                "expected images (count, rows, columns) of uint8, at least one, "
                "found shape (7, 12) of uint8; put the right file in its place"
            ),
        ),
        (
            "train_images",
            np.ones((7, 3, 4), np.float32),
            (
                "expected images (count, rows, columns) of uint8, at least one, "
                "found shape (7, 3, 4) of float32; put the right file in its place"
            ),
        ),
        (
            "test_images",
            np.ones((0, 3, 4), np.uint8),
            (
                "expected images (count, rows, columns) of uint8, at least one, "
                "found shape (0, 3, 4) of uint8; put the right file in its place"
            ),
        ),
        (
            "train_labels",
            np.zeros((7, 1), np.uint8),
            (
                "expected labels (count,) of uint8, at least one, "
                "found shape (7, 1) of uint8; put the right file in its place"
            ),
        ),
        (
            "train_images",
            np.zeros((7, 3, 4), np.uint8),
            (
                "expected a pixel above 0, found none in 7 images; "
                "there is nothing to learn from, put the right file in its place"
            ),
        ),
    ],
)
def test_files_that_contradict_each_other_are_refused(
    tmp_path: Path, role: str, array: npt.NDArray[Any], expected: str
) -> None:
    """The message names the file at fault, what was expected, what was found and what to do."""
    folder = fill(tmp_path / "mine", arrays_of() | {role: array})
    path = folder / idx_folder.FILES[role][0]
    assert refusal(data_dir=folder) == f"{path}: {expected}"


def test_a_malformed_file_is_an_idx_error(tmp_path: Path) -> None:
    """What is wrong inside a file is told by the reader of files."""
    folder = fill(tmp_path / "mine", arrays_of())
    (folder / NAMES[2]).write_bytes(b"<html>")
    with pytest.raises(idx.IdxError, match=r"t10k-images-idx3-ubyte\.gz, byte 0: expected"):
        load(data_dir=folder)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there and cannot be read is named, with the system's reason."""
    folder = fill(tmp_path / "mine", arrays_of())

    def denied(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(idx, "read", denied)
    assert refusal(data_dir=folder) == (
        f"{folder / NAMES[0]}: expected a readable file, got Permission denied; "
        f"check its owner and permissions"
    )
