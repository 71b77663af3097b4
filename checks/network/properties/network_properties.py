"""Properties: what must hold of every network and batch. pytest and the gate run the same ones.

Each property is a body that asserts one proposition, and the strategies that its arguments are
drawn from. `PROPERTIES` are all of them and `run_all` runs them, in this process, without pytest.

Assertions say in their own words what was found, and pytest is to add none: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from backprop import activations, costs, network, passes, validation
from backprop.datasets.dataset import scale_pixels
from backprop.network import Network
from backprop.training import fast_loop
from checks.methods.dispatch import run_check
from checks.network.adapter import network_problem
from checks.network.properties import scalar_network
from checks.network.properties.property import (
    Property,
    PropertyError,
    network_property,
    no_folder_left,
)
from checks.network.properties.strategies import Case, cases, register_profiles
from checks.oracles import rounding
from checks.problem.nested import Array, coordinate
from checks.verdict.conduct import same_bits

__all__ = ["PROPERTIES", "Property", "PropertyError", "run_all"]


@network_property(case=cases())
def analytic_equals_numeric(case: Case) -> None:
    """Perturbing any parameter changes the cost as `gradients` says."""
    report = run_check(network_problem(case.net, case.x, case.y))
    assert report.verdict != "fail", str(report)


@network_property(case=cases(dtypes=["float64"], scales=[1.0], kinks=False, data=["normal"]))
def usual_weights_can_be_decided(case: Case) -> None:
    """At usual weights and smooth activations, rounding leaves most coordinates decided."""
    report = run_check(network_problem(case.net, case.x, case.y))
    undecided = report.undecided + report.kinks
    assert report.verdict != "fail", str(report)
    assert undecided <= report.checked + report.zero, str(report)


@network_property(case=cases())
def arguments_are_left_untouched(case: Case) -> None:
    """Forward, backward, cost and gradients change neither parameters nor data nor activations."""
    net, x, y = case.net, case.x, case.y
    outputs = passes.forward(deepcopy(net), x.copy())
    calls: dict[str, Callable[[], Any]] = {
        "forward": lambda: passes.forward(net, x),
        "cost": lambda: passes.cost(net, x, y),
        "backward": lambda: passes.backward(net, outputs, y),
        "gradients": lambda: passes.gradients(net, x, y),
    }
    watched = {**net.parameters, "x": x, "y": y}
    watched |= {f"a{layer}": a for layer, a in enumerate(outputs)}
    before = {name: array.copy() for name, array in watched.items()}
    for function, call in calls.items():
        call()
        for name, array in watched.items():
            assert same_bits(array, before[name]), f"{function} changes {name}"


@network_property(case=cases())
def same_inputs_give_the_same_bits(case: Case) -> None:
    """Forward, cost and gradients give the same bits when called again, or on copies."""
    first, again, copied = (
        _outputs(case.net, case.x, case.y),
        _outputs(case.net, case.x, case.y),
        _outputs(deepcopy(case.net), case.x.copy(), case.y.copy()),
    )
    for name, array in first.items():
        assert same_bits(array, again[name]), f"{name} differs between two calls"
        assert same_bits(array, copied[name]), f"{name} differs between the arguments and copies"


@network_property(case=cases(), cuts=st.sets(st.integers(1, 5)))
def any_split_accumulates_to_the_whole(case: Case, cuts: set[int]) -> None:
    """A batch taken whole, in any parts or one by one leaves the same in the accumulators."""
    batch = len(case.x)
    whole, spread = _accumulated(case, [0, batch]), _gradient_spread(case)
    parts = [0, *sorted(cut for cut in cuts if cut < batch), batch]
    for edges in (parts, list(range(batch + 1))):
        found = _accumulated(case, edges)
        for name, g in whole.items():
            _agree(name, spread=spread[name], in_parts=found[name], whole=g)


@network_property(case=cases())
def zero_grad_empties_the_accumulators(case: Case) -> None:
    """After zero_grad nothing is accumulated, and the next batch is all that counts."""
    net = case.net
    passes.backward(net, passes.forward(net, case.x), case.y)
    first = _accumulators(net)
    network.zero_grad(net)
    for name, array in _accumulators(net).items():
        assert not array.any(), f"zero_grad leaves {np.abs(array).max():g} in {name}"
    passes.backward(net, passes.forward(net, case.x), case.y)
    for name, array in _accumulators(net).items():
        assert same_bits(array, first[name]), f"{name} still holds what was there before zero_grad"


@network_property(case=cases())
def gradients_leaves_the_accumulators_alone(case: Case) -> None:
    """Gradients neither reads nor writes what is accumulated, nor returns the arrays themselves."""
    net = case.net
    clean = _named(passes.gradients(net, case.x, case.y))
    passes.backward(net, passes.forward(net, case.x), case.y)
    before = _accumulators(net)
    found = _named(passes.gradients(net, case.x, case.y))
    for name, array in _accumulators(net).items():
        assert same_bits(array, before[name]), f"gradients changes the accumulator {name}"
    own = [*net.weights, *net.biases, *net.dW, *net.db]
    for name, g in found.items():
        assert same_bits(g, clean[name]), f"{name} depends on what is accumulated"
        assert not any(np.shares_memory(g, array) for array in own), f"{name} is not a new array"


@network_property(case=cases(), rate=st.sampled_from([1.0, 5.0, 0.25, 1e-3]))
def optimize_steps_along_minus_the_gradient(case: Case, rate: float) -> None:
    """Optimize takes `rate` times the mean gradient from every parameter, and keeps the sums."""
    net = case.net
    before = {name: p.astype(np.float64) for name, p in net.parameters.items()}
    network.optimize(net, rate)
    for name, p in net.parameters.items():
        assert np.array_equal(p, before[name]), f"{name} moves with nothing accumulated"
    mean = _named(passes.gradients(net, case.x, case.y))
    passes.backward(net, passes.forward(net, case.x), case.y)
    sums = _accumulators(net)
    network.optimize(net, rate)
    for name, p in net.parameters.items():
        step = rate * mean[name].astype(np.float64)
        rounded = _unit(net.dtype) * (np.abs(before[name]) + np.abs(step))
        _agree(name, spread=rounded, stepped=p, expected=before[name] - step)
    for name, array in _accumulators(net).items():
        assert same_bits(array, sums[name]), f"optimize changes the accumulator {name}"


@network_property(
    case=cases(), rate=st.sampled_from([1.0, 0.25]), peak=st.sampled_from([None, 255, 16])
)
def the_loop_steps_as_the_passes_do(case: Case, rate: float, peak: int | None) -> None:
    """A step of the training loop, a repeated one, is forward, backward and optimize.

    With inputs as they come, or as bytes that are divided by a peak.
    """
    net, batch, given = case.net, len(case.x), case.x
    if peak is not None:
        given = np.round(peak * np.minimum(np.abs(case.x), 1)).astype(np.uint8)
        case = replace(case, x=scale_pixels(given, peak, net.dtype))
    passes.backward(net, passes.forward(net, case.x), case.y)
    before, sums, spread = net.parameters, _accumulators(net), _gradient_spread(case)
    before = {name: p.copy() for name, p in before.items()}
    with fast_loop.Loop(net, peak=peak) as fast:
        targets, start = validation.targets(net, case.y, batch), fast.parameters.copy()
        fast.step(given[::-1] // 2, targets[::-1], 2 * rate)
        fast.parameters[...] = start
        fast.step(given, targets, rate)
    for name, p in net.parameters.items():
        step = rate / batch * sums[f"d{name}"].astype(np.float64)
        rounded = _unit(net.dtype) * (np.abs(before[name]) + np.abs(step))
        far = rate / batch * spread[f"d{name}"] + rounded
        _agree(name, spread=far, stepped=p, expected=before[name] - step)


@network_property(case=cases())
def gradients_are_like_their_parameters(case: Case) -> None:
    """Gradients and accumulators have their parameters' shapes and dtype."""
    net = case.net
    returned = _named(passes.gradients(net, case.x, case.y))
    passes.backward(net, passes.forward(net, case.x), case.y)
    accumulated = _named(zip(net.dW, net.db, strict=True))
    for name, p in net.parameters.items():
        for g in (returned[name], accumulated[name]):
            assert (g.shape, g.dtype) == (p.shape, p.dtype), (
                f"d{name}: expected {p.shape} of {p.dtype}, got {g.shape} of {g.dtype}"
            )


