"""Where data sets are looked for, what is refused, and what happens without a network."""

import contextlib
import hashlib
import io
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from backprop.datasets import download, idx, idx_folder, sources
from backprop.datasets.dataset import Dataset, DatasetError, scale_pixels
from backprop.datasets.sources import load
from backprop.system import progress_bar

NAMES = tuple(name for name, _ in idx_folder.FILES.values())
NOBODY = "http://127.0.0.1:9/"  # the discard port: nothing listens there


def arrays_of(seed: int = 0, size: tuple[int, int] = (3, 4)) -> dict[str, npt.NDArray[Any]]:
    """A set of 7 training and 5 test images, with labels from 0 to 4."""
    rng = np.random.default_rng(seed)
    return {
        "train_images": rng.integers(0, 200, (7, *size), dtype=np.uint8),
        "train_labels": np.array([0, 1, 2, 3, 0, 1, 2], np.uint8),
        "test_images": rng.integers(0, 200, (5, *size), dtype=np.uint8),
        "test_labels": np.array([4, 3, 2, 1, 0], np.uint8),
    }


def fill(folder: Path, arrays: dict[str, npt.NDArray[Any]], names: tuple[str, ...] = NAMES) -> Path:
    """Write the four arrays into `folder` under the four names."""
    folder.mkdir(parents=True, exist_ok=True)
    for array, name in zip(arrays.values(), names, strict=True):
        idx.write(folder / name, array)
    return folder


def refusal(*args: Any, **options: Any) -> str:
    """What `load` says when it refuses."""
    with pytest.raises(DatasetError) as caught:
        load(*args, **options)
    return str(caught.value)


