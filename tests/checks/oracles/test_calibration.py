from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks.oracles import calibration, registry
from checks.oracles.levels import Evidence
from checks.problem.nested import Array
from tests.checks.problems import line

COMPLEX: dict[str, Callable[[Array, Array], Any]] = {
    "a tenth too large": lambda s, e: (1.1 * s, e),
    "a millionth too large": lambda s, e: ((1 + 1e-6) * s, e),
    "wrong sign": lambda s, e: (-s, e),
    "zero": lambda s, e: (0 * s, e),
    "one line wrong": lambda s, e: (s + np.asarray([0, 0, 1e-3]), e),
    "NaN": lambda s, e: (np.nan * s, e),
    "an error of NaN": lambda s, e: (s, np.nan * e),
    "raises": lambda s, e: 1 // 0,
    "gives nothing back": lambda s, e: None,
}
SCAN: dict[str, Callable[[Evidence], Any]] = {
    "off": lambda f: replace(f, lo=f.lo + 1e-3, hi=f.hi + 1e-3),
    "off by a millionth": lambda f: replace(f, lo=f.lo + 1e-6, hi=f.hi + 1e-6),
    "wrong sign": lambda f: replace(f, lo=-f.hi, hi=-f.lo),
    "zero": lambda f: replace(f, lo=0 * f.lo, hi=0 * f.hi),
    "too narrow and wrong": lambda f: replace(f, lo=1.01 * f.lo, hi=1.01 * f.lo),
    "blunt": lambda f: replace(f, lo=f.lo - 1, hi=f.hi + 1),
    "never smooth": lambda f: replace(f, smooth=f.smooth & False),
    "NaN": lambda f: replace(f, lo=np.nan * f.lo, hi=np.nan * f.hi),
    "raises": lambda f: 1 // 0,
    "gives nothing back": lambda f: None,
}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What was found of an oracle is kept for as long as the process runs."""
    calibration._right.cache_clear()
    yield
    calibration._right.cache_clear()


def test_the_oracles_as_they_are_get_known_slopes_right() -> None:
    """Which is asked of each once."""
    assert [calibration.miscalibrated_oracle() for _ in range(3)] == [None] * 3
    assert calibration._right.cache_info().misses == 2


@pytest.mark.parametrize("mistake", COMPLEX)
def test_a_broken_complex_step_is_named(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    """However it is broken."""
    right = registry.complex_step
    monkeypatch.setattr(registry, "complex_step", lambda lines: COMPLEX[mistake](*right(lines)))
    assert calibration.miscalibrated_oracle() == "the complex step"


@pytest.mark.parametrize("mistake", SCAN)
def test_a_broken_scan_is_named(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    """However it is broken."""
    right = registry.scan
    monkeypatch.setattr(registry, "scan", lambda *given: SCAN[mistake](right(*given)))
    assert calibration.miscalibrated_oracle() == "the scan of real differences"


def test_a_witness_says_what_a_plain_difference_says() -> None:
    """Nothing where it agrees up to the sides' gap, noise and the error; else both values."""
    bent = line(lambda t: 1 + 2 * t + 0.25 * t**2)
    for expected in (2.0, 1.6, 2.4):
        assert calibration.witness(bent, 1.0, 0.0, expected, 0.0) is None
    said = calibration.witness(bent, 1.0, 0.0, 3.0, 0.0)
    assert said == "along a direction they say 3, a plain central difference 2"
    assert calibration.witness(bent, 1.0, 0.0, 3.0, 0.6) is None
    assert calibration.witness(bent, 1.0, 0.1, 3.0, 0.0) is None
    assert calibration.witness(line(lambda t: np.nan * t), 1.0, 0.0, 3.0, 0.0) is None