@network_property(case=cases())
def vectorised_equals_plain_loops(case: Case) -> None:
    """Forward and cost equal loops over Python's own floats, one number at a time."""
    net = case.net
    found = _vectorised(net, case.x, case.y)
    names = list(found)
    rng = np.random.default_rng(0)

    def again() -> list[Array]:
        moved = net.with_parameters(rounding.jitter(p, rng) for p in net.parameters.values())
        return [*_vectorised(moved, rounding.jitter(case.x, rng), case.y).values()]

    spread = dict(zip(names, rounding.spread([*found.values()], again), strict=True))
    loops, terms = _plain_loops(case)
    spread["cost"] += _unit(net.dtype) * terms
    for name, array in found.items():
        _agree(name, spread=spread[name], vectorised=array, plain_loops=loops[name])


PROPERTIES: tuple[Property, ...] = (
    analytic_equals_numeric,
    usual_weights_can_be_decided,
    arguments_are_left_untouched,
    same_inputs_give_the_same_bits,
    any_split_accumulates_to_the_whole,
    zero_grad_empties_the_accumulators,
    gradients_leaves_the_accumulators_alone,
    optimize_steps_along_minus_the_gradient,
    the_loop_steps_as_the_passes_do,
    gradients_are_like_their_parameters,
    vectorised_equals_plain_loops,
)


def run_all(
    profile: str = "quick", progress: Callable[[int], None] = lambda done: None
) -> tuple[str, ...]:
    """Run every property in this process, and return their names.

    Parameters
    ----------
    profile
        "quick", "default" or "thorough"; the first two draw the same cases every time.
    progress
        Called with the number of properties run since the last call.

    Raises
    ------
    PropertyError
        At the first property that does not hold: its name, the falsifying case and what was found.
    """
    register_profiles()
    with no_folder_left():
        for each in PROPERTIES:
            each(profile=profile)
            progress(1)
    return tuple(each.name for each in PROPERTIES)