def assert_holds(dataset: Dataset, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Assert that `dataset` has these arrays, images as rows."""
    for role, array in arrays.items():
        expected = array.reshape(len(array), -1) if array.ndim == 3 else array
        np.testing.assert_array_equal(getattr(dataset, role), expected, strict=True)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: nothing in its cache or working folder, no variable, no network."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("GEARTRAIN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sources, "MIRRORS", (NOBODY, NOBODY + "second/"))
    monkeypatch.setattr(sources, "_checkouts", list)
    folder = tmp_path / "cache" / "mnist"
    monkeypatch.setattr(sources, "_cache_folder", lambda: folder)
    return folder


# What a data set is.


def test_digits_are_those_of_scikit_learn() -> None:
    """Value by value: the first 1,437 for training, the last 360 for testing."""
    digits, truth = load("digits"), load_digits()
    images = np.concatenate([digits.train_images, digits.test_images])
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    assert len(digits.train_images) == 1437
    assert {array.dtype.name for array in (images, labels)} == {"uint8"}
    np.testing.assert_array_equal(images, truth.data)
    np.testing.assert_array_equal(labels, truth.target)


def test_digits_test_part_has_its_share_of_each_digit() -> None:
    """No digit is rare in the part that the accuracy is taken from."""
    counts = np.bincount(load("digits").test_labels)
    assert counts.tolist() == [35, 36, 35, 37, 37, 37, 37, 36, 33, 37]


def test_digits_know_their_sizes() -> None:
    """What a network and a scaling need to know is told by the set."""
    digits = load("digits")
    assert (digits.name, digits.features, digits.classes) == ("digits", 64, 10)
    assert (digits.image_shape, digits.peak) == ((8, 8), 16)


def test_images_are_rows_of_read_only_bytes(tmp_path: Path) -> None:
    """Images stay bytes, in the file's order, and cannot be changed by accident."""
    arrays = arrays_of()
    dataset = load(data_dir=fill(tmp_path / "mine", arrays))
    assert_holds(dataset, arrays)
    assert not any(getattr(dataset, role).flags.writeable for role in arrays)


@pytest.mark.parametrize(
    "role", ["train_images", "train_labels", "test_images", "test_labels", None]
)
def test_a_checksum_tells_data_apart(role: str | None, tmp_path: Path) -> None:
    """Whichever part differs by whichever byte; equal data have equal ones."""
    one, other = arrays_of(), arrays_of()
    if role is not None:
        other[role].reshape(-1)[-1] ^= 1
    found = [load(data_dir=fill(tmp_path / n, a)).checksum for n, a in (("1", one), ("2", other))]
    assert (found[0] == found[1]) is (role is None)


def test_sizes_come_from_both_parts_and_peak_from_training(tmp_path: Path) -> None:
    """A label that only the test part has counts as a class; the peak is training's alone."""
    arrays = arrays_of()
    arrays["train_images"][:] = 1
    arrays["train_images"][2, 1, 1] = 77
    arrays["test_images"][:] = 200
    dataset = load(data_dir=fill(tmp_path / "mine", arrays))
    assert (dataset.features, dataset.classes, dataset.peak) == (12, 5, 77)
    assert dataset.image_shape == (3, 4)


def made(**changes: Any) -> Dataset:
    """A data set made by hand, of 3 and 2 images of 2 x 2 pixels."""
    ours: dict[str, Any] = {
        "train_images": np.full((3, 4), 7, np.uint8),
        "train_labels": np.zeros(3, np.uint8),
        "test_images": np.zeros((2, 4), np.uint8),
        "test_labels": np.ones(2, np.uint8),
    }
    return Dataset(name="mine", image_shape=(2, 2), source="hand", **(ours | changes))


def test_a_data_set_can_be_made_by_hand() -> None:
    """Black images to test on are no objection: all that is divided by is a pixel of training."""
    assert (made().features, made().classes, made().peak) == (4, 2, 7)


@pytest.mark.parametrize(
    ("role", "array", "message"),
    [
        ("train_labels", np.zeros(2, np.uint8), "expected 3 labels, one an image, of uint8, got"),
        ("test_labels", np.zeros(3, np.uint8), "expected 2 labels, one an image, of uint8, got"),
        ("test_labels", np.zeros(2), "got shape (2,) of float64; what is no bytes can be trained"),
        ("train_images", np.ones((0, 4), np.uint8), "at least one, of uint8, got shape (0, 4)"),
        ("test_images", np.ones((0, 4), np.uint8), "at least one, of uint8, got shape (0, 4)"),
        ("test_images", np.ones((2, 5), np.uint8), "expected images (n, 4), at least one, of"),
        ("train_images", np.ones((3, 2, 2), np.uint8), "got shape (3, 2, 2) of uint8"),
        ("train_images", np.full((3, 4), np.nan), "got shape (3, 4) of float64; what is no bytes"),
        ("train_images", np.full((3, 4), 0.5), "as arrays (x, y, x_test, y_test)"),
        ("train_images", [[1] * 4] * 3, "expected an array of uint8, got list; convert it"),
        ("test_labels", None, "expected an array of uint8, got NoneType"),
        ("train_images", np.zeros((3, 4), np.uint8), "expected a pixel above 0, got none in 3"),
    ],
)
def test_a_data_set_made_by_hand_is_looked_at(role: str, array: Any, message: str) -> None:
    """Counts, sizes, dtypes and empty parts, under the name of the array that is wrong."""
    with pytest.raises(DatasetError) as caught:
        made(**{role: array})
    assert str(caught.value).startswith(f"{role}: expected ")
    assert message in str(caught.value)


@given(st.integers(1, 255), st.sampled_from([np.float32, np.float64]), st.data())
def test_scaled_pixels_lie_between_0_and_1(peak: int, dtype: type, data: st.DataObject) -> None:
    """0 stays 0, the peak becomes exactly 1, and what lies between keeps its proportion."""
    pixels = np.array([0, peak, *data.draw(st.lists(st.integers(0, peak)))], np.uint8)
    before = pixels.copy()
    scaled = scale_pixels(pixels, peak, dtype)
    assert scaled.dtype == dtype
    assert (scaled[0], scaled[1]) == (0, 1)
    np.testing.assert_allclose(scaled, [pixel / peak for pixel in pixels.tolist()], rtol=1e-6)
    assert ((scaled >= 0) & (scaled <= 1)).all()
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize(
    ("peak", "dtype", "expected"),
    [
        (0, np.float32, "peak: expected a whole number of 1 or more, got 0"),
        (16, np.float16, "dtype: expected float32 or float64, got float16; choose one of them"),
        (16, np.uint8, "dtype: expected float32 or float64, got uint8; choose one of them"),
    ],
)
def test_a_scale_without_sense_is_refused(peak: int, dtype: type, expected: str) -> None:
    """Neither a division by 0 nor a dtype that cannot hold the quotient passes."""
    with pytest.raises(ValueError, match="expected") as caught:
        scale_pixels(np.zeros((2, 3), np.uint8), peak, dtype)
    assert str(caught.value) == expected


# Folders.


def test_a_folder_of_four_files_is_taken_and_named_after(tmp_path: Path) -> None:
    """Images of any size will do; the set is called as the folder is, and says where it lay."""
    folder = fill(tmp_path / "shapes", arrays_of())
    found = load(data_dir=str(folder))
    assert (found.name, found.source) == ("shapes", str(folder))


@pytest.mark.parametrize("name", ["mnist", "digits"])
def test_no_folder_lends_a_name_that_stands_for_other_images(tmp_path: Path, name: str) -> None:
    """A model trained on them would be tested on the real ones later."""
    folder = fill(tmp_path / name, arrays_of())
    assert load(data_dir=folder).name == str(folder)


def of_the_size_of_mnist() -> dict[str, npt.NDArray[Any]]:
    """Others of its number and size, as several sets are."""
    return {
        "train_images": np.ones((60000, 28, 28), np.uint8),
        "train_labels": np.zeros(60000, np.uint8),
        "test_images": np.ones((10000, 28, 28), np.uint8),
        "test_labels": np.full(10000, 9, np.uint8),
    }


@pytest.mark.parametrize("place", ["data_dir", "GEARTRAIN_DATA", "checkout", "cache"])
@pytest.mark.parametrize("arrays", [arrays_of, of_the_size_of_mnist])
def test_who_asks_for_mnist_gets_no_other_images(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cache: Path,
    arrays: Callable[[], dict[str, npt.NDArray[Any]]],
    place: str,
) -> None:
    """Wherever they are found; the message says what was found, and how to take it."""
    plain = tuple(name.removesuffix(".gz") for name in NAMES)
    folder = cache if place == "cache" else tmp_path / "data" / "mnist"
    fill(folder, arrays(), plain)
    monkeypatch.setattr(sources, "_checkouts", lambda: [tmp_path] if place == "checkout" else [])
    if place == "GEARTRAIN_DATA":
        monkeypatch.setenv(place, str(folder))
    options: dict[str, Any] = {"data_dir": folder} if place == "data_dir" else {}
    counts = "7 and 5 images of 4 x 3" if arrays is arrays_of else "60,000 and 10,000 images of 28"
    message = refusal("mnist", **options)
    assert message.startswith(f"dataset: expected MNIST, found {counts}")
    assert message.endswith(
        f" pixels in {folder}, which are not MNIST's; choose 'auto' to take them as they are"
    )
    assert load(**options).name == str(folder)


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


@pytest.mark.parametrize("dataset", ["auto", "mnist"])
@pytest.mark.parametrize("argument", ["data_dir", "GEARTRAIN_DATA"])
def test_a_named_folder_that_is_wrong_is_never_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, dataset: str, argument: str
) -> None:
    """Missing, a file, empty or incomplete: the message says which, and what is to be added."""
    fill(cache, arrays_of())  # something to fall back on, which is not to happen
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    partial = fill(tmp_path / "partial", arrays_of())
    (partial / NAMES[1]).unlink()
    (partial / NAMES[3]).unlink()
    states = {
        "missing": "which does not exist; name the folder that has them",
        "file": "which is not a folder; name the folder that has them",
        "empty": "where there is none of them; name the folder that has them",
        "partial": (f"where there is {NAMES[0]}, {NAMES[2]}; add {NAMES[1]}, {NAMES[3]}"),
    }
    for name, state in states.items():
        options = {}
        if argument == "data_dir":
            options["data_dir"] = tmp_path / name
        else:
            monkeypatch.setenv("GEARTRAIN_DATA", str(tmp_path / name))
        assert refusal(dataset, **options) == (
            f"{argument}: expected a folder with four IDX files ({', '.join(NAMES)}; "
            f"with or without .gz), got {tmp_path / name}, {state}"
        )


