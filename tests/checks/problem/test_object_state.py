from __future__ import annotations

import random
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from checks.problem.object_state import state_kept


class Slotted:
    """An object without a dict."""

    __slots__ = ("missing", "value")

    def __init__(self) -> None:
        self.value = np.ones(2)


class Model:
    """All kinds of state, some of it reached in circles."""

    def __init__(self) -> None:
        self.w = np.arange(3.0)
        self.frozen = np.ones(2)
        self.frozen.flags.writeable = False
        self.layers = [SimpleNamespace(W=np.ones(2), back=self), Slotted()]
        self.caches = {"x": None, "seen": [1, 2]}
        self.pair = (np.zeros(1), [np.zeros(1)])
        self.rng = np.random.default_rng(3)
        self.old_rng = np.random.RandomState(4)
        self.dice = random.Random(5)
        self.lock = threading.Lock()


def spoil(model: Any) -> None:
    """Change whatever can be changed."""
    model.w += 1
    model.layers[0].W *= 2
    model.layers[1].value[...] = 7
    model.layers[1].missing = 1
    model.layers.append("more")
    model.caches["x"] = np.ones(3)
    model.caches["seen"].clear()
    model.pair[1][0][...] = 5
    model.pair[1].append(1)
    model.rng.normal(size=3)
    model.old_rng.normal(size=3)
    model.dice.random()
    model.new = 1
    model.frozen = None
    del model.lock


def seen(model: Any) -> list[Any]:
    """What the state shows."""
    return [
        sorted(vars(model)),
        model.w.tolist(),
        model.frozen.tolist(),
        len(model.layers),
        model.layers[0].W.tolist(),
        model.layers[1].value.tolist(),
        model.caches,
        model.pair[1][0].tolist(),
        len(model.pair[1]),
        model.rng.bit_generator.state,
        model.old_rng.get_state()[2],
        model.dice.getstate(),
    ]


def test_everything_is_as_before() -> None:
    """The same arrays, lists and dicts, with what they held."""
    model, before = Model(), seen(Model())
    array, layers = model.w, model.layers
    with state_kept(model):
        spoil(model)
    assert seen(model) == before
    assert model.w is array
    assert model.layers is layers


def test_after_an_exception_as_well() -> None:
    """Or an interrupt."""
    model, before = Model(), seen(Model())

    def spoiled() -> None:
        with state_kept(model):
            spoil(model)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spoiled()
    assert seen(model) == before
