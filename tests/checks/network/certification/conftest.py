"""A cache folder for each test."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of each test's own: where it keeps certificates."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path))
    return tmp_path / "certificates"
