"""Findings: what was decided of every coordinate, by tensor, before it is counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checks.problem.nested import Array
from checks.verdict.rule import Ruling, Status


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that is said of the coordinates, by tensor, in the tensors' shapes.

    `projected` says that coordinates which pass were not looked at one by one.
    """

    analytic: dict[str, Array]
    numeric: dict[str, Array]
    tolerance: dict[str, Array]
    status: dict[str, Array]
    reason: dict[str, Array]
    resolution: dict[str, Array]
    within: dict[str, Array]
    noise: dict[str, Array]
    projected: bool = False

    def where(self, status: Status) -> dict[str, Array]:
        """Flat indices of the coordinates of one status, by tensor."""
        return {name: np.flatnonzero(s == int(status)) for name, s in self.status.items()}

    def any(self, status: Status) -> bool:
        """Whether some coordinate is of that status."""
        return any(bool(np.any(s == int(status))) for s in self.status.values())


def no_findings() -> Findings:
    """The findings of a check that got no further than conduct."""
    return Findings(
        analytic={},
        numeric={},
        tolerance={},
        status={},
        reason={},
        resolution={},
        within={},
        noise={},
    )


def gather(analytic: dict[str, Array], rulings: list[Ruling], tolerances: list[Array]) -> Findings:
    """The findings of a ruling a tensor, in the order of the gradient."""

    def by_name(arrays: list[Array]) -> dict[str, Array]:
        shaped = zip(analytic.items(), arrays, strict=True)
        return {name: found.reshape(a.shape) for (name, a), found in shaped}

    return Findings(
        analytic=analytic,
        numeric=by_name([r.numeric for r in rulings]),
        tolerance=by_name([np.fmax(t, r.error) for t, r in zip(tolerances, rulings, strict=True)]),
        status=by_name([r.status for r in rulings]),
        reason=by_name([r.reason for r in rulings]),
        resolution=by_name([r.resolution for r in rulings]),
        within=by_name([r.within for r in rulings]),
        noise=by_name([r.noise for r in rulings]),
    )
