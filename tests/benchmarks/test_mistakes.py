"""No known mistake is given a cause that is not there, and most are given the one that is."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def mistakes(campaign: ModuleType) -> ModuleType:
    """The script as a module, beside those of the campaign."""
    return importlib.import_module("mistakes")


def test_the_right_gradients_are_right(mistakes: ModuleType) -> None:
    """Of every kind of network: what is planted is the only thing that is wrong."""
    for seed, kind in enumerate({repr(m.network): m.network for m in mistakes.mistakes()}.values()):
        net = mistakes.Network(seed, **kind)

        def gradient(given: object, net: object = net) -> object:
            p = net.split(given)  # type: ignore[attr-defined]
            found = mistakes._add(net.loss_gradient(p), net.slope_of_penalty(p))  # type: ignore[attr-defined]
            return net.join(found) if net.flat else found  # type: ignore[attr-defined]

        report = mistakes.check_gradients(net.cost, gradient, net.given())
        assert report.verdict == "pass", (kind, str(report))


def test_none_is_misnamed_and_most_are_named(mistakes: ModuleType) -> None:
    """One network each; the command takes five."""
    found = {m.title: mistakes.verdict(m, seed=7) for m in mistakes.mistakes()}
    assert {title for title, said in found.items() if said in ("misnamed", "missed")} == set()
    assert sum(said == "named" for said in found.values()) >= 0.75 * len(found)
    assert len(found) >= 60


def test_a_misnamed_one_would_be_counted(mistakes: ModuleType) -> None:
    """A flipped sign, of which a sum over the batch is expected."""
    sign = next(m for m in mistakes.mistakes() if m.title == "sign")
    assert mistakes.verdict(sign, seed=0) == "named"
    other = mistakes.Mistake(**{**vars(sign), "codes": ("sum-for-mean",)})
    assert mistakes.verdict(other, seed=0) == "misnamed"
