"""Where certificates are kept: one file each in the cache folder, under its fingerprint."""

from __future__ import annotations

from pathlib import Path

from backprop.system import atomic_files, cache_folder
from checks.network.certification.certificate import Certificate, CertificateError

MOST = 1 << 20  # bytes; a certificate has some thousand


def store(certificate: Certificate) -> Path:
    """Keep a certificate, whole or not at all; the file it went to.

    Raises
    ------
    OSError
        Where the cache folder cannot be found or written.
    backprop.system.cache_folder.CacheError
        Where it was named and cannot be found.
    """
    path = _path(certificate.fingerprint)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_files.write(path, certificate.to_json().encode())
    return path


def load(fingerprint: str) -> Certificate | None:
    """The certificate kept for a fingerprint; None where there is none that can be trusted.

    Raises
    ------
    backprop.system.cache_folder.CacheError
        Where the cache folder was named and cannot be found.
    """
    try:
        found = Certificate.from_json(atomic_files.read_bounded(_path(fingerprint), MOST).decode())
    except (OSError, UnicodeDecodeError, CertificateError):
        return None
    return found if (found.fingerprint, found.verdict) == (fingerprint, "pass") else None


def _path(fingerprint: str) -> Path:
    return cache_folder.for_certificates() / f"{fingerprint}.json"
