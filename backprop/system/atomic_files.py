"""Files that are written: whole or not at all, on disk for certain, and where the user has pointed.

`write` writes one; `require_writable` finds out before the work whether that is going to succeed.
Links are followed, an existing file keeps its mode, and what is no regular file, such as a device
or a pipe, is written to as it is. `read_bounded` reads one that somebody else may have put there.

What is written goes to a draft beside its place first. A process holds a lock on its drafts, so
that one whose writer was killed is known by its missing lock, and swept by the next writer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be removed
    fcntl = None  # type: ignore[assignment]

PathLike = str | os.PathLike[str]

_LETTERS = 50  # of the place's name in a draft's: no name may be longer than 255 bytes
_STALE = 3600.0  # seconds after which a draft is nobody's, where there are no locks
# What a folder on a network may say of a lock, or of being synchronised: it knows no such thing.
_UNKNOWN = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK, errno.EBADF})


def write(path: PathLike, data: bytes, *, before: PathLike | None = None) -> None:
    """Write a file: the old one stays, or the whole of the new one is there.

    Parameters
    ----------
    path
        Where.
    data
        What.
    before
        Where the old file is kept, if anywhere; whenever the machine stops, one of them is whole.

    Raises
    ------
    OSError
        Where it cannot be written; its `filename` is `path`.
    """
    with _named(path):
        if is_special(path):
            Path(path).write_bytes(data)
            return
        with draft_of(path) as (draft, file):
            file.write(data)
            synchronise(file)
            place = Path(os.path.realpath(path))
            if before is not None and place.exists():
                _keep(place, Path(os.path.realpath(before)))
            put(draft, file, place)


def read_bounded(path: str | os.PathLike[str], most: int) -> bytes:
    """The bytes of a file of up to `most`.

    Raises
    ------
    OSError
        Where it cannot be read, is no file (a pipe, a device: these may have no end), or is larger.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file", os.fspath(path))
    with Path(path).open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", os.fspath(path))
    return data


def require_writable(path: PathLike) -> None:
    """Raise the OSError that `write` is going to raise, as far as it can be foreseen."""
    with _named(path):
        if not is_special(path):
            with draft_of(path):
                pass


def is_special(path: PathLike) -> bool:
    """Whether there is something that is neither a file nor a folder: a device, a pipe."""
    path = Path(path)
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def draft_of(path: PathLike) -> Iterator[tuple[Path, BinaryIO]]:
    """An empty file beside the place to write to, with the mode of what is there; gone afterwards.

    What is there has to be a file that can be written, though it will be replaced. Drafts of the
    same place whose writers are gone are removed.
    """
    place = Path(os.path.realpath(path))  # a link stays a link
    if not os.path.basename(path):  # noqa: PTH119 - a Path does not keep the last slash
        raise FileNotFoundError(errno.ENOENT, "it names no file")
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    _sweep(place)
    draft, file = _begun(place)
    try:
        with file:
            if place.exists():
                place.open("r+b").close()
                shutil.copymode(place, draft)
            yield draft, file
    finally:
        draft.unlink(missing_ok=True)


def put(draft: Path, file: BinaryIO, place: Path) -> None:
    """Give a draft its place, for certain: the folder's entry is on the disk as well."""
    if fcntl is None:
        file.close()  # Windows moves no file that is open
    draft.replace(place)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with _where_known():
                os.fsync(folder)
        finally:
            os.close(folder)


def synchronise(file: BinaryIO) -> None:
    """Have all that was written to a file on the disk."""
    file.flush()
    with _where_known():
        os.fsync(file.fileno())


def _keep(place: Path, before: Path) -> None:
    """Have the file at a place under another name as well, instead of what is there."""
    try:
        before.unlink(missing_ok=True)
        before.hardlink_to(place)
    except OSError:  # as on a disk without links
        place.replace(before)


def _begun(place: Path) -> tuple[Path, BinaryIO]:
    """A new draft, locked."""
    while True:
        draft = place.with_name(f".{place.name[:_LETTERS]}.{os.urandom(4).hex()}.draft")
        file = draft.open("xb")
        if _locked(file) is not False and draft.exists():
            return draft, file
        file.close()  # swept in the moment before it was locked


def _sweep(place: Path) -> None:
    """Remove the drafts of a place that nobody is writing any more."""
    ours = re.compile(re.escape(f".{place.name[:_LETTERS]}.") + r"[0-9a-f]{8}\.draft")
    with contextlib.suppress(OSError):  # what cannot be listed or removed is left
        for name in os.listdir(place.parent):  # noqa: PTH208 - names are enough
            if ours.fullmatch(name):
                _remove_abandoned(place.with_name(name))


def _remove_abandoned(draft: Path) -> None:
    if draft.is_symlink() or not draft.is_file():
        return
    with contextlib.suppress(OSError), draft.open("r+b") as file:
        locked = _locked(file)
        age = time.time() - draft.stat().st_mtime
        if locked or (locked is None and age > _STALE):
            if fcntl is None:
                file.close()
            draft.unlink()


def _locked(file: BinaryIO) -> bool | None:
    """Whether this process has the file's lock now; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _UNKNOWN:
            return None
        raise
    return True


@contextmanager
def _where_known() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """Errors name the path that was given, not the draft."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