def test_the_places_are_looked_at_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """The folder given, the variable, the checkout, the cache: the first that there is wins."""
    given, named, checkout = tmp_path / "given", tmp_path / "named", tmp_path / "checkout"
    plain = tuple(name.removesuffix(".gz") for name in NAMES)
    folders = [given, named, checkout / "data" / "mnist", cache]
    for seed, folder in enumerate(folders):
        fill(folder, arrays_of(seed), plain)
    assert_holds(load(), arrays_of(3))
    monkeypatch.setattr(sources, "_checkouts", lambda: [checkout])
    assert_holds(load(), arrays_of(2))
    monkeypatch.setenv("GEARTRAIN_DATA", str(named))
    assert_holds(load(), arrays_of(1))
    assert_holds(load(data_dir=given), arrays_of(0))


def test_an_empty_variable_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """GEARTRAIN_DATA= is how a shell takes a variable back."""
    monkeypatch.setenv("GEARTRAIN_DATA", "")
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"


def test_a_folder_without_a_name_is_not_the_current_one() -> None:
    """As an unset variable on a command line gives it."""
    with pytest.raises(
        DatasetError, match="data_dir: expected the name of a folder, got none; leave"
    ):
        load("mnist", data_dir="")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell, for a variable that was set without one."""
    monkeypatch.setattr(Path, "expanduser", lambda path: tmp_path / str(path).removeprefix("~/"))
    monkeypatch.setenv("GEARTRAIN_DATA", "~/mine")
    fill(tmp_path / "mine", arrays_of())
    assert load().source == str(tmp_path / "mine")


@pytest.mark.parametrize("argument", ["data_dir", "GEARTRAIN_DATA"])
def test_a_tilde_without_a_home_folder_is_told(
    argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a user that there is not, also where another place would have a data set."""
    given = "~nosuchuser/mnist"
    monkeypatch.setenv("GEARTRAIN_DATA", given)
    options = {"data_dir": given} if argument == "data_dir" else {}
    assert refusal("auto", **options) == (
        f"{argument}: expected a folder, got {given}, whose ~ stands for no known home folder;"
        " write the path out"
    )


