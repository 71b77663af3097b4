"""The certificate: a passing check, bound to the code and the kind of network it speaks of.

A text that was damaged or edited is no certificate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from typing import Any

from backprop.training.permit import require_permit
from checks.network.certification import audit
from checks.problem.nested import Array
from checks.verdict.report import Report

_FORMAT = 1


class CertificateError(ValueError):
    """A text that is no certificate, or not as it was issued."""


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
        """A look at the gradient of the current weights, on the given samples.

        Raises
        ------
        backprop.training.permit.PermitError
            Where the code is no longer what was proved, though whoever trains did not ask.
        """
        report = audit.audit(net, x, y)
        if report.verdict != "fail":
            require_permit(net, self)
        return report

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
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise CertificateError("certificate: expected its JSON, got other text") from None
        if written != _FORMAT or digest != _digest(plain) or set(plain) != _NAMES:
            raise CertificateError(
                f"certificate: expected format {_FORMAT} with its own digest, got one that was"
                " damaged, edited or written by another version; check again"
            )
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        if wrong := _contradiction(values):
            raise CertificateError(f"certificate: expected {wrong}; check again")
        return cls(**values)


_NAMES = {f.name for f in fields(Certificate)}


def _contradiction(values: Mapping[str, Any]) -> str | None:
    """What no check could have found: a digest can be made for anything."""
    for key, value in values.items():
        if not _FORMS[key](value):
            return f"a {key} of its kind, got {str(value)[:40]!r}"
    counts = [values[key] for key in ("checked", "zero", "undecided", "kinks")]
    shape = values["shape"]
    parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(shape))
    if not sum(counts) == values["parameters"] == parameters:
        return f"counts of {parameters:,} parameters, as shape {shape} has, got {counts}"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


_FORMS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("fingerprint", "verdict", "cost", "dtype", "created"), _is_text),
    **dict.fromkeys(("activations", "dtypes", "properties"), _is_texts),
    **dict.fromkeys(("parameters", "checked", "zero", "undecided", "kinks"), _is_count),
    **dict.fromkeys(("batch", "seed"), _is_count),
    "shape": lambda v: isinstance(v, tuple) and len(v) > 1 and all(map(_is_count, v)),
    "rtol": lambda v: type(v) is float and 0 < v < 1,
    "versions": lambda v: isinstance(v, dict) and _is_texts((*v, *v.values())),
}


def _digest(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
