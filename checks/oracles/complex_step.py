"""The complex step: Im C(θ + ih) / h, with nothing subtracted, and h far below rounding.

W. Squire and G. Trapp, SIAM Review 40, 1998, 110-112; J. Martins, P. Sturdza and J. Alonso, ACM
TOMS 29, 2003, 245-262. What is left of an error is rounding, as of the derivative carried forward
through the same sums, and gradual underflow, of which the small h sees more than the gradient does.
"""

from __future__ import annotations

import numpy as np

from checks.oracles import rounding, thresholds
from checks.oracles.lines import Lines
from checks.problem.nested import Array


@np.errstate(all="ignore")
def complex_step(lines: Lines) -> tuple[Array, Array]:
    """The slope along each line, (m,), and what underflow may have taken of it, (m,).

    NaN where the cost with complex parameters is not finite, or refuses.
    """
    h = np.exp2(np.round(np.log2(lines.unit * thresholds.COMPLEX_STEP)))
    costs = lines.costs(np.arange(h.size), 1j * h)
    if not np.iscomplexobj(costs):
        return np.full(h.shape, np.nan), np.zeros(h.shape)
    slope = np.where(np.isfinite(costs.real), costs.imag / h, np.nan)
    return slope, rounding.underflow(np.dtype(np.float64)) / h
