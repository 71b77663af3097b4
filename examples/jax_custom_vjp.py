"""A network in JAX with a `custom_vjp`: swish, whose derivative is kept from overflowing.

    python examples/jax_custom_vjp.py    # the right one passes, the other one fails
    gradcheck examples/jax_custom_vjp.py:right examples/jax_custom_vjp.py:as_of_sigmoid

The mistake is the derivative of another function: everything before the swish is wrong, and what
comes after it is right.
"""

import jax
import jax.numpy as jnp
import numpy as np

from geartrain import adapters, check_gradients


def swish_with(slope):
    """z sigmoid(z), with a derivative that is given: slope(z, sigmoid(z))."""

    @jax.custom_vjp
    def swish(z):
        return z * jax.nn.sigmoid(z)

    def backward(z, upstream):
        return (upstream * slope(z, jax.nn.sigmoid(z)),)

    swish.defvjp(lambda z: (swish(z), z), backward)
    return swish


def loss_with(slope):
    """Half the mean squared error of a network with such a swish."""
    swish = swish_with(slope)

    def loss(params, x, y):
        hidden = swish(x @ params["W1"] + params["b1"])
        return jnp.mean((hidden @ params["W2"] - y) ** 2) / 2

    return loss


def of_swish(z, s):
    return s + z * s * (1 - s)


def of_sigmoid(z, s):  # noqa: ARG001 called like the other
    return s * (1 - s)


rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))
shapes = {"W1": (3, 4), "b1": (4,), "W2": (4, 2)}
params = {name: jnp.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}

right = adapters.jax(loss_with(of_swish), params, x, y, argnums=0)
as_of_sigmoid = adapters.jax(loss_with(of_sigmoid), params, x, y, argnums=0)

if __name__ == "__main__":
    for problem in (right, as_of_sigmoid):
        print(check_gradients(problem), end="\n\n")
