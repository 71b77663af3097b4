import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backprop import activations, init_net, passes
from backprop.gears import trace
from backprop.gears.gear_train import GearTrain, Path, multiplications

SHAPES = [(1, 1), (3, 2, 1), (3, 2, 4, 2), (2, 3, 4, 3, 2), (20, 12, 10)]
COSTS = ["quadratic", "cross-entropy", "softmax-cross-entropy"]


def followed(shape: tuple[int, ...], weight: str, **options: Any) -> tuple[GearTrain, Any]:
    """A train, and the gradient that it should arrive at."""
    net = init_net(shape, **options)
    x = np.random.default_rng(1).uniform(size=(1, shape[0]))
    return trace.trace(net, x, np.array([0]), weight), passes.gradients(net, x, np.array([0]))


def ratios(train: GearTrain, path: Path) -> list[float]:
    """The values of the gears on a path."""
    return [train.gears[pair].value for pair in itertools.pairwise(path.stops)]


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus", "identity"])
def test_all_ways_lead_to_the_gradient(shape: tuple[int, ...], cost: str, activation: str) -> None:
    """The sum over the paths, the checkpoint and the rerun agree, for weights and biases."""
    for layer in range(1, len(shape)):
        for weight in (f"W{layer}[0, {shape[layer] - 1}]", f"b{layer}[0]"):
            train, gradients = followed(shape, weight, cost=cost, activation=activation)
            tensor, index = trace.coordinate(train.net, weight)
            expected = gradients[layer - 1][tensor == f"b{layer}"][index]
            assert train.analytic == pytest.approx(expected, rel=1e-12)
            assert train.total == pytest.approx(expected, rel=1e-9, abs=1e-15)
            assert train.rerun == pytest.approx(expected, rel=1e-5, abs=1e-10)


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_each_gear_turns_as_its_formula_says(shape: tuple[int, ...], cost: str) -> None:
    """Nudged alone, it shows the ratio; a path's product is that of its gears."""
    train, _ = followed(shape, "W1[0, 0]", cost=cost, activation="tanh")
    for gear in train.gears.values():
        assert gear.measured == pytest.approx(gear.value, rel=1e-5, abs=1e-9), gear
    for path in train.paths:
        assert path.stops[0] == "W1[0, 0]"
        assert path.stops[-1] == "C"
        assert path.product == pytest.approx(math.prod(ratios(train, path)), rel=1e-12)


@pytest.mark.parametrize("name", [*trace.SLOPES])
def test_the_formulas_are_those_of_the_activations(name: str) -> None:
    """What is printed beside a ratio is what is worked out."""
    a = np.array([0.25, 0.75])
    for value, slope in zip(a, activations.ACTIVATIONS[name].slope(a), strict=True):
        text = trace.SLOPES[name]
        expected = float(value > 0) if name == "relu" else eval(text, {"a": value, "exp": np.exp})  # noqa: S307
        assert float(slope) == pytest.approx(expected)


def test_every_activation_has_its_formula() -> None:
    """Softmax has none: its slope is the cost's."""
    assert {*trace.SLOPES} == {*activations.ACTIVATIONS} - {"softmax"}
    assert {*trace.DELTAS} == {*COSTS} - {"quadratic"}


@pytest.mark.parametrize("cost", COSTS)
def test_the_strongest_paths_are_shown(cost: str) -> None:
    """Five of many, the largest products of all, and the rest is what is missing."""
    shape = (3, 4, 5, 6)
    train, _ = followed(shape, "W1[2, 3]", cost=cost)
    net, apart = train.net, cost == "quadratic"
    x = np.random.default_rng(1).uniform(size=(1, 3))
    a = passes.forward(net, x)
    delta = passes.gradients(net, x, np.array([0]))[-1][1]
    products = [
        x[0, 2] * _slope(a[1], 3) * net.weights[1][3, k] * _slope(a[2], k)
        * net.weights[2][k, m] * delta[m]
        for k in range(5) for m in range(6)
    ]  # fmt: skip
    strongest = sorted(products, key=abs, reverse=True)
    assert train.path_count == 30
    assert [p.product for p in train.paths] == pytest.approx(strongest[:5], rel=1e-12)
    assert train.rest == pytest.approx(sum(strongest[5:]), rel=1e-9)
    assert len(train.paths[0].stops) == (8 if apart else 7)


def _slope(a: Any, unit: int) -> float:
    return float(a[0, unit] * (1 - a[0, unit]))


@pytest.mark.parametrize(("last", "shown"), [(1, 1), (5, 5), (6, 6), (7, 5), (300, 5)])
def test_wide_networks_are_folded(last: int, shown: int) -> None:
    """Six take no more room than five and a line that one is left out."""
    train, _ = followed((2, 3, last), "W1[0, 0]")
    assert (train.path_count, len(train.paths)) == (last, shown)
    assert train.rest == pytest.approx(0, abs=1e-12 if shown == last else 1)


