"""The certificate: a passing check, bound to the code and the kind of network it speaks of.

`store` keeps it in a file of the user's cache folder, `load` finds it again by its fingerprint.
A file that was damaged or edited is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from checks.problem.nested import Array

if TYPE_CHECKING:
    from checks.verdict.report import Report

VARIABLE = "GEARTRAIN_CACHE"
_FORMAT = 1


class CertificateError(ValueError):
    """A text that is no certificate, or not as it was issued."""


class CacheError(ValueError):
    """A folder for certificates that was named and cannot be found."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A passing check: what training asks for.

    Attributes
    ----------
    fingerprint
        The digest of the code and the kind of network that were checked.
    verdict
        "pass".
    shape, activations, cost, dtype
        The kind of network.
    dtypes
        The dtypes it was checked in.
    parameters, checked, zero, undecided, kinks
        As in `checks.verdict.report.Report`, of the best of the checks of each parameter.
    rtol
        The relative error that would have been caught in each coordinate checked.
    batch
        How many samples it was checked on.
    properties
        The property checks that were passed as well.
    seed, created, versions
        Of the check; when it was done, in UTC; and what by.
    """

    fingerprint: str
    verdict: str
    shape: tuple[int, ...]
    activations: tuple[str, ...]
    cost: str
    dtype: str
    dtypes: tuple[str, ...]
    parameters: int
    checked: int
    zero: int
    undecided: int
    kinks: int
    rtol: float
    batch: int
    properties: tuple[str, ...] = ()
    seed: int = 0
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """What was proved, in a line."""
        kind = f"{'-'.join(map(str, self.shape))}, {self.cost}, {self.dtype}"
        return (
            f"{self.checked:,} of {self.parameters:,} parameters checked ({kind}),"
            f" {len(self.properties)} properties"
        )

    def audit(self, net: Any, x: Array, y: Array) -> Report:
        """A look at the gradient of the current weights, on the given samples."""
        from checks.network.certification.verification import audit

        return audit(net, x, y)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
        }

    def to_json(self) -> str:
        """The fields and a digest of them, so that damage and edits show."""
        plain = self.to_dict()
        return json.dumps({"format": _FORMAT, "digest": _digest(plain), **plain}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Certificate:
        """The certificate that `to_json` has written.

        Raises
        ------
        CertificateError
            Where the text is something else, or was changed since.
        """
        try:
            plain = json.loads(text)
            written, digest = plain.pop("format"), plain.pop("digest")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise CertificateError("certificate: expected its JSON, got other text") from None
        if written != _FORMAT or digest != _digest(plain) or set(plain) != _NAMES:
            raise CertificateError(
                f"certificate: expected format {_FORMAT} with its own digest, got one that was"
                " damaged, edited or written by another version; check again"
            )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        return cls(**values)


_NAMES = {f.name for f in fields(Certificate)}


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


def _digest(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
