"""Kinks: where one-sided slopes differ, and a derivative does not exist.

- `on_kinks`: which coordinates lie on one.
- `along_all`: whether the point lies on one at all, by one direction through every parameter.
- `kinked`, `one_sided`: the same of any lines.
"""

from __future__ import annotations

import numpy as np

from checks.nest import Array
from checks.oracles import Lines
from checks.subject import Subject
from checks.sweep import coordinates, direction, everywhere, small

# One-sided slopes are compared at the parameter's scale times this, then at a quarter and at a
# sixteenth of it: so small that a kink has to be at the point, yet far above rounding.
KINK_STEP = 2.0**-18


def along_all(subject: Subject, rng: np.random.Generator, *, noise: float, size: float) -> bool:
    """Whether the point lies on a kink of the cost, by one direction through every parameter."""
    d = everywhere(subject, rng)
    return bool(kinked(direction(subject, d, noise=noise, size=size))[0])


def on_kinks(
    subject: Subject, tensor: int, at: Array, analytic: Array, *, noise: float, size: float
) -> Array:
    """Which of a tensor's coordinates, by flat index, lie on a kink: booleans (m,).

    There any number between the one-sided slopes will do, whose distance is known to a quarter at
    least; for an `analytic` value, (m,), that is neither of these the kink is no excuse.
    """
    middle, apart = one_sided(coordinates(subject, tensor, at, noise=noise, size=size))
    found = np.asarray((apart > 0) & (np.abs(analytic - middle) <= 1.25 * apart / 2))
    if subject.jittered is None:
        # Steps of a small number's own size do not reach a kink that is merely near.
        k = np.flatnonzero(found & small(subject.values[tensor])[at])
        if k.size:
            own = coordinates(subject, tensor, at[k], noise=noise, size=size, own=True)
            _, jump, doubt = _sides(own)
            found[k] = ~(jump + doubt < apart[k] / 2)
    return found


def kinked(lines: Lines) -> Array:
    """Which lines have a kink at the point: booleans (m,)."""
    return np.asarray(one_sided(lines)[1] > 0)


def one_sided(lines: Lines) -> tuple[Array, Array]:
    """The middle of each line's one-sided slopes, (m,), and how far apart they are; 0 for no kink.

    They are so where that stands clear of what it may be without a kink.
    """
    middle, jump, doubt = _sides(lines)
    return middle, np.where(jump > 4 * doubt, jump, 0.0)


@np.errstate(over="ignore", invalid="ignore")  # infinite costs differ by NaN: no kink
def _sides(lines: Lines) -> tuple[Array, Array, Array]:
    """The middle of each line's one-sided slopes, how far apart they are, and how sure that is.

    Their difference J(h) = (C(h) + C(-h) - 2 C(0)) / h is h C'' for a smooth cost, and tends to
    the jump at a kink. (4 J(h/4) - J(h)) / 3 takes the linear part away; taken twice, at a quarter
    of the step, it must stay the same and exceed the noise.
    """
    h = np.exp2(np.round(np.log2(lines.scale * KINK_STEP)))
    centre = lines.costs(np.zeros_like(h)).real
    jumps = []
    for step in (h, h / 4, h / 16):
        up, down = lines.costs(step).real, lines.costs(-step).real
        jumps.append((up + down - 2 * centre) / step)
    coarse, fine = (4 * jumps[1] - jumps[0]) / 3, (4 * jumps[2] - jumps[1]) / 3
    doubt = np.abs(fine - coarse) + 4 * lines.noise / (h / 16)
    middle = (up - down) / (h / 8)
    return middle, np.abs(fine), doubt
