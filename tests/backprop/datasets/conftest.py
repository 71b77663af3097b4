import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backprop.datasets import download, idx_folder, sources
from tests.backprop.datasets.sets import (
    NAMES,
    NOBODY,
    Mirrors,
    arrays_of,
    fill,
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: nothing in its cache or working folder, no variable, no network."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("GEARTRAIN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(sources, "MIRRORS", (NOBODY, NOBODY + "second/"))
    monkeypatch.setattr(sources, "_checkouts", list)
    monkeypatch.setattr(download, "PAUSE", 0.0)
    folder = tmp_path / "cache" / "mnist"
    monkeypatch.setattr(sources, "_cache_folder", lambda: folder)
    return folder


@pytest.fixture
def mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    """Mirrors of a small set, whose SHA-256 are those expected for the test."""
    folder = fill(tmp_path / "served", arrays_of(5))
    files = {name: (folder / name).read_bytes() for name in NAMES}
    hashes = {
        role: (name, hashlib.sha256(files[name]).hexdigest(), len(files[name]))
        for role, (name, *_) in idx_folder.FILES.items()
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
