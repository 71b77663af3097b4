"""Downloads: a file from the first mirror that has it, verified, with a progress bar.

A file appears whole and with the right SHA-256, or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from backprop.system.progress_bar import Bar

Notify = Callable[[str], None]

CONNECT_SECONDS, READ_SECONDS = 10, 30  # a machine without network should not wait for long


class UnavailableError(Exception):
    """No place to fetch to, or no mirror that gives a file; the arguments say why, a line each."""


def fetch(path: Path, sha256: str, mirrors: list[str], say: Notify) -> Path:
    """`path`, downloaded unless it is there already; `mirrors` is reordered, the failing last."""
    import hashlib

    if path.is_file():
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == sha256:
            return path
        say(f"{path}: expected SHA-256 {sha256}, found {found}; fetching it again")
    failures: list[str] = []
    for mirror in tuple(mirrors):
        try:
            _download(mirror + path.name, path, sha256)
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            failures.append(f"{mirror}{path.name}: {_reason(error)}")
            mirrors.append(mirrors.pop(0))
        else:
            for failure in failures:
                say(f"{failure}; took it from {mirror} instead")
            return path
    raise UnavailableError(*failures)


def _download(url: str, path: Path, sha256: str) -> None:
    """Fetch `url` into `path`, which stays as it was unless the SHA-256 is right."""
    import pooch  # type: ignore[import-untyped]

    log = pooch.get_logger()
    before = log.disabled
    log.disabled = True  # it would say what is said here in other words
    try:
        with closing(Bar(path.name)) as bar:
            timeout = (CONNECT_SECONDS, READ_SECONDS)
            fetcher = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=timeout)
            place = {"fname": path.name, "path": path.parent}
            pooch.retrieve(url, known_hash=f"sha256:{sha256}", downloader=fetcher, **place)
    finally:
        log.disabled = before


def _reason(error: Exception) -> str:
    """Why a download failed, in a line: the innermost error, without Python's objects in it."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    text = re.sub(r"^<?\w+\(host=.*?\)>?: ", "", " ".join(str(inner or error).split()))
    # Where pooch goes on to explain, and requests repeats the address.
    return re.split(r"\. Deleted download| for url:", text)[0]
