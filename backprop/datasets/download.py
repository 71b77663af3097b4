"""Downloads: a file from the first mirror that has it, verified, with a progress bar.

A file appears whole and with the right SHA-256, or not at all. A mirror is trusted with nothing: it
sends as many bytes as the file has, within a time limit, and does not lead away from https, or it
is left.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING

from backprop.system import atomic_files
from backprop.system.progress_bar import Bar

if TYPE_CHECKING:
    import requests

Notify = Callable[[str], None]

CONNECT_SECONDS, READ_SECONDS = 10, 30  # a machine without network should not wait for long
# For a whole file: MNIST's largest, 10 MB, in that time comes at 33 kB a second.
TOTAL_SECONDS = 300.0
ATTEMPTS = 2  # for each mirror
REDIRECTIONS = 5
PAUSE = 1.0  # seconds before a mirror is asked again
_PIECE = 1 << 16
_WAIT = 0.2  # seconds between two looks whether anybody still wants what comes


class UnavailableError(Exception):
    """No place to fetch to, or no mirror that gives a file; the arguments say why, a line each."""


def fetch(path: Path, *, sha256: str, size: int, mirrors: list[str], say: Notify) -> Path:
    """`path`, downloaded unless it is there already.

    Parameters
    ----------
    path
        Where the file is or goes; mirrors have it under the same name.
    sha256, size
        Of the right file, in hexadecimal digits and in bytes.
    mirrors
        Addresses that end in a slash; those that fail are put last.
    say
        Told what went wrong where another mirror could help.

    Raises
    ------
    UnavailableError
        Where no mirror gives it.
    """
    if path.is_file():
        found = _sha256_of(path, size)
        if found == sha256:
            return path
        say(f"{path}: expected SHA-256 {sha256}, found {found}; fetching it again")
    failures: list[str] = []
    for mirror in tuple(mirrors):
        reasons = _tried(mirror + path.name, path, sha256, size)
        if len(reasons) < ATTEMPTS:
            for failure in failures:
                say(f"{failure}; took it from {mirror} instead")
            return path
        told = "; then: ".join(dict.fromkeys(reasons))
        failures.append(f"{mirror}{path.name}: {told} ({ATTEMPTS} tries)")
        mirrors.append(mirrors.pop(0))
    raise UnavailableError(*failures)


def _tried(url: str, path: Path, sha256: str, size: int) -> list[str]:
    """Why each attempt to fetch `url` into `path` failed; fewer than `ATTEMPTS` if one did not."""
    reasons: list[str] = []
    while len(reasons) < ATTEMPTS:
        if reasons:
            time.sleep(PAUSE)
        try:
            _download(url, path, sha256, size)
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            reasons.append(_reason(error))
        else:
            break
    return reasons


def _sha256_of(path: Path, size: int) -> str:
    """The SHA-256 of a file, or that it has another size."""
    if (there := path.stat().st_size) != size:
        return f"a file of {there:,} bytes instead of {size:,}"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, path: Path, sha256: str, size: int) -> None:
    """Fetch `url` into `path`, which stays as it was unless the SHA-256 is right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, came = hashlib.sha256(), 0
    with atomic_files.draft_of(path) as (draft, file), closing(Bar(path.name, size)) as bar:
        for piece in _pieces(url):
            came += len(piece)
            if came > size:
                raise ValueError(f"expected {size:,} bytes, got more")
            digest.update(piece)
            file.write(piece)
            bar.update(len(piece))
        if came != size:
            raise ValueError(f"expected {size:,} bytes, got {came:,}")
        if (found := digest.hexdigest()) != sha256:
            raise ValueError(f"expected SHA-256 {sha256}, got {found}")
        atomic_files.synchronise(file)
        atomic_files.put(draft, file, path)


def _pieces(url: str) -> Iterator[bytes]:
    """What a server sends, as it comes, until it ends or takes too long.

    It is read in a thread, which nothing that the server does can keep this one waiting for: not a
    byte a second, nor a header without end.
    """
    until = time.monotonic() + TOTAL_SECONDS
    pieces: Queue[bytes | Exception] = Queue(maxsize=1)
    unwanted = Event()
    Thread(target=_send, args=(url, pieces, unwanted), daemon=True).start()
    try:
        while piece := pieces.get(timeout=max(0.0, until - time.monotonic())):
            if isinstance(piece, Exception):
                raise piece
            yield piece
    except Empty:
        raise TimeoutError(f"expected the file within {TOTAL_SECONDS:g} seconds") from None
    finally:
        unwanted.set()


def _send(url: str, pieces: Queue[bytes | Exception], unwanted: Event) -> None:
    """Put what a server sends into a queue; at the end an empty piece, or what was raised."""

    def put(piece: bytes | Exception) -> None:
        while not unwanted.is_set():
            with suppress(Full):
                pieces.put(piece, timeout=_WAIT)
                return

    try:
        with _opened(url) as answer:
            for piece in answer.iter_content(_PIECE):
                put(piece)
                if unwanted.is_set():
                    return
        put(b"")
    except Exception as error:  # noqa: BLE001 for the thread that waits
        put(error)


@contextmanager
def _opened(url: str) -> Iterator[requests.Response]:
    """A server's answer, its body not yet read."""
    import requests

    for _ in range(REDIRECTIONS):
        with requests.get(
            url,
            stream=True,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            headers={"Accept-Encoding": "identity"},  # what is counted is what comes
            allow_redirects=False,
        ) as answer:
            if answer.next is None:
                answer.raise_for_status()
                yield answer
                return
            url = _followed(url, str(answer.next.url))
    raise ValueError(f"expected a file, got more than {REDIRECTIONS} redirections")


def _followed(url: str, to: str) -> str:
    """The address that a server sends on to, which is no less safe than the one asked for."""
    if url.startswith("https://") and not to.startswith("https://"):
        raise ValueError(f"expected to be sent on to an https address, got {to}")
    return to


def _reason(error: Exception) -> str:
    """Why a download failed, in a line: the innermost error, without Python's objects in it."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    text = re.sub(r"^<?\w+\(host=.*?\)>?: ", "", " ".join(str(inner or error).split()))
    return text.partition(" for url:")[0]  # where requests repeats the address
