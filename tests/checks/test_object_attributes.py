"""Networks that keep their weights in attributes, as tutorials write them."""

# ruff: noqa: D102 tutorials' methods have none
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from checks import attributes, check_gradients
from checks.methods.options import Method

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))


class Net:
    """Two layers; it remembers what it saw, and adds its gradients up."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.W1, self.b1 = rng.normal(size=(3, 4)), np.zeros(4)
        self.W2, self.b2 = rng.normal(size=(4, 2)), np.zeros(2)
        self.calls = 0
        self.zero_grad()

    def zero_grad(self) -> None:
        self.dW1, self.db1 = np.zeros((3, 4)), np.zeros(4)
        self.dW2, self.db2 = np.zeros((4, 2)), np.zeros(2)

    def forward(self, x: Any) -> Any:
        self.calls += 1
        self.x, self.a = x, np.tanh(x @ self.W1 + self.b1)
        return self.a @ self.W2 + self.b2

    def loss(self) -> Any:
        return ((self.forward(X) - Y) ** 2).sum() / 2 / len(X)

    def backward(self, slope: Callable[[Any], Any] = lambda a: 1 - a**2) -> None:
        delta = (self.a @ self.W2 + self.b2 - Y) / len(X)
        self.dW2 += self.a.T @ delta
        self.db2 += delta.sum(0)
        delta = delta @ self.W2.T * slope(self.a)
        self.dW1 += self.x.T @ delta
        self.db1 += delta.sum(0)

    def gradients(self, **options: Any) -> None:
        self.zero_grad()
        self.forward(X)
        self.backward(**options)


NAMES, STORED = ["W1", "b1", "W2", "b2"], ["dW1", "db1", "dW2", "db2"]


def state(net: Net) -> dict[str, Any]:
    """All that is in it; arrays by what they hold."""
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in vars(net).items()}


@pytest.mark.parametrize("method", ["sweep", "probe"])
def test_a_right_network_passes_and_is_as_before(method: Method) -> None:
    """The same arrays with the same numbers, and no trace of any call."""
    net = Net()
    before, arrays = state(net), [net.W1, net.dW1]
    problem = attributes(net, NAMES, cost=net.loss, gradients=net.gradients, stored=STORED)
    report = check_gradients(problem, method=method)
    assert (report.verdict, report.checked) == ("pass", report.parameters), str(report)
    assert [t.name for t in report.tensors] == NAMES
    assert not report.notes
    assert state(net) == before
    assert all(one is other for one, other in zip([net.W1, net.dW1], arrays, strict=True))


def test_a_wrong_slope_is_found_where_it_enters() -> None:
    """In the first layer's tensors alone."""
    net = Net()

    def wrong() -> None:
        net.gradients(slope=lambda a: 1 - a)

    report = check_gradients(attributes(net, NAMES, cost=net.loss, gradients=wrong, stored=STORED))
    assert {t.name: t.failed for t in report.tensors} == {"W1": 12, "b1": 4, "W2": 0, "b2": 0}


def test_a_forgotten_zero_grad_is_named() -> None:
    """As an accumulation, not as noise; and what was added up is gone after the check."""
    net = Net()

    def without_zero() -> None:
        net.forward(X)
        net.backward()

    report = check_gradients(
        attributes(net, NAMES, cost=net.loss, gradients=without_zero, stored=STORED)
    )
    assert report.diagnosis is not None
    assert report.diagnosis.code == "accumulates"
    assert not net.dW1.any()


def test_a_gradient_of_what_the_last_forward_left_is_named() -> None:
    """It has to run the forward pass itself."""
    net = Net()
    net.forward(X)

    def backward_alone() -> None:
        net.zero_grad()
        net.backward()

    report = check_gradients(
        attributes(net, NAMES, cost=net.loss, gradients=backward_alone, stored=STORED)
    )
    assert report.diagnosis is not None
    assert report.diagnosis.code == "stale"


def test_after_an_exception_it_is_as_before() -> None:
    """Of the gradient, or of the cost in the middle."""
    net = Net()
    before, weights = state(net), net.W1

    def broken() -> None:
        net.W2[...] = 9
        raise KeyError("no cache")

    with pytest.raises(KeyError, match="no cache"):
        check_gradients(attributes(net, NAMES, cost=net.loss, gradients=broken, stored=STORED))
    assert state(net) == before
    assert net.W1 is weights


@dataclass(frozen=True)
class Dense:
    """One layer; frozen, as people like them."""

    W: Any
    b: Any
    name: str = "dense"


@dataclass
class Deep:
    """Layers in a list, and other things in other ways."""

    layers: list[Dense] = field(
        default_factory=lambda: [
            Dense(np.random.default_rng(k).normal(size=(2, 2)), np.zeros(2)) for k in range(2)
        ]
    )
    scales: tuple[Any, Any] = (np.ones(2), 2.0)
    more: dict[str, Any] = field(default_factory=lambda: {"gain": np.ones(1), "note": "text"})

    def loss(self) -> Any:
        a = X[:, :2]
        for layer in self.layers:
            a = np.tanh(a @ layer.W + layer.b)
        return (a * self.scales[0] * self.scales[1] * self.more["gain"]).sum()

    def gradients(self) -> dict[str, Any]:
        a, kept = X[:, :2], []
        for layer in self.layers:
            kept.append(a)
            a = np.tanh(a @ layer.W + layer.b)
        s, t, gain = *self.scales, self.more["gain"]
        found = {
            "scales": (a.sum(0) * t * gain, (a * s * gain).sum()),
            "more.gain": np.asarray([(a * s * t).sum()]),
        }
        delta = np.ones(a.shape) * s * t * gain
        for k in (1, 0):
            delta = delta * (1 - np.tanh(kept[k] @ self.layers[k].W + self.layers[k].b) ** 2)
            found[f"layers.{k}.W"], found[f"layers.{k}.b"] = kept[k].T @ delta, delta.sum(0)
            delta = delta @ self.layers[k].W.T
        return found


