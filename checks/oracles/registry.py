"""The oracles by name: the one place at which they are called, and at which tests replace them."""

from __future__ import annotations

from checks.oracles.complex_step import complex_step
from checks.oracles.levels import scan

__all__ = ["complex_step", "scan"]
