"""Files that are read with a bound: what somebody may have put there takes no more than that."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read(path: str | os.PathLike[str], most: int) -> bytes:
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
