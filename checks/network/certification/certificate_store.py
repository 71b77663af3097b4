"""Where certificates are kept: one file each in the cache folder, under its fingerprint."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from checks.network.certification.certificate import Certificate, CertificateError

VARIABLE = "GEARTRAIN_CACHE"


class CacheError(ValueError):
    """A folder for certificates that was named and cannot be found."""


def cache_folder() -> Path:
    """The folder for certificates: in `GEARTRAIN_CACHE` where set, else in the user's cache.

    Raises
    ------
    CacheError
        Where `GEARTRAIN_CACHE` begins with a ~ that stands for no known home folder.
    FileNotFoundError
        Where none was named, and the user has no home folder.
    """
    if named := os.environ.get(VARIABLE):
        try:
            return Path(named).expanduser() / "certificates"
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
    return base / "certificates"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise FileNotFoundError(
            f"expected a home folder for the cache, found none; set HOME or {VARIABLE}"
        ) from None


def store(certificate: Certificate) -> Path:
    """Keep a certificate, whole or not at all; the file it went to.

    Raises
    ------
    OSError
        Where the cache folder cannot be found or written.
    CacheError
        Where it was named and cannot be found.
    """
    path = _path(certificate.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        draft.write_text(certificate.to_json(), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def load(fingerprint: str) -> Certificate | None:
    """The certificate kept for a fingerprint; None where there is none that can be trusted.

    Raises
    ------
    CacheError
        Where the cache folder was named and cannot be found.
    """
    try:
        found = Certificate.from_json(_path(fingerprint).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, CertificateError):
        return None
    return found if (found.fingerprint, found.verdict) == (fingerprint, "pass") else None


def _path(fingerprint: str) -> Path:
    return cache_folder() / f"{fingerprint}.json"
