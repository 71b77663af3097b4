"""Codes: every kind of bug that a diagnosis can name, with a title and what to do about it."""

from __future__ import annotations

from checks.diagnosis.tensor_pair import Finding
from checks.verdict.report import Diagnosis

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
        "look for a factor that only one has (learning rate, 1/2, batch size), or a sum not zeroed",
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
    "not-read": (
        "the gradient is not zero where the cost does not depend on the parameters",
        "see whether the cost reads what it is given, all of it, or something kept from before",
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
        "a function of each parameter alone is added, which the cost does not have",
        "leave weight decay to the optimiser, or add it to the cost; see the penalty's factor",
    ),
    "penalty-missing": (
        "a function of each parameter alone is lacking: a penalty that the cost has",
        "add its derivative, or see its factor and sign; that of rate / 2 * p**2 is rate * p",
    ),
    "projected": (
        "the gradient is projected on a tangent space, the cost's is not",
        "right on its manifold: check the cost's own gradient, or project inside of the cost",
    ),
    "symmetric-convention": (
        "entries of a symmetric matrix and their mirror images share the slope otherwise",
        "the check moves each entry by itself: count what the cost reads, both triangles or one",
    ),
    "constant-added": (
        "the same number is added everywhere",
        "look for a term that does not depend on the parameters",
    ),
    "misplaced": (
        "right values stand at the wrong entries",
        "look at the order in which arrays are unrolled, at indices and at transposes",
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
    "weights-only": (
        "weights' gradients are wrong, the biases' are right",
        "delta sums up rightly: look at what it is multiplied by, and at penalties on weights",
    ),
    "single-entry": (
        "a single entry is wrong",
        "look at what treats it unlike the others: an index, a bound, an intercept",
    ),
    "small-everywhere": (
        "small errors nearly everywhere",
        "look for a constant that is not exact; or say how far a solver is off, by cost_error=",
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

# Those that say where an error sits, or how large it is, and name no cause.
DESCRIPTIONS = frozenset(
    {"errors-enter-here", "single-entry", "small-everywhere", "unknown", "weights-only"}
)


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
