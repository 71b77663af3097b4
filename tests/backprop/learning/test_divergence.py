import numpy as np
import pytest

from backprop import init_net
from backprop.learning.divergence import divergence

X, Y = np.ones((4, 3)), np.ones((4, 2))


@pytest.mark.parametrize(
    ("layer", "size", "rate", "message"),
    [
        (1, 1e308, 1.0, "layer 1 overflows on the way forward"),
        (2, 1e308, 1.0, "layer 2 overflows on the way forward"),
        (2, 1e200, 1.0, "the gradient of layer 1 overflows"),
        (2, 1e3, 1e306, "the step of layer 1 overflows"),
    ],
)
def test_the_layer_is_named(layer: int, size: float, rate: float, message: str) -> None:
    """On the way forward, back, or in the step itself."""
    net = init_net((3, 4, 2), activation="identity")
    net.weights[0][:] = net.weights[1][:] = 1
    net.weights[layer - 1][:] = size
    said = divergence(net, X, Y, learning_rate=rate)
    assert said.startswith(message)
    assert "too high: try --learning-rate 0.02" in said


def test_a_rate_that_suits_is_divided() -> None:
    """What is taken by default is not recommended to whoever has taken it."""
    net = init_net((3, 4, 2), activation="identity")
    net.weights[1][:] = 1e308
    assert "0.02, is likely to be too high: try --learning-rate 0.002" in divergence(
        net, X, Y, learning_rate=0.02
    )


def test_large_inputs_are_named() -> None:
    """They are likelier to be the cause than the rate."""
    net = init_net((3, 4, 2), activation="identity")
    said = divergence(net, X * 1e200, Y, learning_rate=1.0)
    assert "inputs are as large as 1e+200: scale them to about 0 to 1" in said
    assert "rate" not in said
