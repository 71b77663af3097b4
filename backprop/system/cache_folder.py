"""The user's cache folder: where downloaded data and certificates are kept between runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "GEARTRAIN_CACHE"


class CacheError(ValueError):
    """A cache folder that was named, or is the user's, and cannot be found."""


def for_data() -> Path:
    """The folder for data, where the system wants such folders.

    Raises
    ------
    CacheError
        Where the user has no home folder.
    """
    import platformdirs

    try:  # some versions of platformdirs leave the ~ to whoever asks
        return Path(platformdirs.user_cache_dir("geartrain")).expanduser()
    except RuntimeError:
        raise CacheError(
            "cache folder: expected one in the user's home folder, found no home folder; set HOME"
        ) from None


def for_certificates() -> Path:
    """The folder for certificates; raises what `for_searches` raises."""
    return _base() / "certificates"


def for_searches() -> Path:
    """The folder for what searches found: in `GEARTRAIN_CACHE` where set, else the user's cache.

    Raises
    ------
    CacheError
        Where `GEARTRAIN_CACHE` begins with a ~ that stands for no known home folder.
    FileNotFoundError
        Where none was named, and the user has no home folder.
    """
    return _base() / "searches"


def _base() -> Path:
    if named := os.environ.get(VARIABLE):
        try:
            return Path(named).expanduser()
        except RuntimeError:
            raise CacheError(
                f"{VARIABLE}: expected a folder, got {named}, whose ~ stands for no known home"
                " folder; write the path out"
            ) from None
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        base = (Path(local) if local else _home() / "AppData" / "Local") / "geartrain" / "Cache"
    elif sys.platform == "darwin":
        base = _home() / "Library" / "Caches" / "geartrain"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "geartrain"
    return base


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            f"expected a home folder for the cache, found none; set HOME or {VARIABLE}"
        ) from None
