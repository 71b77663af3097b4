"""The properties hold, under the active profile; and each catches what it is there for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest

from backprop import costs, network, passes, validation
from backprop.activations import ACTIVATIONS, Activation
from backprop.costs import COSTS, Cost
from backprop.network import Network
from backprop.training import recorder
from checks.network.properties import network_properties, scalar_network
from checks.network.properties.network_properties import (
    PROPERTIES,
    Property,
    PropertyError,
    run_all,
)
from checks.oracles import thresholds

Array = npt.NDArray[Any]
Backward = Callable[[Network, list[Array], Array], None]

BY_NAME = {each.name: each for each in PROPERTIES}
real_backward, real_forward = passes.backward, passes.forward


@pytest.mark.parametrize("claim", PROPERTIES, ids=lambda claim: claim.name)
def test_property(claim: Property) -> None:
    """What the gate asks of this code, asked here with as many examples as the profile says."""
    claim()


# --- running them -----------------------------------------------------------------------------


def test_run_all_names_what_it_ran(capfd: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """All properties are run, in order, and nothing is printed."""
    run: list[str] = []
    monkeypatch.setattr(Property, "__call__", lambda self, *, profile: run.append(self.name))
    assert run_all() == tuple(run) == tuple(BY_NAME)
    assert capfd.readouterr() == ("", "")


def test_quick_run_is_silent_and_leaves_no_folder(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run prints nothing, and keeps no cache where it is run, whether it passes or not."""
    monkeypatch.chdir(tmp_path)
    cheap = network_properties.PROPERTIES[2:4]
    monkeypatch.setattr(network_properties, "PROPERTIES", cheap)
    assert run_all("quick") == tuple(each.name for each in cheap)
    monkeypatch.setattr(passes, "forward", lambda net, x: list(np.random.default_rng().random(3)))
    with pytest.raises(PropertyError):
        run_all("quick")
    assert capfd.readouterr() == ("", "")
    assert not any(tmp_path.iterdir())


# --- planted faults ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _restored_tables() -> Iterator[None]:
    """Whatever a test adds to the tables is gone after it."""
    kept = dict(ACTIVATIONS), dict(COSTS)
    yield
    assert kept == (ACTIVATIONS, COSTS)


def plain_backward(
    net: Network,
    outputs: list[Array],
    y: Array,
    *,
    output: Callable[[Array], Array] = lambda delta: delta,
    hidden: Callable[[Array, Array], Array] = lambda turned, slope: turned * slope,
    step: Callable[[Array, Array], Array] = lambda a, delta: a.T @ delta,
    turn: Callable[[list[Array], int], Array] = lambda weights, layer: weights[layer].T,
    add: Callable[[Array, Array], Array] = lambda total, g: total + g,
    bias: Callable[[Array], Array] = lambda delta: delta.sum(axis=0),
) -> None:
    """Backward once more, with a place to plant each fault in."""
    y = validation.targets(net, y, len(outputs[0]))
    if not net.dW:
        network.zero_grad(net)
    slopes = [f.slope for _, _, f in net.layers()]
    delta = output(costs.COSTS[net.cost].delta(outputs[-1], y, slopes[-1]))
    for layer in reversed(range(len(net.weights))):
        net.dW[layer][:] = add(net.dW[layer], step(outputs[layer], delta))
        net.db[layer][:] = add(net.db[layer], bias(delta))
        if layer > 0:
            slope = slopes[layer - 1](outputs[layer])
            delta = hidden(delta @ turn(net.weights, layer), slope)
    net.samples += len(y)


def faulty(**fault: Any) -> Backward:
    """A backward with that fault."""
    return lambda net, outputs, y: plain_backward(net, outputs, y, **fault)


def square_only(weights: list[Array], layer: int) -> Array:
    """Forgets to transpose wherever the shapes let it."""
    W = weights[layer]
    return W if W.shape[0] == W.shape[1] else W.T


