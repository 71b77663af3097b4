"""Diagnosis: what kind of bug a difference looks like, from the numbers alone.

`diagnose` asks, in this order: does one known pattern explain every tensor (`checks.patterns`);
does a gradient that a known bug would give here equal the observed one (`Subject.hypotheses`);
where does the error sit. What fits nothing is "unknown", and its pattern is described.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from checks import patterns, places
from checks.problem.nested import Array
from checks.problem.problem import Subject
from checks.verdict.report import Diagnosis
from checks.view import Finding, View, entrance
from checks.view import views as views_of

DIAGNOSES = {
    "sign-flipped": (
        "the sign is flipped",
        "look for y - a where a - y is meant, or for -= where += is meant",
    ),
    "transposed": (
        "the gradient is transposed",
        "dW is a.T @ delta, (n_in, n_out); a reshape is not a transpose",
    ),
    "sum-for-mean": (
        "summed over the batch where the cost is averaged",
        "divide the accumulated gradient by the number of samples, once",
    ),
    "constant-factor": (
        "off by a constant factor",
        "look for a factor that cost and gradient do not share: a learning rate, 1/2, a batch size",
    ),
    "bias-missing": (
        "the bias gradient is missing",
        "accumulate db += delta.sum(axis=0) for every layer",
    ),
    "bias-not-summed": (
        "the bias gradient is not the sum of delta over the batch",
        "db is delta.sum(axis=0); the weights' gradients show that delta itself is right",
    ),
    "gradient-missing": (
        "the gradient is zero where the cost does depend on the parameters",
        "look for a layer that the loop skips, or a delta that is not handed on",
    ),
    "layers-swapped": (
        "gradients stand at the wrong layer",
        "check the layer index of each accumulator, and the order in which they are returned",
    ),
    "low-precision": (
        "the gradient loses precision on the way",
        "look for a cast to float32 or float16, or an array created with such a dtype",
    ),
    "weight-decay": (
        "a multiple of the parameters is added: weight decay that the cost does not have",
        "add the penalty to the cost as well, or leave it to the optimiser",
    ),
    "penalty-missing": (
        "a multiple of the parameters is lacking: a penalty that the cost has",
        "add its derivative to the gradient; that of rate / 2 * p**2 is rate * p",
    ),
    "clipped": (
        "the gradient is clipped",
        "clip, if at all, in the optimiser; the gradient itself has to be whole",
    ),
    "missing-derivative": (
        "an activation's derivative is missing",
        "multiply delta by the derivative of the layer's own activation",
    ),
    "doubled-derivative": (
        "an activation's derivative is multiplied in twice",
        "once is enough; with cross-entropy it cancels at the output and does not appear at all",
    ),
    "wrong-derivative": (
        "the derivative of the wrong activation",
        "take the derivative of the function that forward applies in that layer",
    ),
    "derivative-misplaced": (
        "the activation's derivative is taken at the wrong place",
        "a formula in terms of a needs the layer's own a, one in terms of z its own z",
    ),
    "wrong-weights": (
        "delta is carried back through the wrong weights",
        "delta goes back through the transpose of the very weights that forward used",
    ),
    "wrong-activation": (
        "the weights' gradient multiplies delta by the wrong activations",
        "dW is a.T @ delta with the activations that enter the layer, as forward used them",
    ),
    "overwritten-activation": (
        "an activation is overwritten before it is used",
        "look for in-place operators such as *= and out= on what forward returned",
    ),
    "wrong-delta": (
        "a layer's gradient is computed from another layer's delta",
        "accumulate a layer's gradient before delta is carried on to the layer before it",
    ),
    "cost-derivative": (
        "the output's delta is wrong: the cost's derivative is off, or the samples are",
        "derive the cost by hand at the output; compare with delta term by term, sample by sample",
    ),
    "wrong-targets": (
        "the gradient belongs to other targets",
        "look for targets shuffled apart from their samples, or labels off by one",
    ),
    "wrong-samples": (
        "samples are left out, repeated or mixed up",
        "every sample's delta meets its own activations, once; look at batch indices and slices",
    ),
    "left-out": (
        "rows, columns or units are left out",
        "look for a slice or a range that ends one short",
    ),
    "errors-enter-here": (
        "the error enters at this layer: those before it are wrong, those after it right",
        "look at how delta is carried into this layer, and at its activation's derivative",
    ),
    "unknown": (
        "no bug known by pattern",
        "compare the values below with a calculation by hand",
    ),
}


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
    finding = next(_findings(subject, views), None) or places.described(views)
    return of(finding)


def of(finding: Finding) -> Diagnosis:
    """A finding with the title and the remedy of its code."""
    title, remedy = DIAGNOSES[finding.code]
    return Diagnosis(
        code=finding.code,
        title=title,
        remedy=remedy,
        tensor=finding.tensor,
        detail=finding.detail,
    )


def _findings(subject: Subject, views: list[View]) -> Iterator[Finding]:
    """All that fit, the most specific first; nothing is computed before it is asked for."""
    if not any(view.wrong for view in views):
        return
    yield from patterns.whole(subject, views)
    if subject.hypotheses is not None:
        for code, tensor, gradient in subject.hypotheses():
            if patterns.explains(views, gradient):
                yield Finding(code=code, tensor=tensor and entrance(views))
    yield from patterns.loose(subject, views)
    yield from places.places(views)
