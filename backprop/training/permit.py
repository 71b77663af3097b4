"""The permit: nothing is trained without a certificate of this network and of this very code.

Who writes an object of that form by hand, in Python, is believed: that cannot be told from outside.
"""

from __future__ import annotations

from typing import Protocol

from backprop import arguments
from backprop.network import Network
from backprop.training.fingerprint import fingerprint, replaced_since


class PermitError(RuntimeError):
    """Training without a permit that covers this network and this code."""


class Permit(Protocol):
    """What training asks for, such as the certificate that `checks.verify` returns.

    A permit that also offers `audit(net, x, y)`, returning a report with `verdict` and `summary`,
    is asked to look at the current weights after every epoch.
    """

    @property
    def fingerprint(self) -> str:
        """What `backprop.training.fingerprint.fingerprint` said of the network that was proved."""

    @property
    def verdict(self) -> str:
        """Only "pass" permits anything."""


def require_permit(net: Network, permit: Permit | None) -> None:
    """Raise a PermitError unless the permit covers this network and the code as it is now."""
    remedy = "call checks.verify(net, x, y) with some samples and pass on what it returns"
    if permit is None or not (hasattr(permit, "verdict") and hasattr(permit, "fingerprint")):
        raise PermitError(
            "permit: expected a certificate of this network's gradient, got"
            f" {arguments.brief(permit)}; {remedy}"
        )
    if permit.verdict != "pass":
        raise PermitError(
            f"permit: expected a certificate with verdict 'pass', got {permit.verdict!r}; {remedy}"
        )
    found, expected = permit.fingerprint, fingerprint(net)
    if found != expected:
        names = replaced_since(found)
        what = (
            f"{', '.join(names)} was replaced since"
            if names
            else "the code, what it keeps in objects and tables, shape, activations, cost, dtype,"
            " Python, NumPy or its BLAS have changed since"
        )
        raise PermitError(
            f"permit: expected a certificate with fingerprint {expected}, of {net!r} and the code"
            f" as it is now, got {found}; {what}: {remedy}"
        )
