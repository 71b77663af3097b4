import sys
from pathlib import Path

import pytest

from backprop.system import cache_folder
from backprop.system.cache_folder import CacheError


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {}, ".cache/geartrain/certificates"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/geartrain/certificates"),
        ("darwin", {}, "Library/Caches/geartrain/certificates"),
        ("win32", {}, "AppData/Local/geartrain/Cache/certificates"),
        ("win32", {"LOCALAPPDATA": "/l"}, "/l/geartrain/Cache/certificates"),
        ("linux", {"GEARTRAIN_CACHE": "/g", "XDG_CACHE_HOME": "/x"}, "/g/certificates"),
    ],
)
def test_the_cache_lies_where_the_platform_has_it(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's cache folder, unless GEARTRAIN_CACHE names another."""
    for name in ("GEARTRAIN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder.for_certificates() == Path.home() / expected


def test_a_home_folder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to set; data and certificates have each their own kind of error."""
    for name in ("GEARTRAIN_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(FileNotFoundError, match="found none; set HOME or GEARTRAIN_CACHE"):
        cache_folder.for_certificates()
    with pytest.raises(CacheError, match="found no home folder; set HOME"):
        cache_folder.for_data()
    monkeypatch.setenv("GEARTRAIN_CACHE", "~nosuchuser/c")
    with pytest.raises(CacheError, match="GEARTRAIN_CACHE: expected a folder, got ~nosuchuser/c"):
        cache_folder.for_certificates()
