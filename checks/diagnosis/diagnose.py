"""Diagnosis: what kind of bug a difference looks like, from the numbers alone.

`diagnose` asks, in this order: does one known pattern explain every tensor (`relations`);
does a gradient that a known bug would give here equal the observed one (`Problem.hypotheses`);
where does the error sit. What fits nothing is "unknown", and its pattern is described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from checks.diagnosis import locations, relations
from checks.diagnosis.codes import of
from checks.diagnosis.tensor_pair import Finding, TensorPair, layer_where_error_enters, tensor_pairs
from checks.problem.nested import Array
from checks.problem.problem import Problem
from checks.verdict.report import Diagnosis


def diagnose(
    problem: Problem,
    analytic: Mapping[str, Array],
    numeric: Mapping[str, Array],
    status: Mapping[str, Array],
    *,
    tolerance: Mapping[str, Array] | None = None,
) -> Diagnosis:
    """The diagnosis that fits best, or "unknown" with a description of the pattern.

    Parameters
    ----------
    problem
        What was checked; its `context` names factors, its `hypotheses` gradients of known bugs.
    analytic, numeric, status
        Both gradients and each coordinate's `Status`, by tensor.
    tolerance
        How far rounding lets the two gradients differ; a guess from the dtype where it is None.
    """
    pairs = tensor_pairs(problem, analytic, numeric, status, tolerance)
    with np.errstate(all="ignore"):  # numbers that are wrong may be of any size
        finding = next(_findings(problem, pairs), None) or locations.described(pairs)
    return of(finding)


def _findings(problem: Problem, pairs: list[TensorPair]) -> Iterator[Finding]:
    """All that fit, the most specific first; nothing is computed before it is asked for."""
    if not any(pair.wrong for pair in pairs):
        return
    yield from relations.strict_relations(problem, pairs)
    if problem.hypotheses is not None:
        for code, tensor, gradient in problem.hypotheses():
            if relations.explains(pairs, gradient):
                yield Finding(code=code, tensor=tensor and layer_where_error_enters(pairs))
    yield from relations.weak_relations(problem, pairs)
    yield from locations.left_out(pairs)
    yield from relations.partial_relations(problem, pairs)
    yield from locations.locations(pairs)
