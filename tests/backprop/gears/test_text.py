import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backprop import activations, costs, init_net
from backprop.gears import text, trace


def told(shape: tuple[int, ...], weight: str = "W1[0, 0]", **options: Any) -> str:
    """The text for one sample."""
    net = init_net(shape, **options)
    x = np.random.default_rng(1).uniform(size=(1, shape[0]))
    return text.text(trace.trace(net, x, np.array([0]), weight))


@pytest.mark.parametrize("cost", ["quadratic", "cross-entropy", "softmax-cross-entropy"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 2, 1), (784, 40, 10), (2, 3, 4, 3, 2), (2, 2000)])
def test_fits_a_terminal(shape: tuple[int, ...], cost: str) -> None:
    """80 columns, whatever the shape."""
    lines = told(shape, cost=cost, activation="tanh").splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) < 100


def test_everything_is_there() -> None:
    """Formula, value and measurement of each gear; the product; the slope, three times."""
    said = told((3, 2, 1), "W1[0, 1]")
    for gear in ("W1[0, 1] -> z1[1]  x[0] ", "* z1[1] -> a1[1]     a1[1] * (1 - a1[1])",
                 "  a1[1] -> z2[0]     W2[1, 0] ", "* z2[0] -> a2[0]     a2[0] * (1 - a2[0])",
                 "  a2[0] -> C         a2[0] - y[0] "):  # fmt: skip
        (line,) = [line for line in said.splitlines() if gear in line]
        value, measured = line.split()[-2:]
        assert float(value) == pytest.approx(float(measured), rel=1e-3)
    assert "  delta1[1] = dC/dz1[1] = " in said
    slopes = re.findall(r"^  (?:the|from|perturb).* (\S+)$", said, re.MULTILINE)
    assert len(slopes) == 3
    assert len({f"{float(slope):.4g}" for slope in slopes}) == 1
    (product,) = re.findall(r"^  (.* \* .*) = (\S+)$", said, re.MULTILINE)
    assert eval(product[0]) == pytest.approx(float(product[1]), rel=1e-3)  # noqa: S307
    assert "all 11 parameters takes 35 multiplications" in said
    assert "with the checkpoints, 13" in " ".join(said.split())


def test_what_is_folded_is_counted() -> None:
    """The strongest five, and the sum of the others."""
    said = told((3, 4, 10))
    assert "10 paths to the cost" in said
    assert "along each path, the strongest 5 of them:" in said
    assert "  the other 5 paths add up to " in said
    assert said.count("\n  by z1[0], a1[0], z2[") == 5
    assert "other" not in told((3, 4, 6))


def test_a_wrong_ratio_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a right one is not."""
    assert "!" not in told((2, 2, 1), activation=["tanh", "sigmoid"])
    wrong = replace(activations.ACTIVATIONS["tanh"], slope=lambda a: 1 - a)
    monkeypatch.setitem(activations.ACTIVATIONS, "tanh", wrong)
    said = told((2, 2, 1), activation=["tanh", "sigmoid"])
    marked = [line for line in said.splitlines() if line.endswith(" !")]
    assert [line.split()[1] for line in marked] == ["z1[0]"]
    assert "! is further from its formula than a nudge explains" in said


def test_a_cost_of_ones_own_is_told_without_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is particular to the built-in ones is not claimed of others."""
    quartic = costs.Cost(
        value=lambda z, a, y: ((a - y) ** 4).sum(axis=-1),
        delta=lambda a, y, slope: 4 * (a - y) ** 3 * slope(a),
    )
    monkeypatch.setitem(costs.COSTS, "quartic", quartic)
    said = told((2, 2, 1), cost="quartic")
    assert "- y" not in said
    assert re.search(r"\* z2\[0\] -> C +dC/dz +(\S+) +\1\n", said)


def test_a_slope_of_zero_shows_nothing() -> None:
    """As behind a unit that is not active."""
    net = init_net((3, 4, 2), activation="relu")
    net.biases[0][:] = -9
    train = trace.trace(net, np.full((1, 3), 0.5), np.array([1]), "W1[0, 0]")
    assert "All are zero: a slope that shows nothing." in text.text(train)


def test_nothing_to_reuse_is_said() -> None:
    """Where there is a single ratio."""
    assert "There is nothing to reuse" in told((3, 2), cost="cross-entropy")
