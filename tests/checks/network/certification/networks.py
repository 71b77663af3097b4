"""A small network, samples for it, and a bug to plant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from backprop import init_net, network, passes

if TYPE_CHECKING:
    import pytest

Net = network.Network


def batch(net: Net, size: int = 5) -> tuple[Any, Any]:
    """Samples that fit a network."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(size, net.shape[0]))
    return x, rng.integers(0, net.shape[-1], size)


def small(**options: Any) -> Net:
    """A network of 26 parameters."""
    return init_net((3, 4, 2), **options)


def flip(monkeypatch: pytest.MonkeyPatch, *, dtype: Any = None) -> None:
    """Plant a bug: one coordinate of W2 has the wrong sign, for networks of some dtype."""
    inner = passes.backward

    def backward(net: Net, activations: Any, y: Any) -> None:
        before = net.dW[1][2, 0] if net.dW else 0
        inner(net, activations, y)
        if dtype in (None, net.dtype):
            net.dW[1][2, 0] = before - (net.dW[1][2, 0] - before)

    monkeypatch.setattr(passes, "backward", backward)