def wrong_layer(weights: list[Array], layer: int) -> Array:
    """Takes the weights of the layer before wherever the shapes let it."""
    W, before = weights[layer], weights[layer - 1]
    return before.T if before.shape == W.shape else W.T


def overwrites_activation(net: Network, outputs: list[Array], y: Array) -> None:
    """Works in place on what `forward` returned, after it is needed."""
    real_backward(net, outputs, y)
    outputs[-1] -= 1


def overwrites_too_early(net: Network, outputs: list[Array], y: Array) -> None:
    """Works in place on what `forward` returned, before it is needed."""
    for a in outputs[1:-1]:
        a *= 1 - a
    real_backward(net, outputs, y)


def mutates_x(net: Network, outputs: list[Array], y: Array) -> None:
    """Scales the inputs in place, and the gradient is still right."""
    real_backward(net, outputs, y)
    outputs[0][:] = 0.5 * outputs[0]
    outputs[0][0, 0] = 3


def miscounts(net: Network, outputs: list[Array], y: Array) -> None:
    """Counts one sample too many."""
    real_backward(net, outputs, y)
    net.samples += 1


def stale_when_new(net: Network, outputs: list[Array], y: Array) -> None:
    """Starts new accumulators from what the last call left: an accumulator shared by all."""
    real_backward(net, outputs, y)
    key = tuple(net.shape)
    for total, left in zip(net.db, LEFTOVER.setdefault(key, [0 * b for b in net.db]), strict=True):
        left += 0.25 * total
        total += left


LEFTOVER: dict[tuple[int, ...], list[Array]] = {}

