"""Twins: the network of this project written in the peers' own terms, to measure them at home.

Each has the sigmoid activations, the quadratic cost and the plain gradient descent of
`backprop.init_net`, starts from the same parameters, and gets its data the way it likes best.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import measure  # noqa: F401 - pins the threads before NumPy is loaded
import numpy as np

from backprop.network import Network

Run = Callable[[], Any]


def parameters(net: Network) -> list[Any]:
    """Copies of [W1, b1, …]."""
    return [p.copy() for p in net.parameters.values()]


def torch_cost(x: Any, y: Any) -> Callable[..., Any]:
    """The cost as a function of the tensors W1, b1 and so on."""
    import torch

    torch.set_num_threads(1)
    x, y = torch.from_numpy(x), torch.from_numpy(y)

    def cost(*values: Any) -> Any:
        a = x
        for W, b in zip(values[::2], values[1::2], strict=True):
            a = torch.sigmoid(a @ W + b)
        return ((a - y) ** 2).sum(dim=1).mean() / 2

    return cost


def torch_gradcheck(net: Network, x: Any, y: Any, *, fast_mode: bool = False) -> Run:
    """`torch.autograd.gradcheck` of torch's own derivative."""
    import torch

    cost = torch_cost(x, y)
    values = [torch.from_numpy(p).requires_grad_() for p in parameters(net)]
    return lambda: torch.autograd.gradcheck(cost, values, fast_mode=fast_mode)


def jax_cost(x: Any, y: Any) -> Callable[..., Any]:
    """The cost as a function of [W1, b1, …], compiled."""
    import jax

    @jax.jit
    def cost(values: Any) -> Any:
        return jax_mean_cost(values, x, y)

    return cost  # type: ignore[no-any-return]


def jax_mean_cost(values: Any, x: Any, y: Any) -> Any:
    """The cost of a batch."""
    import jax

    a = x
    for W, b in zip(values[::2], values[1::2], strict=True):
        a = jax.nn.sigmoid(a @ W + b)
    return ((a - y) ** 2).sum(axis=1).mean() / 2


def jax_check_grads(net: Network, x: Any, y: Any) -> Run:
    """`jax.test_util.check_grads` of JAX's own derivative, first order."""
    import jax
    from jax.test_util import check_grads

    cost = jax_cost(x, y)
    values = [jax.numpy.asarray(p) for p in parameters(net)]
    return lambda: check_grads(cost, (values,), 1, modes=["rev"])


def autograd_check_grads(net: Network, x: Any, y: Any) -> Run:
    """`autograd.test_util.check_grads` of autograd's own derivative, first order."""
    import autograd.numpy as anp
    from autograd.test_util import check_grads

    def cost(values: Any) -> Any:
        a = x
        for W, b in zip(values[::2], values[1::2], strict=True):
            a = 1 / (1 + anp.exp(-(anp.dot(a, W) + b)))
        return anp.mean(anp.sum((a - y) ** 2, axis=1)) / 2

    values = tuple(parameters(net))
    return lambda: check_grads(cost, modes=["rev"], order=1)(values)


def torch_training(
    net: Network, images: Any, labels: Any, order: Any, *, batch_size: int, learning_rate: float
) -> Run:
    """One epoch of torch in eager mode: `nn.Sequential`, autograd and `optim.SGD`.

    The images are float32 tensors, scaled beforehand.
    """
    import torch

    torch.set_num_threads(1)
    x = torch.tensor(images).float() / 255
    y = torch.nn.functional.one_hot(torch.tensor(labels).long(), net.shape[-1]).float()
    rows = torch.from_numpy(order)
    layers: list[Any] = []
    for n_in, n_out in zip(net.shape[:-1], net.shape[1:], strict=True):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
    model = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for layer, W, b in zip(layers[::2], net.weights, net.biases, strict=True):
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

    def epoch() -> None:
        for batch in rows.split(batch_size):
            optimizer.zero_grad()
            loss = ((model(x[batch]) - y[batch]) ** 2).sum(dim=1).mean() / 2
            loss.backward()
            optimizer.step()

    return epoch


