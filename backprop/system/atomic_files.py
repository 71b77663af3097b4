"""Files that are written: whole or not at all, and where the user has pointed.

`write` writes one; `require_writable` finds out before the work whether that is going to succeed.
Links are followed, an existing file keeps its mode, and what is no regular file, such as a device
or a pipe, is written to as it is.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PathLike = str | os.PathLike[str]


def write(path: PathLike, data: bytes) -> None:
    """Write a file: the old one stays, or the whole of the new one is there.

    Raises
    ------
    OSError
        Where it cannot be written; its `filename` is `path`.
    """
    with _named(path):
        if is_special(path):
            Path(path).write_bytes(data)
            return
        with _draft(path) as draft:
            draft.write_bytes(data)
            draft.replace(os.path.realpath(path))


def require_writable(path: PathLike) -> None:
    """Raise the OSError that `write` is going to raise, as far as it can be foreseen."""
    with _named(path):
        if not is_special(path):
            with _draft(path):
                pass


def is_special(path: PathLike) -> bool:
    """Whether there is something that is neither a file nor a folder: a device, a pipe."""
    path = Path(path)
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _draft(path: PathLike) -> Iterator[Path]:
    """An empty file beside the place to write to, with the mode of what is there; gone afterwards.

    What is there has to be a file that can be written, though it will be replaced.
    """
    place = Path(os.path.realpath(path))  # a link stays a link
    if not os.path.basename(path):  # noqa: PTH119 - a Path does not keep the last slash
        raise FileNotFoundError(errno.ENOENT, "it names no file")
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    draft = place.with_name(f".{place.name[:50]}.{os.urandom(4).hex()}")
    try:
        draft.touch(exist_ok=False)
        if place.exists():
            place.open("r+b").close()
            shutil.copymode(place, draft)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """Errors name the path that was given, not the draft."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
