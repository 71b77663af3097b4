import functools
import os
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backprop
from backprop import activations, blas_threads, costs, init_net, network, passes, validation
from backprop.training import gradient_descent, samples
from backprop.training.fingerprint import covered, fingerprint

SHAPE = (3, 2, 2)


PROGRAM = """
from backprop import init_net
from backprop.training.fingerprint import fingerprint
print(fingerprint(init_net((3, 2, 2))))
"""


def in_processes(program: str) -> set[str]:
    """What a program prints in processes with other addresses and another order of sets."""
    root = str(Path(backprop.__file__).parents[1])
    return {
        subprocess.run(
            [sys.executable, "-c", f"garbage = [object() for _ in range({seed}000)]\n{program}"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2", "3")
    }


def test_is_the_same_in_every_process() -> None:
    """Hash randomisation, addresses and the folder it is started in have no part in it."""
    assert in_processes(PROGRAM) == {fingerprint(init_net(SHAPE))}


def test_is_the_same_where_pytest_has_rewritten_assertions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Installed, ours is a plugin of pytest, which adds names to its modules that none can read."""
    before = fingerprint(init_net(SHAPE))
    monkeypatch.setitem(vars(passes), "@pytest_ar", pytest)
    assert fingerprint(init_net(SHAPE)) == before
    monkeypatch.setitem(vars(passes), "pytest_ar", pytest)
    assert fingerprint(init_net(SHAPE)) != before


OWN = """
from dataclasses import replace
from backprop.activations import ACTIVATIONS
ACTIVATIONS["identity"] = replace(ACTIVATIONS["identity"], function={function})
"""


@pytest.mark.parametrize(
    ("function", "prints"),
    [
        ("lambda z: z", 3),
        ("__import__('functools').partial(lambda z: z)", 3),
        ("__import__('threading').Lock().acquire", 3),
        ("__import__('numpy').tanh", 1),
        ("__import__('numpy').zeros_like", 1),
    ],
)
def test_code_of_ones_own_is_proved_anew_in_each_run(function: str, prints: int) -> None:
    """An activation that geartrain does not ship has another print in every process."""
    assert len(in_processes(OWN.format(function=function) + PROGRAM)) == prints


def test_what_python_puts_into_a_class_is_no_code_of_ones_own() -> None:
    """As Python 3.13 does with `__replace__`, under the name of the class that came last."""
    setup = """
import dataclasses, types
from backprop.network import Network
Network.__replace__ = types.FunctionType(dataclasses.replace.__code__, vars(dataclasses))
Network.__replace__.__qualname__ = "Network.__replace__"
"""
    assert len(in_processes(setup + PROGRAM)) == 1


def test_all_that_is_run_on_the_way_is_read() -> None:
    """Each module whose code a step or a pass enters, and no other."""
    net = init_net(SHAPE)
    bytes_ = samples.Samples(x=np.ones((3, 3), np.uint8), y=np.zeros(3, int), peak=2)
    ran: set[str] = set()

    def note(frame: types.FrameType, _event: str, _argument: object) -> None:
        name = str(frame.f_globals.get("__name__"))
        if name.startswith("backprop."):
            ran.add(name)

    permit: Any = SimpleNamespace(verdict="pass", fingerprint=fingerprint(net))
    sys.setprofile(note)
    try:
        x, y = bytes_.batch(samples.epoch_order(3, 0, 0), net.dtype)
        passes.gradients(net, x, y)
        passes.cost(net, x, y)
        gradient_descent.descend(net, bytes_, np.arange(3), batch_size=2, learning_rate=0.1)
        network.optimize(net, 0.1)
        backprop.train(net, (x, y), permit=permit, epochs=1)
    finally:
        sys.setprofile(None)
    ran.add("backprop.learning.divergence")  # which is asked where numbers are no longer finite
    beside = {f"backprop.training.{name}" for name in ("code_digest", "fingerprint", "history")}
    assert ran - beside == {module.__name__ for module in covered()}


def test_what_calls_leave_behind_in_caches_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached property, and what `singledispatch` has looked up."""

    class Leaky:
        @functools.cached_property
        def alpha(self) -> float:
            return 0.1

        def __call__(self, z: Any) -> Any:
            return z * self.alpha + half(z)

    @functools.singledispatch
    def half(z: Any) -> Any:
        return z / 2

    own = replace(activations.ACTIVATIONS["identity"], function=Leaky())
    monkeypatch.setitem(activations.ACTIVATIONS, "identity", own)
    net = init_net(SHAPE, activation="identity")
    before = fingerprint(net)
    passes.forward(net, np.ones((1, 3)))
    assert fingerprint(net) == before
    monkeypatch.setattr(Leaky, "alpha", 0.5)
    assert fingerprint(net) != before


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
        (gradient_descent, "descend"),
        (samples, "scale_pixels"),
        (samples, "epoch_order"),
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


class Leaky:
    """An activation with a number, of which one method is another's affair."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def function(self, z: Any) -> Any:
        """Not look at the number."""
        return z * self.factor(z)

    def factor(self, z: Any) -> Any:
        """Look at the number."""
        return (z.real > 0) * (1 - self.alpha) + self.alpha


class Called(Leaky):
    """The same, to be called itself."""

    __call__ = Leaky.function


class Slotted:
    """The same, without a `__dict__`, and with a name that Python mangles."""

    __slots__ = ("__alpha", "unset")

    def __init__(self, alpha: float) -> None:
        self.turn(alpha)

    def turn(self, alpha: float) -> None:
        """Set the number."""
        self.__alpha = alpha

    def __call__(self, z: Any) -> Any:
        """Look at the number."""
        return z * self.__alpha


@dataclass
class Settings:
    """A number that functions share."""

    alpha: float


class Rate(float):
    """A number with another beside it."""

    alpha: float


def _with_attribute(z: Any) -> Any:
    return z * _with_attribute.alpha  # type: ignore[attr-defined]


def _sharing(settings: Any) -> Any:
    return lambda z: z * settings.alpha


def _pair(kind: str) -> tuple[Any, Callable[[float], None]]:
    """Return a function with a number somewhere, and what changes the number."""
    leaky, called, slotted, rate = Leaky(0.1), Called(0.1), Slotted(0.1), Rate(2)
    plain, named = Settings(0.1), SimpleNamespace(alpha=0.1)
    objects = np.array([leaky, None], object)
    _with_attribute.alpha = rate.alpha = 0.1  # type: ignore[attr-defined]

    def turn(thing: Any) -> Callable[[float], None]:
        return lambda alpha: setattr(thing, "alpha", alpha)

    return {
        "bound method": (leaky.function, turn(leaky)),
        "callable": (called, turn(called)),
        "called by its class": (type("", (), {"__call__": called})(), turn(called)),
        "partial": (partial(leaky.function), turn(leaky)),
        "slots": (slotted, slotted.turn),
        "dataclass": (_sharing(plain), turn(plain)),
        "namespace": (_sharing(named), turn(named)),
        "object": (_sharing(leaky), turn(leaky)),
        "number": (_sharing(rate), turn(rate)),
        "array of objects": (lambda z: z * objects[0].alpha, turn(leaky)),
        "function attribute": (_with_attribute, turn(_with_attribute)),
        "vectorized": (np.vectorize(leaky.function), turn(leaky)),
    }[kind]


def _installed(function: Any, monkeypatch: pytest.MonkeyPatch) -> network.Network:
    changed = replace(_identity(), function=function)
    monkeypatch.setitem(activations.ACTIVATIONS, "identity", changed)
    return init_net(SHAPE)


@pytest.mark.parametrize(
    "kind",
    [
        "bound method",
        "callable",
        "called by its class",
        "partial",
        "slots",
        "dataclass",
        "namespace",
        "object",
        "number",
        "array of objects",
        "function attribute",
        "vectorized",
    ],
)
def test_sees_the_state_of_objects(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that a function uses, wherever it is kept; the same number is the same code."""
    function, turn = _pair(kind)
    net = _installed(function, monkeypatch)
    before = fingerprint(net)
    turn(0.5)
    assert fingerprint(net) != before
    turn(0.1)
    assert fingerprint(net) == before


def test_sees_the_methods_behind_a_bound_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an object, all that its class defines, inherited methods included."""

    class Mine(Leaky):
        """Nothing of its own."""

    net = _installed(Mine(0.1).function, monkeypatch)
    before = fingerprint(net)
    monkeypatch.setattr(Leaky, "factor", _other)
    assert fingerprint(net) != before


def test_use_of_an_object_leaves_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calling changes nothing, so that what was proved can be trained."""
    leaky = Leaky(0.1)
    net = _installed(leaky.function, monkeypatch)
    before = fingerprint(net)
    leaky.function(np.ones(3))
    with blas_threads.suited(net, 1):
        assert fingerprint(net) == before


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


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module that was installed, and must not be asked for what it would have to load."""

    def load(name: str) -> Any:
        raise AssertionError(f"{name} was asked for")

    module = types.ModuleType("others")
    vars(module).update(__file__="/lib/site-packages/others.py", __getattr__=load, f=np.sin)
    monkeypatch.setitem(sys.modules, "others", module)
    return module


def test_what_is_installed_is_followed_by_name_and_loads_nothing(
    others: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that was imported at the top counts; a name that is not there is not asked for."""
    scope: dict[str, Any] = {"__name__": "mine", "others": others}
    exec("def function(z): return others.f(z, others.g)", scope)  # noqa: S102
    net = _installed(scope["function"], monkeypatch)
    before = fingerprint(net)
    others.f = np.cos  # type: ignore[attr-defined]
    assert fingerprint(net) != before


def test_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy and Python are taken by version."""
    net = init_net(SHAPE)
    found = {fingerprint(net)}
    monkeypatch.setattr(np, "__version__", "0.0")
    found.add(fingerprint(net))
    monkeypatch.setattr(sys, "version_info", (3, 0))
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
