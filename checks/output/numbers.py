"""Numbers and places as they are written on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """A value to nine digits, as in the printed report; a dash where there is none."""
    return f"{value:.9g}" if not math.isnan(value) else "–"


def rough(value: float) -> str:
    """An error or a tolerance, to two digits."""
    return f"{value:.2g}" if not math.isnan(value) else "–"


def coordinate(tensor: str, index: Sequence[int]) -> str:
    """How a coordinate is written: W2[17, 3]."""
    return f"{tensor}[{', '.join(map(str, index))}]" if len(index) else tensor