def test_an_incomplete_folder_in_a_checkout_is_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """It was not named, so it is passed over, but not in silence; an empty one is nothing."""
    monkeypatch.setattr(sources, "_checkouts", lambda: [tmp_path])
    folder = fill(tmp_path / "data" / "mnist", arrays_of(1))
    (folder / NAMES[0]).unlink()
    fill(cache, arrays_of(2), tuple(name.removesuffix(".gz") for name in NAMES))
    messages: list[str] = []
    assert_holds(load(notify=messages.append), arrays_of(2))
    assert messages == [
        (
            f"{folder}: passed over, expected four files ({', '.join(NAMES)}), "
            f"where there is {NAMES[1]}, {NAMES[2]}, {NAMES[3]}"
        )
    ]
    shutil.rmtree(folder)
    folder.mkdir()
    load(notify=messages.append)
    assert len(messages) == 1


def test_the_digits_are_found_in_every_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the package, as a wheel has them; beside it, as a checkout and an sdist have them."""
    source = Path(load("digits").source)
    wheel, checkout, broken = tmp_path / "wheel", tmp_path / "checkout", tmp_path / "broken"
    shutil.copytree(source, wheel / "backprop" / "_data" / "digits")
    shutil.copytree(source, checkout / "data" / "digits")
    for root in (wheel, checkout):
        monkeypatch.setattr(sources, "_PACKAGE", root / "backprop")
        assert load("digits").source.startswith(str(root))
    monkeypatch.setattr(sources, "_PACKAGE", broken / "backprop")
    assert refusal("digits") == (
        f"dataset: expected the digits ({', '.join(NAMES)}) in {broken / 'data' / 'digits'}, "
        f"which does not exist; install geartrain again"
    )


def test_only_a_checkout_of_geartrain_counts_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder `data` in site-packages, or in any working folder, is somebody else's."""
    monkeypatch.undo()
    ours, others = tmp_path / "ours", tmp_path / "site-packages"
    for root in (ours, others):
        (root / "backprop").mkdir(parents=True)
        (root / "backprop" / "network.py").touch()
        (root / "data" / "mnist").mkdir(parents=True)
        (root / "data" / "digits").mkdir()
    (ours / "pyproject.toml").touch()
    monkeypatch.setattr(sources, "_PACKAGE", others / "backprop")
    monkeypatch.chdir(tmp_path)
    assert sources._checkouts() == []
    monkeypatch.chdir(ours)  # where tox runs the installed wheel
    assert sources._checkouts() == [ours]
    monkeypatch.setattr(sources, "_PACKAGE", ours / "backprop")
    assert sources._checkouts() == [ours]


