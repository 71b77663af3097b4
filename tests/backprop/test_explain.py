import re
from typing import Any

import numpy as np
import pytest

from backprop import costs, init_net, passes
from backprop.explain import explain


def worked(shape: tuple[int, ...], label: int = 0, **options: Any) -> tuple[str, Any]:
    """The text, and the gradient that it should end in."""
    net = init_net(shape, **options)
    x = np.random.default_rng(1).uniform(size=(1, shape[0]))
    y = np.array([label])
    return explain(net, x, y), passes.gradients(net, x, y)


def numbers_after(text: str, label: str) -> list[str]:
    """The last number of each line that begins with a label."""
    found = re.findall(rf"^\s*{re.escape(label)}.*?(\S+)$", text, re.MULTILINE)
    assert found, f"{label} is not in the text:\n{text}"
    return list(found)


SHAPES = [(1, 1), (2, 2, 1), (3, 1, 4, 1), (784, 40, 10), (5, 2000)]
COSTS = ["quadratic", "cross-entropy", "softmax-cross-entropy"]


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_fits_a_terminal(shape: tuple[int, ...], cost: str) -> None:
    """80 columns are enough, and a few dozen lines, whatever the shape."""
    text, _ = worked(shape, cost=cost, activation="tanh")
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) < 25 + 20 * len(shape)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_the_numbers_are_those_of_the_gradient(shape: tuple[int, ...], cost: str) -> None:
    """Every dW and db that is shown is the one that `gradients` returns."""
    text, gradients = worked(shape, cost=cost)
    shown = re.findall(r"dW(\d+)\[(\d+), (\d+)\] = .* = (\S+)$", text, re.MULTILINE)
    assert len(shown) == len(gradients)
    for layer, row, column, value in shown:
        dW, db = gradients[int(layer) - 1]
        assert f"{dW[int(row), int(column)]:.5g}" == value
        assert f"{db[int(column)]:.5g}" in numbers_after(text, f"db{layer}[{column}]")


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("shape", SHAPES[1:4])
def test_nudging_shows_the_same_slope(shape: tuple[int, ...], cost: str) -> None:
    """Perturbing and running again gives the number that the ratios gave."""
    text, _ = worked(shape, cost=cost)
    (nudged,) = numbers_after(text, "their difference / 2h")
    above = re.search(r"from above\s+= (\S+)$", text, re.MULTILINE)
    assert above is not None
    assert float(nudged) == pytest.approx(float(above[1]), rel=1e-4, abs=1e-11)


