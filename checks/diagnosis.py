"""Diagnosis: what kind of bug a difference looks like."""

from __future__ import annotations

from collections.abc import Mapping

from checks.nest import Array
from checks.report import Diagnosis
from checks.subject import Subject


def diagnose(
    subject: Subject,
    analytic: Mapping[str, Array],
    numeric: Mapping[str, Array],
    status: Mapping[str, Array],
) -> Diagnosis:
    """The diagnosis that fits best, or "unknown" with a description of the pattern."""
    return Diagnosis(code="unknown", title="no known bug", remedy="compare by hand")