ANALYTIC = "analytic_equals_numeric"
FAULTS: dict[str, tuple[Backward, str]] = {
    "sign": (faulty(output=np.negative), ANALYTIC),
    "sign of the biases": (faulty(bias=lambda delta: -delta.sum(axis=0)), ANALYTIC),
    "transpose, square layers": (faulty(turn=square_only), ANALYTIC),
    "missing derivative": (faulty(hidden=lambda turned, slope: turned), ANALYTIC),
    "wrong layer": (faulty(turn=wrong_layer), ANALYTIC),
    "sum for mean": (faulty(output=lambda delta: delta * len(delta)), ANALYTIC),
    "bias forgotten": (faulty(bias=lambda delta: 0 * delta[0]), ANALYTIC),
    "float32 slip": (
        faulty(step=lambda a, delta: (a.T @ delta).astype(np.float32)),
        ANALYTIC,
    ),
    "off by a millionth": (faulty(output=lambda delta: delta * (1 + 2e-6)), ANALYTIC),
    "off-by-one sample": (faulty(step=lambda a, delta: a[1:].T @ delta[1:]), ANALYTIC),
    "overwritten too early": (overwrites_too_early, ANALYTIC),
    "wrong count of samples": (miscounts, "any_split_accumulates_to_the_whole"),
    "stale accumulator": (stale_when_new, ANALYTIC),
    "overwritten activation": (overwrites_activation, "arguments_are_left_untouched"),
    "mutated x": (mutates_x, "arguments_are_left_untouched"),
    "overwrites the sums": (
        faulty(add=lambda total, g: g),
        "any_split_accumulates_to_the_whole",
    ),
    "nondeterminism": (
        faulty(output=lambda delta: delta * (1 + 1e-15 * np.random.default_rng().random())),
        "same_inputs_give_the_same_bits",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_backward_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The property that is there for it catches the fault within the gate's few examples."""
    planted, catcher = FAULTS[fault]
    LEFTOVER.clear()
    monkeypatch.setattr(passes, "backward", planted)
    with pytest.raises(PropertyError) as caught:
        BY_NAME[catcher](profile="quick")
    assert str(caught.value).startswith(f"{catcher}: ")
    assert "falsified by case = <Case " in str(caught.value)


def test_plain_backward_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a fault, the backward that faults are planted in has every property."""
    monkeypatch.setattr(passes, "backward", plain_backward)
    run_all("quick")


def test_wrong_gradient_is_told_by_coordinate_and_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message holds tensor, index, analytic and numeric value, as the report prints them."""
    monkeypatch.setattr(passes, "backward", FAULTS["sign"][0])
    with pytest.raises(PropertyError, match=r"[Wb]\d\[\d.*\]: analytic -?[\d.e-]+, numeric -?\d"):
        run_all("quick")


def test_same_fault_gives_the_same_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is the same when it is run again."""
    monkeypatch.setattr(passes, "backward", FAULTS["overwritten activation"][0])
    messages = set()
    for _ in range(2):
        with pytest.raises(PropertyError) as caught:
            BY_NAME["arguments_are_left_untouched"](profile="quick")
        messages.add(str(caught.value))
    (message,) = messages
    assert message.startswith(
        "arguments_are_left_untouched: Forward, backward, cost and gradients change neither"
        " parameters nor data nor activations.\nfalsified by case = <Case 1-1, sigmoid, quadratic"
    )
    assert message.endswith("\nbackward changes a1")


def test_undecided_everywhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker so lenient that it decides nothing does not pass for agreement."""
    monkeypatch.setattr(thresholds, "SAFETY", 1e12)
    monkeypatch.setattr(thresholds, "BLUNT", 0.0)
    BY_NAME[ANALYTIC](profile="quick")
    with pytest.raises(PropertyError, match=r"^usual_weights_can_be_decided: .*\n[^$]*undecided"):
        BY_NAME["usual_weights_can_be_decided"](profile="quick")


def test_zero_grad_that_forgets_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zero_grad that leaves the biases' accumulators as they are is caught."""
    real = network.zero_grad

    def forgets(net: Network) -> None:
        kept = [b.copy() for b in net.db]
        real(net)
        if kept:
            net.db = kept

    monkeypatch.setattr(network, "zero_grad", forgets)
    with pytest.raises(PropertyError, match=r"zero_grad leaves \S+ in db1"):
        BY_NAME["zero_grad_empties_the_accumulators"](profile="quick")


def test_zero_grad_that_keeps_counting_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zero_grad that leaves the number of samples as it is is caught."""

    def forgets(net: Network) -> None:
        for total in (*net.dW, *net.db):
            total.fill(0)

    monkeypatch.setattr(network, "zero_grad", forgets)
    with pytest.raises(PropertyError, match="zero_grad leaves 1 in samples"):
        BY_NAME["zero_grad_empties_the_accumulators"](profile="quick")


def shared_gradients(net: Network, x: Array, y: Array) -> list[tuple[Array, Array]]:
    """Gradients taken with the network's own accumulators, which are emptied on the way."""
    network.zero_grad(net)
    passes.backward(net, passes.forward(net, x), y)
    return [(dW / net.samples, db / net.samples) for dW, db in zip(net.dW, net.db, strict=True)]


def returned_accumulators(net: Network, x: Array, y: Array) -> list[tuple[Array, Array]]:
    """The accumulators themselves, by accident."""
    if not net.samples:
        passes.backward(net, passes.forward(net, x), y)
    return list(zip(net.dW, net.db, strict=True))


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        # emptied and filled again they look untouched, unless more than one batch was in them
        (shared_gradients, "gradients changes the accumulator"),
        (returned_accumulators, "is not a new array|depends on what is accumulated|changes"),
    ],
)
def test_gradients_that_use_the_accumulators_are_caught(
    planted: Callable[..., Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients taken in the network's own accumulators are caught."""
    monkeypatch.setattr(passes, "gradients", planted)
    with pytest.raises(PropertyError, match=message):
        BY_NAME["gradients_leaves_the_accumulators_alone"](profile="quick")


def upwards(net: Network, rate: float) -> None:
    """Steps along plus the gradient."""
    for W, dW in zip(net.weights + net.biases, net.dW + net.db, strict=True):
        W += rate / max(net.samples, 1) * dW


def by_the_sum(net: Network, rate: float) -> None:
    """Steps along the sum instead of the mean."""
    for W, dW in zip(net.weights + net.biases, net.dW + net.db, strict=True):
        W -= rate * dW


def forgets_biases(net: Network, rate: float) -> None:
    """Moves weights only."""
    for W, dW in zip(net.weights, net.dW, strict=True):
        W -= rate / max(net.samples, 1) * dW


def empties(net: Network, rate: float) -> None:
    """Empties the accumulators, which `optimize` leaves to zero_grad."""
    real_optimize(net, rate)
    network.zero_grad(net)


real_optimize = network.optimize


@pytest.mark.parametrize(
    ("planted", "message"),
    [
        (upwards, r"[Wb]1\[.*\]: stepped .*, expected "),
        (by_the_sum, r"[Wb]1\[.*\]: stepped .*, expected "),
        (forgets_biases, r"b1\[0\]: stepped .*, expected "),
        (empties, "optimize changes the accumulator"),
    ],
)
def test_wrong_optimize_is_caught(
    planted: Callable[..., None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that is not minus the rate times the mean gradient is caught."""
    monkeypatch.setattr(network, "optimize", planted)
    with pytest.raises(PropertyError, match=message):
        BY_NAME["optimize_steps_along_minus_the_gradient"](profile="quick")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.astype(np.float16), r"d[Wb]1: expected .* of float64, got .* of float16"),
        (lambda g: g[None], r"dW1: expected \(1, 1\) of float64, got \(1, 1, 1\)"),
    ],
)
def test_gradients_unlike_their_parameters_are_caught(
    change: Callable[[Array], Array], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gradients of another shape or dtype than their parameters are caught."""
    real = passes.gradients
    monkeypatch.setattr(
        passes, "gradients", lambda *args: [(change(dW), db) for dW, db in real(*args)]
    )
    with pytest.raises(PropertyError, match=message):
        BY_NAME["gradients_are_like_their_parameters"](profile="quick")


def test_a_step_that_is_not_repeated_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first step of a loop records the others, which do what it did."""
    monkeypatch.setattr(recorder.OperationRecorder, "replay", lambda self: None)
    with pytest.raises(PropertyError, match=r"[Wb]\d.*: stepped .*, expected "):
        BY_NAME["the_loop_steps_as_the_passes_do"](profile="quick")


def test_wrong_forward_is_caught_by_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault that forward and backward share escapes the gradient check, but not the loops."""
    steeper = Activation(function=lambda z: z * 1.001, slope=lambda a: 1.001 * np.ones_like(a))
    monkeypatch.setitem(ACTIVATIONS, "identity", steeper)
    BY_NAME[ANALYTIC](profile="quick")
    with pytest.raises(PropertyError, match=r"a\d\[.*\]: vectorised .*, plain loops "):
        BY_NAME["vectorised_equals_plain_loops"](profile="quick")


def test_wrong_cost_is_caught_by_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a cost that is twice what it should be, slope and all."""
    twice = Cost(
        value=lambda z, a, y: ((a - y) ** 2).sum(axis=-1),
        delta=lambda a, y, slope: 2 * (a - y) * slope(a),
    )
    monkeypatch.setitem(COSTS, "quadratic", twice)
    BY_NAME[ANALYTIC](profile="quick")
    with pytest.raises(PropertyError, match=r"cost: vectorised .*, plain loops "):
        BY_NAME["vectorised_equals_plain_loops"](profile="quick")


def test_new_entries_are_drawn_and_checked() -> None:
    """One more activation or cost is checked without being named anywhere else."""
    entries = {name: ACTIVATIONS[name] for name in ("sigmoid", "softmax")}
    entries["sine"] = Activation(function=np.sin, slope=np.ones_like)
    assert "sine" not in scalar_network.ACTIVATIONS
    with mock.patch.dict(ACTIVATIONS, entries, clear=True):
        BY_NAME["vectorised_equals_plain_loops"](profile="quick")
        with pytest.raises(PropertyError, match=r"<Case [^;]* sine[, ]"):
            BY_NAME[ANALYTIC](profile="quick")
