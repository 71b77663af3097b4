"""The layers, activations and losses of numpy-ml, a library for deep learning in plain NumPy.

`LAYERS` maps a name to a function from a random generator to a `Box`: the cost is a weighted sum of
the layer's output, the parameters are its inputs and its weights, and the gradient is what its own
backward pass says. numpy-ml is loaded when the first one is drawn.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
import warnings
from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from random_cases import Box, Parameters

Make = Callable[[SimpleNamespace], Any]
Built = Callable[[np.random.Generator], Box]


@cache
def library() -> SimpleNamespace:
    """numpy-ml's modules of layers, activations and losses.

    Its last release, 0.1.2, asks `collections` for a name that Python 3.10 moved, and has
    backslashes in docstrings that later Pythons warn of.
    """
    missing = not hasattr(collections, "Hashable")
    if missing:
        collections.Hashable = collections.abc.Hashable  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = {
                name: importlib.import_module(f"numpy_ml.neural_nets.{name}")
                for name in ("activations", "layers", "losses")
            }
    finally:
        if missing:
            del collections.Hashable  # type: ignore[attr-defined]
    return SimpleNamespace(**found)


def _layer(make: Make, shapes: dict[str, tuple[int, ...]], *, listed: bool = False) -> Built:
    """A layer of these inputs; `listed` where it takes them as a list."""

    def draw(rng: np.random.Generator) -> Box:
        layer = make(library())
        inputs = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        run = partial(_forward, layer, tuple(inputs), listed=listed)
        weights = rng.normal(size=_forward(layer, tuple(inputs), inputs, listed=listed).shape)
        trained = {
            name: 0.5 * rng.normal(size=value.shape)
            for name, value in layer.parameters.items()
            if not name.startswith("running")
        }

        def gradients(p: Parameters) -> Parameters:
            run(p)
            slopes = layer.backward(weights)
            slopes = slopes if isinstance(slopes, tuple | list) else [slopes]
            found = dict(zip(inputs, slopes, strict=True))
            return found | {name: np.array(layer.gradients[name]) for name in trained}

        return Box(
            cost=lambda p: (weights * run(p)).sum(),
            gradients=gradients,
            params=inputs | trained,
            data=weights,
        )

    return draw


def _forward(layer: Any, inputs: tuple[str, ...], p: Parameters, *, listed: bool) -> Any:
    """What the layer makes of these inputs and weights, as if nothing had gone before."""
    _set(layer, {name: value for name, value in p.items() if name not in inputs})
    given = [p[name] for name in inputs]
    return layer.forward(given) if listed else layer.forward(*given)


def _set(layer: Any, weights: Parameters) -> None:
    """Give the layer these weights, and let it forget what it has seen."""
    layer.parameters.update(weights)
    for each in (layer, getattr(layer, "softmax", None)):
        if each is not None:
            each.flush_gradients()


def _cell(make: Make, steps: int = 3) -> Built:
    """A recurrent cell over a few steps, its outputs weighted."""

    def draw(rng: np.random.Generator) -> Box:
        cell = make(library())
        x = rng.normal(size=(steps, 2, 3))
        first = cell.forward(x[0])  # makes its weights
        weights = rng.normal(size=(steps, *_output(first).shape))
        trained = {n: 0.5 * rng.normal(size=v.shape) for n, v in cell.parameters.items()}

        def run(p: Parameters) -> list[Any]:
            _set(cell, {name: p[name] for name in trained})
            for name in cell.derived_variables:
                if name.endswith("accumulator"):  # it forgets to forget these
                    cell.derived_variables[name] = None
            return [_output(cell.forward(each)) for each in p["x"]]

        def gradients(p: Parameters) -> Parameters:
            run(p)
            slopes = [_output(cell.backward(each)) for each in weights[::-1]]
            return {"x": np.array(slopes[::-1])} | {
                name: np.array(cell.gradients[name]) for name in trained
            }

        return Box(
            cost=lambda p: sum((w * y).sum() for w, y in zip(weights, run(p), strict=True)),
            gradients=gradients,
            params={"x": x} | trained,
            data=weights,
        )

    return draw


def _output(found: Any) -> Any:
    """The hidden state; an LSTM cell returns its memory along with it."""
    return found[0] if isinstance(found, tuple) else found


def _activation(make: Make) -> Built:
    """An activation on its own."""

    def draw(rng: np.random.Generator) -> Box:
        f, weights = make(library().activations), rng.normal(size=(3, 4))
        return Box(
            cost=lambda p: (weights * f.fn(p["z"])).sum(),
            gradients=lambda p: {"z": weights * f.grad(p["z"])},
            params={"z": rng.normal(size=(3, 4))},
            data=weights,
        )

    return draw


def _squared_error(rng: np.random.Generator) -> Box:
    """Its gradient is that in z, through an activation."""
    lib, y = library(), rng.random((3, 4))
    loss, f = lib.losses.SquaredError(), lib.activations.Sigmoid()
    return Box(
        cost=lambda p: loss.loss(y, f.fn(p["z"])),
        gradients=lambda p: {"z": loss.grad(y, f.fn(p["z"]), p["z"], f)},
        params={"z": rng.normal(size=(3, 4))},
        data=y,
    )


def _cross_entropy(rng: np.random.Generator) -> Box:
    """Its gradient is that in z, through the softmax."""
    lib, y = library(), np.eye(4)[rng.integers(4, size=3)]
    loss = lib.losses.CrossEntropy()

    def softmax(z: Any) -> Any:
        return lib.layers.Softmax().forward(z)

    return Box(
        cost=lambda p: loss.loss(y, softmax(p["z"])),
        gradients=lambda p: {"z": loss.grad(y, softmax(p["z"]))},
        params={"z": rng.normal(size=(3, 4))},
        data=y,
    )


def _variational(rng: np.random.Generator) -> Box:
    """The loss of a variational autoencoder."""
    y, loss = rng.integers(2, size=(3, 4)).astype(float), library().losses.VAELoss()

    def gradients(p: Parameters) -> Parameters:
        predicted, spread, mean = loss.grad(y, p["predicted"], p["mean"], p["spread"])
        return {"predicted": predicted, "mean": mean, "spread": spread}

    params = {"predicted": rng.uniform(0.05, 0.95, (3, 4))}
    params |= {"mean": rng.normal(size=(3, 2)), "spread": rng.normal(size=(3, 2))}
    return Box(
        cost=lambda p: loss.loss(y, p["predicted"], p["mean"], p["spread"]),
        gradients=gradients,
        params=params,
        data=y,
    )


_ROWS, _IMAGE, _SERIES = {"X": (3, 4)}, {"X": (2, 4, 4, 2)}, {"X": (2, 6, 2)}
_PAIR = {"A": (3, 4), "B": (3, 4)}
_ATTENDED = {"Q": (2, 3), "K": (2, 3), "V": (2, 4)}

_ACTIVATIONS: dict[str, Make] = {
    "Sigmoid": lambda a: a.Sigmoid(),
    "ReLU": lambda a: a.ReLU(),
    "LeakyReLU": lambda a: a.LeakyReLU(),
    "Tanh": lambda a: a.Tanh(),
    "Affine": lambda a: a.Affine(2, 1),
    "Identity": lambda a: a.Identity(),
    "ELU": lambda a: a.ELU(),
    "Exponential": lambda a: a.Exponential(),
    "SELU": lambda a: a.SELU(),
    "HardSigmoid": lambda a: a.HardSigmoid(),
    "SoftPlus": lambda a: a.SoftPlus(),
}

LAYERS: dict[str, Built] = {
    **{f"activation {name}": _activation(make) for name, make in _ACTIVATIONS.items()},
    **{
        f"FullyConnected, {name}": _layer(
            lambda lib, name=name: lib.layers.FullyConnected(3, act_fn=name), _ROWS
        )
        for name in ("Affine(slope=1, intercept=0)", "ReLU", "Tanh", "Sigmoid")
    },
    "Softmax layer": _layer(lambda lib: lib.layers.Softmax(), _ROWS),
    "Add layer": _layer(lambda lib: lib.layers.Add(), _PAIR, listed=True),
    "Add layer, Tanh": _layer(lambda lib: lib.layers.Add(act_fn="Tanh"), _PAIR, listed=True),
    "Multiply layer": _layer(lambda lib: lib.layers.Multiply(), _PAIR, listed=True),
    "Flatten layer": _layer(lambda lib: lib.layers.Flatten(), _IMAGE),
    "BatchNorm1D": _layer(lambda lib: lib.layers.BatchNorm1D(), {"X": (5, 3)}),
    "BatchNorm2D": _layer(lambda lib: lib.layers.BatchNorm2D(), _IMAGE),
    "LayerNorm1D": _layer(lambda lib: lib.layers.LayerNorm1D(), {"X": (3, 5)}),
    "LayerNorm2D": _layer(lambda lib: lib.layers.LayerNorm2D(), _IMAGE),
    "Conv1D": _layer(lambda lib: lib.layers.Conv1D(2, 3), _SERIES),
    "Conv1D, dilated": _layer(lambda lib: lib.layers.Conv1D(2, 2, dilation=1), _SERIES),
    "Conv2D": _layer(lambda lib: lib.layers.Conv2D(2, (2, 2)), _IMAGE),
    "Conv2D, padded, Tanh": _layer(
        lambda lib: lib.layers.Conv2D(2, (3, 3), pad=1, act_fn="Tanh"), _IMAGE
    ),
    "Conv2D, stride 2": _layer(lambda lib: lib.layers.Conv2D(2, (2, 2), stride=2), _IMAGE),
    "Deconv2D": _layer(lambda lib: lib.layers.Deconv2D(2, (2, 2)), {"X": (2, 3, 3, 2)}),
    "Pool2D, max": _layer(lambda lib: lib.layers.Pool2D((2, 2), stride=2), _IMAGE),
    "Pool2D, average": _layer(
        lambda lib: lib.layers.Pool2D((2, 2), stride=2, mode="average"), _IMAGE
    ),
    "DotProductAttention": _layer(lambda lib: lib.layers.DotProductAttention(), _ATTENDED),
    "RNNCell": _cell(lambda lib: lib.layers.RNNCell(3)),
    "LSTMCell": _cell(lambda lib: lib.layers.LSTMCell(3)),
    "SquaredError": _squared_error,
    "CrossEntropy": _cross_entropy,
    "VAELoss": _variational,
}