def test_a_wrong_gradient_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two slopes are worked out apart: a bug in one is not in the other."""
    inner = passes.backward

    def doubled(net: Any, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        net.dW[0] *= 2

    monkeypatch.setattr(passes, "backward", doubled)
    text, _ = worked((2, 2, 1))
    (nudged,) = numbers_after(text, "their difference / 2h")
    above = re.search(r"from above\s+= (\S+)$", text, re.MULTILINE)
    assert above is not None
    assert float(above[1]) == pytest.approx(2 * float(nudged), rel=1e-4)


def test_quadratic_cost_shows_each_ratio() -> None:
    """Cost, activation and weight: three ratios a layer, and the checkpoint between."""
    text, _ = worked((2, 2, 1))
    for label in (
        "z1[",
        "a1[",
        "z2[",
        "a2[",
        "C =",
        "dC/da2[0] = a - y",
        "da2/dz2[0]",
        "delta2[0]",
        "dW2[",
        "db2[",
        "dC/da1[",
        "da1/dz1[",
        "delta1[",
        "dW1[",
        "db1[",
    ):
        assert f"  {label}" in text, label


@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 2, 2, 2), (40, 30, 20, 15)])
def test_results_stand_below_their_sums(shape: tuple[int, ...]) -> None:
    """The equals signs one below the other, however wide the name before them is."""
    lines = worked(shape, activation="tanh")[0].splitlines()
    below = [k for k, line in enumerate(lines) if re.match(r" += \S+$", line)]
    assert len(below) == 2 * len(shape) - 3
    for k in below:
        assert lines[k].index("=") == lines[k - 1].index("="), lines[k - 1 : k + 1]


def test_nothing_is_left_out_that_takes_no_more_room() -> None:
    """A fifth number of a row, and a third product where it fits; what does not fit is counted."""
    row = "[0, 0, 1, 0, 0]"
    text, _ = worked((3, 5), label=2)
    assert f"y = {row}" in text
    net = init_net((3, 1))
    net.weights[0][:] = 1
    x, y = np.array([[0.5, 0.25, 0.75]]), np.ones((1, 1))
    z = f"z1[0] = 0.5 * 1 + 0.25 * 1 + 0.75 * 1 + {net.biases[0][0]:.5g}\n"
    assert z.replace("+ -", "- ") in explain(net, x, y)
    net.weights[0][:] = -0.0123456
    assert "(-0.012346) + … 1 more" in explain(net, x / 7.123456, y)
    assert "… 2 more" in worked((4, 6))[0]
    assert "… 1 more" not in worked((4, 6))[0]


def test_what_the_next_layer_takes_is_shown() -> None:
    """All that a hidden layer hands on, not only the unit that is worked out."""
    text, _ = worked((2, 2, 1))
    (a,) = re.findall(r"  a1 = \[(.*)\], the others likewise\n", text)
    (z2,) = re.findall(r"  z2\[0\] = (.*)\n", text)
    for value in a.split(", "):
        assert value in z2
    assert "likewise" not in worked((2, 1, 2))[0]


def test_a_cost_of_ones_own_is_explained_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is particular to the built-in costs is not claimed of others."""
    quartic = costs.Cost(
        value=lambda z, a, y: ((a - y) ** 4).sum(axis=-1),
        delta=lambda a, y, slope: 4 * (a - y) ** 3 * slope(a),
    )
    monkeypatch.setitem(costs.COSTS, "quartic", quartic)
    text, _ = worked((2, 2, 1), cost="quartic")
    assert "a - y" not in text
    assert "taken together by the cost, quartic" in text


def test_one_sample_is_explained() -> None:
    """More are refused, by name."""
    net = init_net((2, 1))
    with pytest.raises(ValueError, match=r"x: expected one sample, shape \(1, 2\), got \(3, 2\)"):
        explain(net, np.zeros((3, 2)), np.zeros(3, int))


def test_the_steepest_path_is_followed() -> None:
    """A saturated unit shows nothing, however much the output listens to it."""
    net = init_net((3, 4, 2), seed=3)
    net.biases[0][2] = 40
    net.weights[1][2] = 50
    x, y = np.full((1, 3), 0.5), np.array([1])
    (dW1, _), _ = passes.gradients(net, x, y)
    row, unit = (int(i) for i in np.unravel_index(np.abs(dW1).argmax(), dW1.shape))
    text = explain(net, x, y)
    assert f"nudge W1[{row}, {unit}] by" in text
    assert unit != 2
    assert f"layer 1, unit {unit}\n" in text


def difference(text: str) -> tuple[float, float]:
    """How far apart the text says the slopes are, and what it says the last digit is worth."""
    found = re.search(r"They differ by (\S+) of their size; .* is worth (\S+) of it\.", text)
    assert found is not None
    return float(found[1]), float(found[2])


def test_the_text_says_how_far_the_slopes_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """To many digits; not so where one of them is wrong, or where too little is left of C."""
    right, digit = difference(worked((3, 4, 2))[0])
    assert right < 1e-7
    assert digit < 1e-9
    inner = passes.backward

    def scaled(factor: float) -> None:
        def backward(net: Any, activations: Any, y: Any) -> None:
            inner(net, activations, y)
            net.dW[0] *= factor

        monkeypatch.setattr(passes, "backward", backward)

    scaled(2)
    assert difference(worked((3, 4, 2))[0])[0] == pytest.approx(0.5)
    scaled(1)
    net = init_net((3, 4, 2))
    net.biases[0][:] = 25  # all are saturated
    apart, digit = difference(explain(net, np.full((1, 3), 0.5), np.array([1])))
    assert apart > 1e-5
    assert digit > 1e-5


def test_two_zeros_agree_on_nothing() -> None:
    """As where no unit is active: there is no size to be a part of."""
    net = init_net((3, 4, 2), activation="relu")
    net.biases[0][:] = -9
    assert "Both are zero: a slope that shows nothing." in explain(
        net, np.full((1, 3), 0.5), np.array([1])
    )
