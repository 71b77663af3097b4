"""Single precision and the noise inside a gradient are told from what is only near them."""

from __future__ import annotations

import numpy as np
import pytest

from checks import leniency
from checks.nest import Array
from tests.checks.helpers import EPS, vector


def rng(seed: int = 0) -> np.random.Generator:
    """A generator."""
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("relative", "single"),
    [
        ([1e-7] * 8, True),
        ([1e-7] * 7, False),  # few may be an accident
        ([1e-7] * 4 + [-1e-7] * 4, True),
        ([7.5e-9] * 8, True),
        ([7.4e-9] * 8, False),
        ([9.4e-7] * 8, True),
        ([9.6e-7] * 8, False),
        ([1e-7] * 7 + [1e-5] * 2, True),
        ([1e-7] * 6 + [1e-5] * 2, False),  # three quarters are not nearly all
        ([0.0] * 8, False),
    ],
)
def test_single_precision_has_its_marks(relative: list[float], *, single: bool) -> None:
    """Nearly all coordinates are off by a relative 2^-27 to 2^-20, in tensors of any shape."""
    n = np.asarray([0.0, *([-3.0] * len(relative)), 0.0])  # zeros on both sides do not count
    a = n * (1 + np.asarray([0.0, *relative, 0.0]))
    for split in (1, 4):
        analytic = {"W": a[:split], "b": a[split:][None]}
        numeric = {"W": n[:split], "b": n[split:][None]}
        rough, smooth = ({k: share * np.abs(v) for k, v in numeric.items()} for share in NOISES)
        assert leniency.looks_single(analytic, numeric, rough) is single
        assert not leniency.looks_single(analytic, numeric, smooth)


NOISES = 2.0**-29, 2.0**-31  # what is and what is not the noise of single precision, of a value


def saturated(p: Array) -> Array:
    """The derivative of log(1 + exp(-p)), by a difference that loses digits."""
    return 1 / (1 + np.exp(-p)) - 1


def test_the_noise_inside_a_gradient_is_seen() -> None:
    """Where digits are lost next to 1, whole units of it; not where the gradient bends or ends."""
    at = [20.0, 25.0, 1.0]
    noise = leniency.gradient_noise(vector(lambda p: p.sum(), saturated, at), rng())["params"]
    assert np.all((noise[:2] > EPS / 16) & (noise[:2] < EPS))
    assert noise[2] < 4 * EPS
    smooth = vector(lambda p: p.sum(), lambda p: np.exp(p) + 1e3 * np.sin(p), at)
    assert np.all(leniency.gradient_noise(smooth, rng())["params"] < 1e-14 * (np.exp(at) + 1e3))
    bent = vector(lambda p: p.sum(), lambda p: np.where(p > 1 + 2e-4, 1.0, 0.0), at)
    assert leniency.gradient_noise(bent, rng())["params"].tolist() == [0, 0, 0]

    def ends(p: Array) -> Array:
        if p[2] > 1:
            raise ZeroDivisionError
        return saturated(p)

    assert leniency.gradient_noise(vector(lambda p: p.sum(), ends, at), rng())["params"][0] == 0
    with np.errstate(all="raise"):
        undefined = vector(lambda p: p.sum(), lambda p: p + np.log(1.0 + 1e-9 - p / 20), at)
        assert np.isfinite(leniency.gradient_noise(undefined, rng())["params"]).all()