def _named(pairs: Any) -> dict[str, Array]:
    return {
        f"{kind}{layer}": array
        for layer, pair in enumerate(pairs, start=1)
        for kind, array in zip("Wb", pair, strict=True)
    }


def _accumulators(net: Network) -> dict[str, Array]:
    """Copies of the accumulators, and how many samples they hold."""
    sums = {f"d{n}": a.copy() for n, a in _named(zip(net.dW, net.db, strict=True)).items()}
    return {**sums, "samples": np.asarray(net.samples)}


def _outputs(net: Network, x: Array, y: Array) -> dict[str, Array]:
    """All that is computed from a network and a batch."""
    gradients = _named(passes.gradients(net, x, y))
    return {**_vectorised(net, x, y), **{f"d{name}": g for name, g in gradients.items()}}


def _vectorised(net: Network, x: Array, y: Array) -> dict[str, Array]:
    found = {f"a{layer}": a for layer, a in enumerate(passes.forward(net, x)) if layer}
    return {**found, "cost": np.asarray(passes.cost(net, x, y))}


def _accumulated(case: Case, edges: list[int]) -> dict[str, Array]:
    """The accumulators after the batch in parts, [edges[0], edges[1]) and so on."""
    net = deepcopy(case.net)
    network.zero_grad(net)
    for start, stop in pairwise(edges):
        passes.backward(net, passes.forward(net, case.x[start:stop]), case.y[start:stop])
    return _accumulators(net)


def _gradient_spread(case: Case) -> dict[str, Array]:
    """How far rounding moves the accumulated sums: what jitter shows, and every sample's share.

    Each sample's share of a sum is stored before it is added, so it is right to one unit.
    """
    batch = len(case.x)
    problem = network_problem(case.net, case.x, case.y)
    recompute, rng = problem.jittered, np.random.default_rng(0)
    assert recompute is not None
    at = problem.gradient(problem.values)
    moved = rounding.spread([*at.values()], lambda: [*recompute(rng).values()])
    shares = [_accumulated(case, [k, k + 1]) for k in range(batch)]
    unit = _unit(case.net.dtype)
    found = {
        f"d{name}": batch * far + unit * sum(np.abs(share[f"d{name}"]) for share in shares)
        for name, far in zip(at, moved, strict=True)
    }
    return {**found, "samples": np.zeros(())}


def _plain_loops(case: Case) -> tuple[dict[str, Array], float]:
    """Every activation and the cost by plain loops, and the mean size of the cost's terms."""
    net = case.net
    y = validation.targets(net, case.y, len(case.x)).tolist()
    rows: list[scalar_network.Row] = case.x.tolist()
    found: dict[str, Array] = {}
    for number, (W, b, _) in enumerate(net.layers(), start=1):
        z = [scalar_network.layer(row, W.tolist(), b.tolist()) for row in rows]
        rows = [_activation(net.activations[number - 1])(row) for row in z]
        found[f"a{number}"] = np.array(rows)
    terms = [_cost(net.cost)(*sample) for sample in zip(z, rows, y, strict=True)]
    found["cost"] = np.asarray(np.mean([sum(row) for row in terms]))
    return found, float(np.mean([sum(map(abs, row)) for row in terms]))


def _activation(name: str) -> Callable[[scalar_network.Row], scalar_network.Row]:
    """The plain loop of that name; an entry without one is at least taken one row at a time."""
    function = activations.ACTIVATIONS[name].function
    return scalar_network.ACTIVATIONS.get(name, lambda z: function(np.array(z)).tolist())


def _cost(
    name: str,
) -> Callable[[scalar_network.Row, scalar_network.Row, scalar_network.Row], scalar_network.Row]:
    value = costs.COSTS[name].value
    return scalar_network.COSTS.get(
        name, lambda z, a, y: [float(value(np.array(z), np.array(a), np.array(y)))]
    )


def _agree(name: str, *, spread: Array, **both: Array) -> None:
    """Assert that two arrays, given by what they are, differ no more than rounding explains."""
    (label, found), (other, expected) = both.items()
    dtype = found.dtype if found.dtype.kind == "f" else np.dtype(np.float64)
    tolerance = rounding.tolerance(found, expected, spread=spread, dtype=dtype)
    error = np.abs(found - expected)
    for at in _first(~(error <= tolerance)):
        raise AssertionError(
            f"{coordinate(name, at)}: {_words(label)} {found[at]:.9g},"
            f" {_words(other)} {expected[at]:.9g},"
            f" difference {error[at]:.2g}, tolerance {tolerance[at]:.2g}"
        )


def _words(label: str) -> str:
    return label.replace("_", " ")


def _first(wrong: Array) -> Iterator[tuple[int, ...]]:
    yield from (tuple(int(i) for i in at) for at in np.argwhere(wrong)[:1])


def _unit(dtype: np.dtype) -> float:
    """The most that one rounding can do to a number, relative to it."""
    return float(np.finfo(dtype).eps)