def jax_training(
    net: Network, images: Any, labels: Any, order: Any, *, batch_size: int, learning_rate: float
) -> Run:
    """One epoch of JAX, the whole of it compiled: `jit` around `lax.scan` over the minibatches.

    The images are a float32 array, scaled beforehand; compiling is not counted.
    """
    import jax
    import jax.numpy as jnp

    x = jnp.asarray(images, jnp.float32) / 255
    y = jax.nn.one_hot(jnp.asarray(labels), net.shape[-1], dtype=jnp.float32)
    whole = len(order) // batch_size * batch_size
    batches = jnp.asarray(order[:whole]).reshape(-1, batch_size)
    start = [jnp.asarray(p) for p in parameters(net)]

    @jax.jit
    def scan(values: Any) -> Any:
        def step(values: Any, rows: Any) -> Any:
            slopes = jax.grad(jax_mean_cost)(values, x[rows], y[rows])
            return [v - learning_rate * g for v, g in zip(values, slopes, strict=True)], None

        return jax.lax.scan(step, values, batches)[0]

    scan(start)[0].block_until_ready()
    return lambda: scan(start)[0].block_until_ready()  # noqa: PLW0108 - each call scans anew


def sklearn_training(
    net: Network, images: Any, labels: Any, order: Any, *, batch_size: int, learning_rate: float
) -> Run:
    """One epoch of `MLPClassifier`, plain gradient descent; its cost is the cross-entropy."""
    from sklearn.neural_network import MLPClassifier

    x, y = (images.astype(np.float32) / 255)[order], labels[order]
    model = MLPClassifier(
        net.shape[1:-1],
        activation="logistic",
        solver="sgd",
        alpha=0.0,
        batch_size=batch_size,
        learning_rate_init=learning_rate / 10,
        momentum=0.0,
        shuffle=False,
    )
    classes = np.arange(net.shape[-1])
    return lambda: model.partial_fit(x, y, classes=classes)


def products(net: Network, images: Any, order: Any, *, batch_size: int) -> Run:
    """What cannot be saved: fetching each minibatch, scaling it, and the matrix products.

    For L layers there are 3 L - 1 products; all results go to arrays made beforehand.
    """
    dtype, sizes = net.dtype, net.shape
    pixels = np.empty((batch_size, sizes[0]), np.uint8)
    a = [np.zeros((batch_size, n), dtype) for n in sizes]
    delta = [np.ones((batch_size, n), dtype) for n in sizes]
    dW = [np.empty_like(W) for W in net.weights]
    share = dtype.type(1 / 255)

    def epoch() -> None:
        for first in range(0, len(order) - batch_size + 1, batch_size):
            np.take(images, order[first : first + batch_size], axis=0, out=pixels, mode="clip")
            np.copyto(a[0], pixels)
            a[0] *= share
            for l, W in enumerate(net.weights):
                np.matmul(a[l], W, out=a[l + 1])
            for l in reversed(range(len(dW))):
                np.matmul(a[l].T, delta[l + 1], out=dW[l])
                if l:
                    np.matmul(delta[l + 1], net.weights[l].T, out=delta[l])

    return epoch


def loops(  # noqa: C901 - loops in loops are the point
    net: Network, images: Any, labels: Any, *, batch_size: int, learning_rate: float
) -> Run:
    """Training in plain Python: one sample, one unit, one weight at a time."""
    import math

    weights = [W.tolist() for W in net.weights]
    biases = [b.tolist() for b in net.biases]
    samples = [([p / 255 for p in row], int(label))
               for row, label in zip(images.tolist(), labels, strict=True)]  # fmt: skip

    def activate(W: Any, b: Any, a: Any) -> list[float]:
        out = []
        for k in range(len(b)):
            z = b[k]
            for j in range(len(a)):
                z += a[j] * W[j][k]
            out.append(1 / (1 + math.exp(-z)))
        return out

    def one(sample: Any, dW: Any, db: Any) -> None:
        x, label = sample
        a = [x]
        for W, b in zip(weights, biases, strict=True):
            a.append(activate(W, b, a[-1]))
        delta = [(v - (k == label)) * v * (1 - v) for k, v in enumerate(a[-1])]
        for l in reversed(range(len(weights))):
            for k in range(len(delta)):
                db[l][k] += delta[k]
                for j in range(len(a[l])):
                    dW[l][j][k] += a[l][j] * delta[k]
            if l:
                delta = [
                    sum(weights[l][j][k] * delta[k] for k in range(len(delta))) * v * (1 - v)
                    for j, v in enumerate(a[l])
                ]

    def epoch() -> None:
        for first in range(0, len(samples), batch_size):
            batch = samples[first : first + batch_size]
            dW = [[[0.0] * len(row) for row in W] for W in weights]
            db = [[0.0] * len(b) for b in biases]
            for sample in batch:
                one(sample, dW, db)
            step = learning_rate / len(batch)
            for l in range(len(weights)):
                for k in range(len(biases[l])):
                    biases[l][k] -= step * db[l][k]
                    for j in range(len(weights[l])):
                        weights[l][j][k] -= step * dW[l][j][k]

    return epoch
