"""Small data sets in folders, and a server that stands for the mirrors."""

import contextlib
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pytest

from backprop.datasets import idx, idx_folder
from backprop.datasets.dataset import Dataset, DatasetError
from backprop.datasets.sources import load

NAMES = tuple(name for name, *_ in idx_folder.FILES.values())


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


class Mirrors:
    """A server with a mirror at each first part of a path, and a log of what was asked of it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.asked: list[str] = []
        self.sha256 = ""
        self.answers: dict[str, dict[str, bytes]] = {
            "good": files,
            "wrong": dict.fromkeys(files, b"not MNIST"),
            "forged": {name: content[:-1] + b"!" for name, content in files.items()},
            "cut": {name: content[:-1] for name, content in files.items()},
            "broken off": files,
            "long": {name: content + b"!" for name, content in files.items()},
            "endless": files,
            "slow": files,
            "slow header": files,
            "once": files,
            "elsewhere": files,
            "circle": files,
            "gone": {},
        }
        self.sent = 0
        self.server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Own", (Handler,), {"mirrors": self})
        )
        self.server.daemon_threads = True

    def __getitem__(self, mirror: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{mirror}/"


class Handler(BaseHTTPRequestHandler):
    """Answers in the way of the mirror that is asked."""

    mirrors: Mirrors

    def do_GET(self) -> None:
        """Answer, or do not come to an end of it."""
        self.mirrors.asked.append(unquote(self.path[1:]))
        mirror, _, name = unquote(self.path[1:]).partition("/")
        content = self.mirrors.answers[mirror].get(name)
        if mirror in ("endless", "slow", "slow header"):
            self.drip(mirror)
            return
        if mirror == "once" and self.mirrors.asked.count(f"{mirror}/{name}") == 1:
            content = None
        to = {"elsewhere": "good", "circle": "circle"}.get(mirror)
        self.send_response(302 if to else 404 if content is None else 200)
        self.send_header("Content-Length", "0" if to else str(len(content or b"")))
        if to:
            self.send_header("Location", f"/{to}/{name}")
        self.end_headers()
        if not to:
            self.wfile.write((content or b"")[: 9 if mirror == "broken off" else None])

    def drip(self, mirror: str) -> None:
        """Never come to an end, in one way or another, until nobody listens."""
        self.send_response(200)
        if mirror != "slow header":
            self.end_headers()
        self.flush_headers()
        piece = bytes(1 << 16) if mirror == "endless" else b"x"
        with contextlib.suppress(OSError):
            while self.mirrors.sent < 1 << 30:
                self.wfile.write(piece)
                self.wfile.flush()
                self.mirrors.sent += len(piece)
                if mirror != "endless":
                    time.sleep(0.01)

    def log_message(self, *args: Any) -> None:
        """Keep the test's output clean."""
