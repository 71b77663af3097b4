import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import activations, costs, init_net, network, passes, samples, training, validation
from backprop.fingerprint import fingerprint

SHAPE = (3, 2, 2)


def test_is_the_same_in_every_process() -> None:
    """Hash randomisation, addresses and the folder it is started in have no part in it."""
    program = (
        "from backprop import init_net; from backprop.fingerprint import fingerprint;"
        "print(fingerprint(init_net((3, 2, 2))))"
    )
    root = str(Path(backprop.__file__).parents[1])
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {fingerprint(init_net(SHAPE))}


def test_speaks_of_the_kind_of_network_not_of_its_numbers() -> None:
    """Other weights are the same kind of network; so is one that has been used."""
    net, other = init_net(SHAPE, seed=0), init_net(SHAPE, seed=1)
    x = np.ones((1, 3))
    passes.backward(other, passes.forward(other, x), np.zeros(1, int))
    network.optimize(other)
    assert fingerprint(net) == fingerprint(other)


def test_use_leaves_it_as_it_is() -> None:
    """Copying and pickling, which add to a class behind its back, change nothing."""
    import copy

    net = init_net(SHAPE)
    before = fingerprint(net)
    copy.deepcopy(net)
    assert fingerprint(net) == before


@pytest.mark.parametrize(
    "other",
    [
        init_net((3, 3, 2)),
        init_net((3, 2, 2), activation="tanh"),
        init_net((3, 2, 2), cost="cross-entropy"),
        init_net((3, 2, 2), dtype=np.float32),
    ],
    ids=["shape", "activation", "cost", "dtype"],
)
def test_changes_with_the_kind_of_network(other: network.Network) -> None:
    """Shape, activations, cost and dtype are each part of it."""
    assert fingerprint(other) != fingerprint(init_net(SHAPE))


def _other(*args: Any, **kwargs: Any) -> None:
    """Stand in for a function that was rewritten."""


def _identity() -> activations.Activation:
    return activations.ACTIVATIONS["identity"]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (passes, "forward"),
        (passes, "backward"),
        (passes, "cost"),
        (passes, "resume"),
        (passes, "gradients"),
        (passes, "zero_grad"),
        (network, "optimize"),
        (network.Network, "layers"),
        (activations, "_log1p"),
        (costs, "softplus"),
        (validation, "inputs"),
        (validation, "one_hot"),
        (training, "descend"),
        (samples, "scale_pixels"),
        (samples, "shuffled"),
    ],
)
def test_changes_with_every_function_on_the_way(
    place: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function replaced while the program runs shows, however deep it is called."""
    net = init_net(SHAPE)
    before = fingerprint(net)
    monkeypatch.setattr(place, name, _other)
    assert fingerprint(net) != before
    monkeypatch.undo()
    assert fingerprint(net) == before


@pytest.mark.parametrize(
    "changed",
    [
        lambda: replace(_identity(), slope=lambda a: a),
        lambda: replace(_identity(), slope=np.zeros_like),
        lambda: replace(_identity(), function=np.negative),
        lambda: replace(_identity(), function=partial(np.multiply, 2)),
        lambda: replace(_identity(), kinked=True),
    ],
    ids=["lambda", "numpy function", "ufunc", "partial", "flag"],
)
def test_changes_with_the_tables(changed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of a table shows, whatever it is made of."""
    net = init_net(SHAPE)
    before = fingerprint(net)
    monkeypatch.setitem(activations.ACTIVATIONS, "identity", changed())
    assert fingerprint(net) != before


def _wrapped(factor: float) -> Any:
    inner = passes.backward

    def backward(net: network.Network, a: Any, y: Any, *, scale: float = 1.0) -> None:
        inner(net, a, y)
        net.dW[0] *= factor * scale

    return backward


def test_sees_closures_and_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code with another number in its closure, or as a default, is other code."""
    net, found = init_net(SHAPE), set()
    for wrapped in (_wrapped(1.0), _wrapped(2.0), _wrapped(1.0)):
        monkeypatch.setattr(passes, "backward", wrapped)
        found.add(fingerprint(net))
    wrapped.__kwdefaults__ = {"scale": 3.0}
    found.add(fingerprint(net))
    assert len(found) == 3


def _compiled(source: str) -> Any:
    scope: dict[str, Any] = {"__name__": "backprop.passes"}
    exec(compile(source, f"file-{len(source)}", "exec"), scope)  # noqa: S102
    return scope["cost"]


def test_overlooks_where_code_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line numbers and file names have no part in it; constants and operators have."""
    net, found = init_net(SHAPE), []
    for source in (
        "def cost(net, x, y): return x - 1 if y in {'a', 'b', 'c'} else 2",
        "\n\n# moved\ndef cost(net, x, y):\n  return x - 1 if y in {'a', 'b', 'c'} else 2",
        "def cost(net, x, y): return x + 1 if y in {'a', 'b', 'c'} else 2",
        "def cost(net, x, y): return x - 1 if y in {'a', 'b', 'd'} else 2",
        "def cost(net, x, y): return x - 1 if y in {'a', 'b', 'c'} else 3",
    ):
        monkeypatch.setattr(passes, "cost", _compiled(source))
        found.append(fingerprint(net))
    assert found[0] == found[1]
    assert len(set(found)) == 4


def test_follows_imports_inside_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of this package that a function imports when it runs is read as well."""
    source = "def cost(net, x, y):\n  from backprop.network import init_net\n  return init_net(x)"
    monkeypatch.setattr(passes, "cost", _compiled(source))
    net = init_net(SHAPE)
    before = fingerprint(net)
    monkeypatch.setattr(network, "init_net", _other)
    assert fingerprint(net) != before


def test_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy and Python are taken by version."""
    net = init_net(SHAPE)
    found = {fingerprint(net)}
    monkeypatch.setattr(np, "__version__", "0.0")
    found.add(fingerprint(net))
    monkeypatch.setattr("backprop.fingerprint.sys", SimpleNamespace(version_info=(3, 0)))
    found.add(fingerprint(net))
    assert len(found) == 3


def test_sees_a_network_class_of_ones_own() -> None:
    """A subclass that computes otherwise is no network that was certified."""

    class Mine(network.Network):
        def layers(self) -> Any:
            return reversed(list(super().layers()))

    net = init_net(SHAPE)
    mine = Mine(weights=net.weights, biases=net.biases, activations=net.activations, cost=net.cost)
    assert fingerprint(mine) != fingerprint(net)
