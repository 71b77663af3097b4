"""A single projection, for a gradient that was proved before and has new parameters now.

An audit in the middle of training asks less than a proof: whether the same code still says what the
cost does. So a coordinate is weighed by its gradient or, where that is more, by a thousandth of its
tensor's root mean square (`thresholds.BLUNT`). What is smaller matters less to a step, and the
rounding of a saturated unit can then make nothing of D. No jitter has to tell how far rounding
goes: what agrees, agrees. With |D| <= theta, a coordinate's error e, relative to its weight, has
been missed with a probability of at most

    P(missed) <= theta / |e|

by the density that `checks.methods.probe` derives, wherever rounding has moved D; and never, when
it is the only one and 0.5 |e| > theta; as far as the complex step sees the cost, which the proof
has looked into. What differs by more, or has another form than the parameters, goes on to the whole
probe, which knows rounding, names culprits, and has the last word.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from checks.methods.conclude import conclude
from checks.methods.options import CheckOptions, Options
from checks.methods.probe import findings_of_projection, probe, zero_tensors
from checks.methods.projection import Projection, Result, projection_direction
from checks.methods.run import start_run
from checks.methods.sweep import COMPLEX
from checks.oracles import thresholds
from checks.problem.problem import Problem, in_its_block
from checks.verdict import conduct
from checks.verdict.report import Report


@in_its_block
def single_projection(problem: Problem, /, **changed: Unpack[Options]) -> Report:
    """Compare all parameters at once; where they differ, by the whole probe."""
    this = start_run(problem, CheckOptions(method="probe"), **changed)
    this.measured = COMPLEX
    gradient = this.problem.gradient(problem.values)
    if any(conduct.malformed(problem, gradient)):
        return probe(problem, this.options)
    analytic = [np.asarray(gradient[name], np.float64) for name in problem.names]
    d = projection_direction(analytic, this.rng, small=False)
    projection = Projection(this.problem, analytic, d)
    difference, error = projection.difference(projection.whole)
    theta = thresholds.BLUNT * this.rtol
    result = Result(
        projection=projection,
        difference=difference,
        tau=theta - error,
        # No jitter was tried: the spread it asks for is that of tensors of zeros, which is zero.
        hidden=zero_tensors(this, analytic, analytic, projection),
    )
    if result.differs:
        return probe(problem, this.options)
    this.notes.append(
        f"small gradients were weighed as {thresholds.BLUNT:.1g} of their tensor's root mean square"
    )
    this.extra["probe"] = {
        "ruled_out": this.rtol,
        "missed_with_probability": thresholds.BLUNT,
        "passes": projection.passes,
        "difference": difference,
        "tolerance": theta,
    }
    return conclude(this, findings_of_projection(this, analytic, result))