# What is refused.


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


def test_an_unknown_data_set_is_refused() -> None:
    """The message names those that there are."""
    expected = "dataset: expected one of auto, mnist, digits, got 'cifar'"
    with pytest.raises(ValueError, match=expected):
        load("cifar")


def test_digits_take_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder given in vain is spoken of; the variable, set for other runs, is left alone."""
    folder = fill(tmp_path / "mine", arrays_of())
    monkeypatch.setenv("GEARTRAIN_DATA", str(folder))
    assert load("digits").name == "digits"
    assert refusal("digits", data_dir=folder) == (
        f"data_dir: expected none with dataset 'digits', which come with geartrain, "
        f"got {folder}; leave one of the two out"
    )


# The network: a server on this machine stands for the mirrors.


class Mirrors:
    """A server with a mirror at each first part of a path, and a log of what was asked of it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: list[str] = []
        self.sha256 = ""
        self.answers: dict[str, dict[str, bytes]] = {
            "good": files,
            "wrong": dict.fromkeys(files, b"not MNIST"),
            "cut": {name: content[:-1] for name, content in files.items()},
            "broken off": files,
            "gone": {},
        }
        mirrors = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirrors.asked.append(unquote(self.path[1:]))
                mirror, _, name = unquote(self.path[1:]).partition("/")
                content = mirrors.answers[mirror].get(name)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write((content or b"")[: 9 if mirror == "broken off" else None])

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __getitem__(self, mirror: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{mirror}/"


@pytest.fixture
def mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """Mirrors of a small set, whose SHA-256 are those expected for the test."""
    folder = fill(tmp_path / "served", arrays_of(5))
    files = {name: (folder / name).read_bytes() for name in NAMES}
    hashes = {
        role: (name, hashlib.sha256(files[name]).hexdigest())
        for role, (name, _) in idx_folder.FILES.items()
    }
    monkeypatch.setattr(sources, "FILES", hashes)
    served = Mirrors(files)
    served.sha256 = hashes["train_images"][1]
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_mnist_is_downloaded_once(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first mirror's four files go to the cache; the second time nothing is asked for."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"], NOBODY))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked == [f"good/{name}" for name in NAMES]
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)
    assert load("auto", notify=messages.append).source == str(cache)
    assert len(mirrors.asked) == len(NAMES)
    assert messages == []


@pytest.mark.parametrize(
    ("mirror", "expected"),
    [
        ("gone", "404 Client Error: Not Found"),
        ("wrong", "{hash} but got "),
        ("cut", "{hash} but got "),
        ("broken off", "Connection broken"),
    ],
)
def test_the_next_mirror_is_tried_and_said(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, expected: str
) -> None:
    """A mirror that fails, or whose file has the wrong SHA-256, is named and asked last."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors[mirror], mirrors["good"]))
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked == [f"{mirror}/{NAMES[0]}", *(f"good/{name}" for name in NAMES)]
    (message,) = messages
    assert message.startswith(f"{mirrors[mirror]}{NAMES[0]}: ")
    assert expected.format(hash=mirrors.sha256) in message
    assert message.endswith(f"; took it from {mirrors['good']} instead")
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)


def test_without_any_mirror_auto_takes_the_digits_and_says_so(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message has each mirror's reason, what is taken instead, and how to supply MNIST."""
    monkeypatch.setattr(sources, "MIRRORS", (NOBODY, mirrors["wrong"], mirrors["gone"]))
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"
    (message,) = messages
    lines = message.splitlines()
    assert lines[0] == "MNIST COULD NOT BE HAD:"
    assert lines[1].startswith(f"  {NOBODY}{NAMES[0]}: Failed to establish a new connection: ")
    assert lines[2].startswith(f"  {mirrors['wrong']}{NAMES[0]}: SHA256 hash of downloaded file")
    assert lines[3] == f"  {mirrors['gone']}{NAMES[0]}: 404 Client Error: Not Found"
    assert lines[4] == (
        "This run trains and tests on the 1,797 small digits that come with geartrain instead."
    )
    assert "--data-dir" in lines[5]
    assert "GEARTRAIN_DATA" in lines[5]
    assert len(lines) == 6
    assert list(cache.iterdir()) == []


def test_without_any_mirror_mnist_is_refused(cache: Path) -> None:
    """Insisted on and not to be had: an error with the reasons, and no digits in its place."""
    message = refusal("mnist")
    assert message.startswith("dataset: expected MNIST, but it could not be had:\n  http://")
    assert message.count("Failed to establish a new connection") == 2
    assert "--data-dir" in message
    assert list(cache.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_fetched_again(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that file is, and it is said; where it cannot be fetched, it is not used either."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    load("mnist")
    damaged = cache / NAMES[0]
    damaged.write_bytes(b"half a f")
    messages: list[str] = []
    assert_holds(load("mnist", notify=messages.append), arrays_of(5))
    assert mirrors.asked[4:] == [f"good/{NAMES[0]}"]
    (message,) = messages
    assert message.startswith(f"{damaged}: expected SHA-256 {mirrors.sha256}")
    damaged.write_bytes(b"half a f")
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["gone"],))
    assert load("auto", notify=messages.append).name == "digits"


def test_a_cache_that_cannot_be_written_is_a_reason(
    mirrors: Mirrors, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where the folder should be, or a folder of somebody else's: the digits are taken."""
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    cache.parent.write_bytes(b"in the way")
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"
    assert f"{mirrors['good']}{NAMES[0]}: " in messages[0]
    assert str(cache.parent) in messages[0]


def test_the_loud_message_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without anyone to notify; standard output belongs to results."""
    load()
    printed = capsys.readouterr()
    assert printed.err.startswith("MNIST COULD NOT BE HAD:\n")
    assert printed.out == ""


def test_pooch_keeps_quiet_and_its_log_is_left_as_it_was(
    mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is said is said once, by `load`; other users of pooch find its log unchanged."""
    import pooch  # type: ignore[import-untyped]

    heard: list[object] = []
    log = pooch.get_logger()
    monkeypatch.setattr(log, "callHandlers", heard.append)
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    load("mnist")
    assert heard == []
    assert capsys.readouterr() == ("", "")
    log.warning("from someone else")
    assert len(heard) == 1


def test_a_terminal_sees_a_progress_bar(mirrors: Mirrors, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each file that takes a while has a bar that ends full."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(progress_bar, "PATIENCE", -1.0)
    monkeypatch.setattr(sources, "MIRRORS", (mirrors["good"],))
    with contextlib.redirect_stderr(terminal):
        load("mnist")
    bars = terminal.getvalue()
    assert all(name in bars for name in NAMES)
    assert bars.count("100%") == len(NAMES)


def test_the_cache_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Named after geartrain, below the folder that the system has for caches."""
    monkeypatch.undo()
    import pooch

    folder = sources._cache_folder()
    assert folder == Path(pooch.os_cache("geartrain")) / "mnist"
    assert "geartrain" in folder.parts


@pytest.mark.parametrize("tilde", ["refused", "left"])
def test_without_a_home_folder_there_is_no_place_for_mnist(
    tilde: str, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """As in a container: an error that says what to do, or the digits; no folder called ~."""
    import pooch

    monkeypatch.undo()
    monkeypatch.chdir(cache.parents[1])
    monkeypatch.setattr(sources, "_checkouts", list)
    for name in ("HOME", "XDG_CACHE_HOME", "GEARTRAIN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    if tilde == "left":  # as some versions of platformdirs leave it
        monkeypatch.setattr(pooch, "os_cache", lambda name: Path("~/.cache") / name)
    reason = "cache folder: expected one in the user's home folder, found no home folder; set HOME"
    told = refusal("mnist")
    assert told.startswith(f"dataset: expected MNIST, but it could not be had:\n  {reason}\n")
    assert "--data-dir" in told
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"
    assert reason in messages[0]
    assert not Path("~").exists()


@pytest.mark.network
def test_each_mirror_has_the_four_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The addresses and the SHA-256 in the code are those of the world outside."""
    monkeypatch.undo()
    for number, mirror in enumerate(sources.MIRRORS):
        for name, sha256 in idx_folder.FILES.values():
            download._download(mirror + name, tmp_path / str(number) / name, sha256)
            assert (tmp_path / str(number) / name).stat().st_size
