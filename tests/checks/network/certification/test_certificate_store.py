import sys
from pathlib import Path

import pytest

from backprop.system import cache_folder
from backprop.system.cache_folder import CacheError
from checks.network.certification import certificate_store
from tests.checks.network.certification.test_certificate import example


def test_kept_and_found_by_fingerprint(cache: Path) -> None:
    """One file a fingerprint, in the folder that GEARTRAIN_CACHE names."""
    assert certificate_store.load("ab12") is None
    path = certificate_store.store(example())
    assert path == cache / "ab12.json"
    assert certificate_store.load("ab12") == example()
    assert certificate_store.load("ab13") is None
    assert list(cache.iterdir()) == [path]


def test_bytes_that_are_no_text_are_ignored() -> None:
    """As is a folder where the file should be."""
    path = certificate_store.store(example())
    path.write_bytes(b"\xff\xfe\x00")
    assert certificate_store.load("ab12") is None
    path.unlink()
    path.mkdir()
    assert certificate_store.load("ab12") is None


def test_a_certificate_of_a_failure_is_not_found() -> None:
    """Nor is one under another's name: only a pass opens the gate."""
    certificate_store.store(example(verdict="undecided"))
    assert certificate_store.load("ab12") is None
    certificate_store.store(example()).rename(cache_folder.for_certificates() / "cd34.json")
    assert certificate_store.load("cd34") is None


def test_a_cache_that_was_named_must_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ~ of a user that there is not: told to whoever reads and to whoever writes."""
    monkeypatch.setenv("GEARTRAIN_CACHE", "~nosuchuser/c")
    for call in (
        lambda: certificate_store.load("ab12"),
        lambda: certificate_store.store(example()),
    ):
        with pytest.raises(CacheError) as caught:
            call()
        assert str(caught.value) == (
            "GEARTRAIN_CACHE: expected a folder, got ~nosuchuser/c, whose ~ stands for no known"
            " home folder; write the path out"
        )


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home folder, as in a container, on Linux."""
    for name in ("GEARTRAIN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_nothing_is_kept() -> None:
    """Nothing is found then, and whoever stores is told what to set."""
    assert certificate_store.load("ab12") is None
    with pytest.raises(OSError, match="found none; set HOME or GEARTRAIN_CACHE"):
        certificate_store.store(example())


@pytest.mark.usefixtures("homeless")
def test_a_home_folder_is_not_asked_for_without_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system's variable says where the cache is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert certificate_store.store(example()).parent == tmp_path / "geartrain" / "certificates"
    assert certificate_store.load("ab12") == example()