def test_checkpoints_are_the_deltas() -> None:
    """One at each pre-activation on the way, and none elsewhere."""
    train, gradients = followed((3, 2, 2), "W1[0, 1]")
    assert [*train.checkpoints] == ["z1[1]", "z2[0]", "z2[1]"]
    assert train.checkpoints["z1[1]"] == gradients[0][1][1]
    assert train.checkpoints["z2[0]"] == gradients[1][1][0]


@pytest.mark.parametrize(
    ("shape", "apart", "by_path", "kept"),
    [
        ((1, 1), True, 2 + 1, 1 + 1),  # x f' (a - y), and f' (a - y) for the bias
        ((1, 1), False, 1, 1),
        ((1, 1, 1), True, (4 + 3) + (2 + 1), 1 + 1 + 2 + 1),
        ((2, 1, 3), False, (2 * 3 + 2) * 3 + 3 * 1, 3 + 2 + 3 + 1),
    ],
)
def test_multiplications_are_counted(
    shape: tuple[int, ...], by_path: int, kept: int, *, apart: bool
) -> None:
    """Of every product along every path, and of those that `backward` takes."""
    assert multiplications(shape, apart=apart) == (by_path, kept)


def test_a_wrong_slope_shows_in_its_gear(monkeypatch: pytest.MonkeyPatch) -> None:
    """And in no other; the slope along the paths is then not that of the rerun."""
    right = activations.ACTIVATIONS["tanh"]
    wrong = replace(right, slope=lambda a: 1 - a)
    monkeypatch.setitem(activations.ACTIVATIONS, "tanh", wrong)
    train, _ = followed((2, 2, 1), "W1[0, 0]", activation=["tanh", "sigmoid"])
    off = [g for g in train.gears.values() if g.measured != pytest.approx(g.value, rel=1e-4)]
    assert [(g.driver, g.driven) for g in off] == [("z1[0]", "a1[0]")]
    assert train.total != pytest.approx(train.rerun, rel=1e-3)


def test_a_wrong_backward_shows_in_the_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum over the paths does not come from `backward`."""
    inner = passes.backward

    def doubled(net: Any, activations: Any, y: Any) -> None:
        inner(net, activations, y)
        net.dW[0] *= 2

    monkeypatch.setattr(passes, "backward", doubled)
    train, _ = followed((3, 2, 2), "W1[0, 1]")
    assert train.analytic == pytest.approx(2 * train.total)
    assert train.rerun == pytest.approx(train.total, rel=1e-5)


@pytest.mark.parametrize("text", ["W1[0,1]", " W1 [ 0 , 1 ] ", "W1[00, 1]"])
def test_spaces_do_not_matter(text: str) -> None:
    """One name, however it is typed."""
    assert trace.coordinate(init_net((3, 2)), text) == ("W1", (0, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("W1", "expected a name such as W1[0, 1] or b1[0], got 'W1'; in a shell, put it in"),
        ("W1[0, -1]", "expected a name such as"),
        ("x[0]", "expected a name such as"),
        ("W3[0, 0]", "expected one of W1, b1, W2, b2, the tensors of 3-2-1, got W3"),
        ("W1[3, 0]", "expected W1[0, 0] to W1[2, 1], counted from 0, got W1[3, 0]"),
        ("W1[0]", "expected W1[0, 0] to W1[2, 1]"),
        ("b1[0, 0]", "expected b1[0] to b1[1]"),
        ("b2[1]", "expected b2[0] to b2[0]"),
    ],
)
def test_a_weight_that_is_none_is_refused(text: str, message: str) -> None:
    """By what there is instead."""
    with pytest.raises(ValueError) as error:
        trace.coordinate(init_net((3, 2, 1)), text)
    assert message in str(error.value)


def test_one_sample_is_followed() -> None:
    """More are refused, by name."""
    with pytest.raises(ValueError, match=r"x: expected one sample, shape \(1, 2\), got \(3, 2\)"):
        trace.trace(init_net((2, 1)), np.zeros((3, 2)), np.zeros(3, int), "W1[0, 0]")


def test_the_network_is_left_alone() -> None:
    """Not a bit of it is changed."""
    net = init_net((3, 2, 2), dtype="float32")
    before = {name: p.copy() for name, p in net.parameters.items()}
    trace.trace(net, np.ones((1, 3)), np.array([1]), "W2[0, 0]")
    for name, p in net.parameters.items():
        assert np.array_equal(p, before[name])
        assert p.dtype == np.float32
