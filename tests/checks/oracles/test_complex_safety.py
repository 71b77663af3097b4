from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from checks.oracles.complex_safety import blind_spot, complex_cost, why_not_complex_safe
from checks.problem.nested import Array
from checks.problem.problem import black_box
from tests.checks.problems import network, vector

AT = [0.5, -1.0, 2.0]


def asserts(p: Array) -> Any:
    """A cost that says what it is made for."""
    assert not np.iscomplexobj(p), "only real ones"
    return np.exp(p).sum()


REFUSE: dict[str, tuple[Any, str]] = {
    "casts": (lambda p: np.exp(p.astype(float)).sum(), "the cost does not take complex parameters"),
    "asserts": (asserts, "the cost does not take complex parameters (only real ones)"),
    "float": (lambda p: float(np.exp(p).sum()), "the cost does not take complex parameters ("),
    "real": (lambda p: np.exp(p.real).sum(), "the cost gives back a real number for complex"),
    "None": (
        lambda p: None if np.iscomplexobj(p) else np.exp(p).sum(),
        "the cost gives back a real",
    ),
    "many": (
        lambda p: np.exp(p) if np.iscomplexobj(p) else np.exp(p).sum(),
        "gives back (3,) numbers",
    ),
    "another": (
        lambda p: (p**2).sum() if np.iscomplexobj(p) else (p**3).sum(),
        "with complex parameters the cost is 5.25, not 7.125",
    ),
    "NaN": (
        lambda p: np.nan * p.sum() if np.iscomplexobj(p) else p.sum(),
        "the cost is nan, not 1.5",
    ),
}


@pytest.mark.parametrize("name", REFUSE)
def test_a_cost_that_takes_no_complex_parameters_says_why(name: str) -> None:
    """Whether it raises, warns, drops the imaginary part or becomes another."""
    cost, why = REFUSE[name]
    problem = vector(cost, np.exp, AT)
    assert why in str(why_not_complex_safe(problem, float(cost(np.asarray(AT)))))


@pytest.mark.parametrize(
    "cost", [lambda p: np.exp(p).sum(), lambda p: (p**3).mean(keepdims=True), lambda p: p @ p]
)
def test_a_cost_that_takes_them_is_not_refused(cost: Any) -> None:
    """One number in any form."""
    assert (
        why_not_complex_safe(vector(cost, np.exp, AT), float(np.squeeze(cost(np.asarray(AT)))))
        is None
    )


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "softplus"])
def test_networks_are_not_refused_and_have_no_blind_spot(activation: str) -> None:
    """Their functions are known."""
    problem = network(activation=activation)
    assert why_not_complex_safe(problem, float(problem.cost(problem.values))) is None
    assert blind_spot(problem) is None


def test_half_the_digits_have_to_agree() -> None:
    """Of the real cost and of that with complex parameters; confirmation looks into the rest."""
    for share, refused in ((1e-9, False), (1e-7, True)):
        cost = lambda p, s=share: p.sum() * (1 + s * np.iscomplexobj(p))  # noqa: E731
        assert bool(why_not_complex_safe(vector(cost, np.ones_like, AT), 1.5)) is refused


def test_what_may_not_be_seen_is_named() -> None:
    """By the function that the cost calls; nothing where there is none."""
    said = blind_spot(vector(lambda p: (np.abs(p) ** 3).sum(), np.sign, AT))
    assert said == "the cost calls absolute, which has no complex derivative"
    assert blind_spot(vector(lambda p: (p**3).sum(), np.sign, AT)) is None


@pytest.mark.parametrize("error", [MemoryError, OSError, FileNotFoundError])
def test_an_error_of_the_surroundings_is_no_refusal(error: type[Exception]) -> None:
    """It is raised."""

    def cost(p: Array) -> Any:
        if np.iscomplexobj(p):
            raise error("no more")
        return p.sum()

    problem = vector(cost, np.ones_like, AT)
    with pytest.raises(error):
        why_not_complex_safe(problem, 1.5)


def test_a_complex_cost_is_a_number_or_a_type_error() -> None:
    """Whatever the cost raises, with its first line, or the name of what it raises."""

    def raising(error: Exception) -> Any:
        def cost(p: Array) -> Any:
            raise error

        return vector(cost, np.ones_like, AT)

    with pytest.raises(TypeError, match=r"^first$"):
        complex_cost(raising(KeyboardError("first\nsecond")), [np.ones(3)])
    with pytest.raises(TypeError, match=r"^KeyboardError$"):
        complex_cost(raising(KeyboardError()), [np.ones(3)])
    with pytest.raises(KeyboardInterrupt):
        complex_cost(raising(KeyboardInterrupt()), [np.ones(3)])  # type: ignore[arg-type]
    found = complex_cost(black_box(lambda p: p.sum(), np.ones_like, np.ones(2)), [np.full(2, 1j)])
    assert found == 2j
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(TypeError, match="discards the imaginary part"):
            complex_cost(vector(REFUSE["casts"][0], np.exp, AT), [np.full(3, 1j)])


class KeyboardError(Exception):
    """An error of its own kind."""