@pytest.mark.parametrize(
    "names",
    [
        ["layers.*.W", "layers.*.b", "scales", "more.gain"],
        ["layers.0.W", "layers.1.W", "layers.*.b", "scales", "more.gain"],
    ],
)
def test_layers_in_a_list_are_named_one_by_one(names: list[str]) -> None:
    """Frozen dataclasses, tuples and dicts hold parameters as well."""
    deep = Deep()
    problem = attributes(deep, names, cost=deep.loss, gradients=deep.gradients)
    report = check_gradients(problem)
    assert report.verdict == "pass", str(report)
    assert [t.name for t in report.tensors] == [
        "layers.0.W", "layers.1.W", "layers.0.b", "layers.1.b", "scales.0", "scales.1", "more.gain",
    ]  # fmt: skip


def test_a_list_of_dataclasses_can_be_named_as_a_whole() -> None:
    """Its fields that are no numbers stay what they are."""
    deep = Deep()

    def gradients() -> Any:
        found = deep.gradients()
        return [Dense(W=found[f"layers.{k}.W"], b=found[f"layers.{k}.b"]) for k in (0, 1)]

    problem = attributes(
        deep, ["layers"], cost=deep.loss, gradients=lambda: {"layers": gradients()}
    )
    report = check_gradients(problem)
    assert report.verdict == "pass", str(report)
    assert report.tensors[0].name == "layers.0.W"
    assert deep.layers[0].name == "dense"


def test_one_attribute_has_one_gradient() -> None:
    """Returned as it is."""
    deep = Deep()
    one = attributes(
        deep, ["more.gain"], cost=deep.loss, gradients=lambda: deep.gradients()["more.gain"]
    )
    assert check_gradients(one).verdict == "pass"


@pytest.mark.parametrize("wrap", [lambda found: found, lambda found: {"more": found}])
def test_a_dict_that_is_one_attribute_has_a_dict_for_its_gradient(wrap: Any) -> None:
    """With its own keys, or under its name."""

    class Holder:
        more: dict[str, Any]

    holder = Holder()
    holder.more = {"W": np.ones((2, 2)), "b": np.zeros(2)}
    problem = attributes(
        holder,
        ["more"],
        cost=lambda: (holder.more["W"] ** 2).sum() + holder.more["b"].sum(),
        gradients=lambda: wrap({"W": 2 * holder.more["W"], "b": np.ones(2)}),
    )
    report = check_gradients(problem)
    assert report.verdict == "pass", str(report)
    assert [t.name for t in report.tensors] == ["more.W", "more.b"]


def test_other_threads_and_processes_take_turns() -> None:
    """The object is at one point at a time."""
    net = Net()
    problem = attributes(net, NAMES, cost=net.loss, gradients=net.gradients, stored=STORED)
    here = check_gradients(problem, oracle="real")
    for kind in (ThreadPoolExecutor, ProcessPoolExecutor):
        with kind(2) as executor:
            there = check_gradients(problem, oracle="real", executor=executor)
        assert there.worst == here.worst
        assert there.verdict == "pass"


@pytest.mark.parametrize(
    ("names", "error", "says"),
    [
        ("W1", TypeError, r'names: expected a list of names such as \["W1", "b1"\], got \'W1\''),
        ([], ValueError, "names: expected at least one attribute"),
        (["w1"], AttributeError, "expected 'w1' in the Net object, found none; there is 'W1'"),
        (["layers.*.W"], AttributeError, "expected 'layers' in the Net object, found none"),
        (["loss"], TypeError, "names: expected arrays of numbers in 'loss', got method"),
    ],
)
def test_a_name_that_does_not_fit_is_told(names: Any, error: Any, says: str) -> None:
    """With what is there."""
    net = Net()
    with pytest.raises(error, match=says):
        attributes(net, names, cost=net.loss, gradients=net.gradients)


class Holder:
    """Objects in a list, and a tuple of arrays."""

    def __init__(self) -> None:
        self.layers = [Net(), Net()]
        self.pair = (np.ones(2), np.ones(2))


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("layers", TypeError, "in 'layers.0', got Net; name what in it is .* 'layers.*.W1'"),
        ("layers.2.W1", AttributeError, "expected '2' in the .*layers, found none; it has 2 items"),
        ("layers.0.W", AttributeError, "expected 'W' in .*layers.0, found none; there is 'W"),
        ("pair.0", TypeError, "got 'pair.0' in a tuple; name it as a whole, 'pair'"),
    ],
)
def test_what_lies_deeper_is_told_as_well(name: str, error: Any, says: str) -> None:
    """By the way that leads there."""
    with pytest.raises(error, match=says):
        attributes(Holder(), [name], cost=float, gradients=float)


def test_a_gradient_that_returns_nothing_is_told_how() -> None:
    """For so do most of the kind."""
    net = Net()
    with pytest.raises(TypeError, match=r"got None; return it, or name .* stored="):
        check_gradients(attributes(net, NAMES, cost=net.loss, gradients=net.gradients))
    with pytest.raises(ValueError, match="stored: expected 4 attributes, one for each of 'W1'"):
        attributes(net, NAMES, cost=net.loss, gradients=net.gradients, stored=["dW1"])
    with pytest.raises(TypeError, match="cost: expected a function without arguments, got 3"):
        attributes(net, NAMES, cost=3, gradients=net.gradients)  # type: ignore[arg-type]
