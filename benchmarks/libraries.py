"""The campaign's functions of other libraries, with the derivatives that they come with.

autograd's list of NumPy and SciPy functions (`catalogue`), differentiated by autograd; and the
layers of numpy-ml (`layers`), differentiated by their own backward passes. The cost is a weighted
sum of what the function returns. Every other time it is a Python float of real parameters, as a
program is that knows of no complex numbers.

Each is checked right, and with its derivative spoilt in up to four ways.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import measure  # noqa: F401 - pins the threads before NumPy is loaded
import numpy as np
from catalogue import FUNCTIONS
from courses import forced_real
from layers import LAYERS
from random_cases import Box, Parameters
from trials import complain

from checks import check_gradients

Change = Callable[[Parameters], Parameters]

NAMES = (*FUNCTIONS, *LAYERS)
POINTS = 4  # for each function at full size: two as it is, two real only

# A change of an entry that is at least this share of its tensor's largest slope is noticeable.
NOTICEABLE = 1e-3


@cache
def autograd() -> SimpleNamespace:
    """Its modules."""
    from autograd import grad
    from autograd import numpy as wrapped
    from autograd.scipy import linalg, signal, special, stats

    return SimpleNamespace(
        grad=grad, np=wrapped, special=special, stats=stats, linalg=linalg, signal=signal
    )


def function(name: str, rng: np.random.Generator) -> Box:
    """A function of the catalogue at a random point, differentiated by autograd."""
    lib, made = autograd(), FUNCTIONS[name]
    params = {key: draw(rng) for key, draw in made.arrays.items()}
    weights = rng.normal(size=np.shape(made.call(lib, **params)))

    def cost(p: Parameters) -> Any:
        return lib.np.sum(weights * made.call(lib, **p))

    slopes = lib.grad(cost)
    return Box(
        cost=cost,
        gradients=lambda p: {key: np.array(g) for key, g in slopes(p).items()},
        params=params,
        data=weights,
    )


def spoilt(gradient: Parameters, rng: np.random.Generator) -> Iterator[tuple[str, Change]]:
    """Up to four ways to spoil a gradient: those that change this one noticeably."""
    sizes = {name: np.abs(g).reshape(-1) for name, g in gradient.items() if np.any(g)}
    if not sizes:
        return
    for kind, factor in (("sign", -1.0), ("zero", 0.0)):
        tensor = str(rng.choice(list(sizes)))
        size = sizes[tensor]
        some = np.flatnonzero(abs(1 - factor) * size >= NOTICEABLE * size.max())
        yield kind, _times(tensor, int(rng.choice(some)), factor)
    yield "times 1.01", lambda g: {name: 1.01 * value for name, value in g.items()}
    tensor = str(rng.choice(list(sizes)))
    yield "largest", _times(tensor, int(np.argmax(sizes[tensor])), 1 + NOTICEABLE)


def _times(tensor: str, flat: int, factor: float) -> Change:
    def change(gradient: Parameters) -> Parameters:
        g = np.array(gradient[tensor])
        g.flat[flat] *= factor  # whatever its layout
        return {**gradient, tensor: g}

    return change


def functions_of_libraries(seed: int) -> Counter[str]:
    """One function at one point: right, and spoilt."""
    rng = np.random.default_rng([42, seed])
    name, turn = NAMES[seed % len(NAMES)], seed // len(NAMES)
    box = function(name, rng) if name in FUNCTIONS else LAYERS[name](rng)
    library = "autograd" if name in FUNCTIONS else "numpy-ml"
    form = "real only" if turn % 2 else "as it is"
    if turn % 2:
        box = forced_real(box)
    verdict = _verdict(box, seed, f"{name}, {form}, right", "fail")
    counts = Counter(
        {
            "library": 1,
            "library, accused": int(verdict == "fail"),
            "library, undecided": int(verdict == "undecided"),
            f"library, {library}, {form}, right: {verdict}": 1,
        }
    )
    for kind, change in spoilt(box.gradients(box.params), rng):
        wrong = replace(box, gradients=lambda p, change=change: change(box.gradients(p)))
        verdict = _verdict(wrong, seed, f"{name}, {form}, {kind}", "pass")
        counts += Counter(
            {
                "library, spoilt": 1,
                "library, spoilt, passed": int(verdict == "pass"),
                f"library, {form}, {kind}: {verdict}": 1,
            }
        )
    return counts


def _verdict(box: Box, seed: int, about: str, unwanted: str) -> str:
    """The check's word; one that is unwanted, or undecided of a right gradient, is told."""
    report = check_gradients(box.cost, box.gradients, box.params, seed=seed)
    if report.verdict == unwanted or (report.verdict == "undecided" and unwanted == "fail"):
        complain(f"library function: {report.verdict}", seed, about, report)
    return str(report.verdict)
