"""Which data sets there are and where they come from: the images that the whole way starts with.

`load` answers with a `Dataset`: MNIST, the small digits that come with geartrain, or a folder of
four IDX files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from backprop.arguments import choice
from backprop.datasets import idx_folder
from backprop.datasets.dataset import Dataset, DatasetError
from backprop.datasets.download import Notify, UnavailableError, fetch
from backprop.datasets.idx_folder import FILES, FOUR_FILES
from backprop.system import cache_folder

# Asked in this order; each holds MNIST's four files under the names in `idx_folder.FILES`.
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
DATASETS = ("auto", "mnist", "digits")
VARIABLE = "GEARTRAIN_DATA"
_PACKAGE = Path(__file__).resolve().parents[1]


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
    backprop.datasets.idx.IdxError
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
    files = idx_folder.find_files(folder)
    if missing := [name for role, (name, *_) in FILES.items() if role not in files]:
        remedy = f"add {', '.join(missing)}" if files else "name the folder that has them"
        raise DatasetError(
            f"{argument}: expected a folder with four IDX files ({FOUR_FILES}; with or without "
            f".gz), got {folder}, {idx_folder.describe(folder, files)}; {remedy}"
        )
    return _assemble(files, source=str(folder))


def _in_checkout(say: Notify) -> Dataset | None:
    """The set in `data/mnist` of the checkout that this module, or the shell, is in."""
    for root in _checkouts():
        folder = root / "data" / "mnist"
        files = idx_folder.find_files(folder)
        if len(files) == len(FILES):
            return _assemble(files, source=str(folder))
        if files:
            found = idx_folder.describe(folder, files)
            say(f"{folder}: passed over, expected four files ({FOUR_FILES}), {found}")
    return None


def _checkouts() -> list[Path]:
    """Folders that are geartrain's own: site-packages, which may hold others' `data`, is not."""
    roots = dict.fromkeys([_PACKAGE.parent, Path(os.path.abspath(os.curdir))])  # noqa: PTH100
    return [root for root in roots if (root / "data" / "digits").is_dir() and _is_ours(root)]


def _is_ours(root: Path) -> bool:
    return all((root / name).is_file() for name in ("pyproject.toml", "backprop/network.py"))


def _in_cache(say: Notify) -> Dataset:
    """MNIST from the user's cache folder, after downloading what is missing there."""
    folder = _cache_folder()
    present, mirrors = idx_folder.find_files(folder), list(MIRRORS)
    files = {
        # Another spelling than the mirrors' was put there by hand, and its SHA-256 is not known.
        role: present[role]
        if role in present and present[role].name != name
        else fetch(folder / name, sha256=sha256, size=size, mirrors=mirrors, say=say)
        for role, (name, sha256, size) in FILES.items()
    }
    verified = all(path.name == FILES[role][0] for role, path in files.items())
    return _assemble(files, source=str(folder), name="mnist" if verified else None)


def _cache_folder() -> Path:
    try:
        return cache_folder.for_data() / "mnist"
    except cache_folder.CacheError as error:
        raise UnavailableError(*error.args) from None


def _digits() -> Dataset:
    """The digits that come with geartrain: in the package once built, beside it in a checkout."""
    packed = _PACKAGE / "_data" / "digits"
    folder = packed if packed.is_dir() else _PACKAGE.parent / "data" / "digits"
    files = idx_folder.find_files(folder)
    if len(files) < len(FILES):
        raise DatasetError(
            f"dataset: expected the digits ({FOUR_FILES}) in {folder},"
            f" {idx_folder.describe(folder, files)}; install geartrain again"
        )
    return _assemble(files, source=str(folder), name="digits")


# From files to a data set.


def _assemble(files: Mapping[str, Path], *, source: str, name: str | None = None) -> Dataset:
    """The data set in four files; without a name, "mnist" or that of the folder they lie in."""
    arrays = idx_folder.read_arrays(files)
    train, test = arrays["train_images"], arrays["test_images"]
    if name is None:
        folder = Path(source).resolve().name or "data"
        # Not by a name that stands for other images.
        own = source if folder in DATASETS else folder
        name = "mnist" if idx_folder.is_mnist(arrays) else own
    return Dataset(
        name=name,
        train_images=train.reshape(len(train), -1),
        train_labels=arrays["train_labels"],
        test_images=test.reshape(len(test), -1),
        test_labels=arrays["test_labels"],
        image_shape=(train.shape[1], train.shape[2]),
        source=source,
    )
