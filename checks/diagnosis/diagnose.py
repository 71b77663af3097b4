"""Diagnosis: what kind of bug a difference looks like, from the numbers alone.

`diagnose` asks, in this order: does one known pattern explain every tensor (`relations`);
does a gradient that a known bug would give here equal the observed one (`Subject.hypotheses`);
where does the error sit. What fits nothing is "unknown", and its pattern is described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from checks.diagnosis import locations, relations
from checks.diagnosis.codes import of
from checks.diagnosis.tensor_pair import Finding, View, entrance
from checks.diagnosis.tensor_pair import views as views_of
from checks.problem.nested import Array
from checks.problem.problem import Subject
from checks.verdict.report import Diagnosis


def diagnose(
    subject: Subject,
    analytic: Mapping[str, Array],
    numeric: Mapping[str, Array],
    status: Mapping[str, Array],
    *,
    tolerance: Mapping[str, Array] | None = None,
) -> Diagnosis:
    """The diagnosis that fits best, or "unknown" with a description of the pattern.

    Parameters
    ----------
    subject
        What was checked; its `context` names factors, its `hypotheses` gradients of known bugs.
    analytic, numeric, status
        Both gradients and each coordinate's `Status`, by tensor.
    tolerance
        How far rounding lets the two gradients differ; a guess from the dtype where it is None.
    """
    views = views_of(subject, analytic, numeric, status, tolerance)
    with np.errstate(all="ignore"):  # numbers that are wrong may be of any size
        finding = next(_findings(subject, views), None) or locations.described(views)
    return of(finding)


def _findings(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """All that fit, the most specific first; nothing is computed before it is asked for."""
    if not any(view.wrong for view in views):
        return
    yield from relations.strict(subject, views)
    if subject.hypotheses is not None:
        for code, tensor, gradient in subject.hypotheses():
            if relations.explains(views, gradient):
                yield Finding(code=code, tensor=tensor and entrance(views))
    yield from relations.weak(subject, views)
    yield from locations.left_out(views)
    yield from relations.partial(subject, views)
    yield from locations.locations(views)
