"""Oracles are broken as they say, and what a broken one leads to counts."""

from __future__ import annotations

from collections import Counter
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from checks.oracles import calibration, registry
from checks.oracles.levels import Levels
from checks.oracles.lines import Lines


def two_lines() -> Lines:
    """Along which the cost is 3 t and -2 t."""
    factors = np.asarray([3.0, -2.0])
    return Lines(
        costs=lambda which, t: factors[which] * t, unit=np.ones(2), spacing=np.full(2, 2.0**-52)
    )


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("a tenth too large", [3.3, -2.2]),
        ("of the other sign", [-3, 2]),
        ("zero", [0, 0]),
        ("constant", [1, 1]),
        ("another line's", [-2, 3]),
        ("absolute", [3, 2]),
    ],
)
def test_both_families_make_the_same_mistakes(
    campaign: ModuleType, title: str, expected: list[float]
) -> None:
    """The intervals of real differences lie around what the complex step says."""
    with campaign.broken._broken("complex_step", title):
        slope, _ = registry.complex_step(two_lines())
    assert np.allclose(slope, expected)
    levels = Levels(two_lines(), 0.0, 1e-16)
    with campaign.broken._broken("scan", title):
        found = registry.scan(levels, np.asarray([3.0, -2.0]), np.full(2, 1e-6))
    for each in (found, levels.evidence()):
        seen = np.isfinite(each.lo)
        middle = (each.lo + each.hi) / 2
        assert seen.any(axis=0).all()
        assert np.allclose(middle[seen], np.broadcast_to(expected, middle.shape)[seen])
        assert np.all(each.width[seen] >= 0)


@pytest.mark.parametrize("name", ["complex_step", "scan"])
def test_only_a_sly_one_slips_through_calibration(campaign: ModuleType, name: str) -> None:
    """Whatever is wrong with it."""
    for title in campaign.broken.TITLES:
        with campaign.broken._broken(name, title):
            assert calibration.miscalibrated_oracle() is not None
        with campaign.broken._broken(name, title, sly=True):
            assert calibration.miscalibrated_oracle() is None


def test_every_broken_oracle_is_told(campaign: ModuleType) -> None:
    """Of three kinds of subjects, with right gradients and wrong ones."""
    counts = campaign.broken.broken_oracles(3)
    titles = len(campaign.broken.TITLES)
    assert counts["broken oracles"] == counts["broken oracles, told"] == 3 * 2 * titles * 2
    assert counts["broken oracles, wrong passed"] == counts["broken oracles, right failed"] == 0


@pytest.mark.parametrize(("verdict", "broken"), [("pass", (True, False)), ("fail", (False, True))])
def test_a_check_that_always_says_the_same_breaks_a_promise(
    campaign: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verdict: str,
    broken: tuple[bool, bool],
) -> None:
    """By the wrong gradients that it passes, or the right ones that it fails."""
    monkeypatch.setattr(
        campaign.broken,
        "run_check",
        lambda *_, **__: SimpleNamespace(verdict=verdict, diagnosis=None),
    )
    for part, which in (("broken_oracles", "broken oracles"), ("sly_oracles", "sly oracles")):
        counts = Counter(getattr(campaign.broken, part)(0))
        found = counts[f"{which}, wrong passed"] > 0, counts[f"{which}, right failed"] > 0
        assert found == broken
    assert "sly oracle: seed 0" in capsys.readouterr().err
