"""Where data sets are looked for, what is refused, and what happens without a network."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import platformdirs
import pytest
from sklearn.datasets import load_digits

from backprop.datasets import sources
from backprop.datasets.dataset import DatasetError
from backprop.datasets.sources import load
from tests.backprop.datasets.sets import (
    NAMES,
    NOBODY,
    Mirrors,
    arrays_of,
    assert_holds,
    fill,
    refusal,
)

pytestmark = pytest.mark.usefixtures("cache")

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
    assert lines[2].startswith(f"  {mirrors['wrong']}{NAMES[0]}: expected ")
    assert lines[3] == f"  {mirrors['gone']}{NAMES[0]}: 404 Client Error: Not Found (2 tries)"
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


def test_the_loud_message_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Without anyone to notify; standard output belongs to results."""
    load()
    printed = capsys.readouterr()
    assert printed.err.startswith("MNIST COULD NOT BE HAD:\n")
    assert printed.out == ""


def test_the_cache_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Named after geartrain, below the folder that the system has for caches."""
    monkeypatch.undo()
    folder = sources._cache_folder()
    assert folder == Path(platformdirs.user_cache_dir("geartrain")) / "mnist"
    assert "geartrain" in folder.parts


@pytest.mark.parametrize("tilde", ["refused", "left"])
def test_without_a_home_folder_there_is_no_place_for_mnist(
    tilde: str, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    """As in a container: an error that says what to do, or the digits; no folder called ~."""
    monkeypatch.undo()
    monkeypatch.chdir(cache.parents[1])
    monkeypatch.setattr(sources, "_checkouts", list)
    for name in ("HOME", "XDG_CACHE_HOME", "GEARTRAIN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    if tilde == "left":  # as some versions of platformdirs leave it
        monkeypatch.setattr(platformdirs, "user_cache_dir", "~/.cache/{}".format)
    reason = "cache folder: expected one in the user's home folder, found no home folder; set HOME"
    told = refusal("mnist")
    assert told.startswith(f"dataset: expected MNIST, but it could not be had:\n  {reason}\n")
    assert "--data-dir" in told
    messages: list[str] = []
    assert load(notify=messages.append).name == "digits"
    assert reason in messages[0]
    assert not Path("~").exists()
