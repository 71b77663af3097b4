"""A network as a class, its weights in attributes, as most tutorials write one.

    python examples/class_network.py                 # passes
    gradcheck examples/class_network.py:right        # the same from the command line
    gradcheck examples/class_network.py:forgetful    # gradients are never set to zero: named

`attributes` says which attributes are parameters. Whatever the check changes in the network, its
weights, its caches, the gradients it adds up, is put back.
"""

from itertools import pairwise

import numpy as np

from geartrain import attributes, check_gradients


class Dense:
    def __init__(self, n_in, n_out, rng):
        self.W, self.b = rng.normal(size=(n_in, n_out)), np.zeros(n_out)
        self.zero_grad()

    def zero_grad(self):
        self.dW, self.db = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.W + self.b)
        return self.a

    def backward(self, upstream):
        delta = upstream * (1 - self.a**2)
        self.dW += self.x.T @ delta
        self.db += delta.sum(axis=0)
        return delta @ self.W.T


class Network:
    def __init__(self, *widths, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [Dense(*pair, rng) for pair in pairwise(widths)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, y):
        return ((self.forward(x) - y) ** 2).sum() / 2 / len(x)

    def backward(self, x, y, zero_grad=True):
        if zero_grad:
            for layer in self.layers:
                layer.zero_grad()
        delta = (self.forward(x) - y) / len(x)
        for layer in reversed(self.layers):
            delta = layer.backward(delta)


rng = np.random.default_rng(1)
x, y = rng.normal(size=(20, 3)), rng.uniform(-1, 1, size=(20, 2))
net = Network(3, 5, 2)


def problem(**options):
    return attributes(
        net, ["layers.*.W", "layers.*.b"], stored=["layers.*.dW", "layers.*.db"],
        cost=lambda: net.loss(x, y), gradients=lambda: net.backward(x, y, **options),
    )  # fmt: skip


right = problem()
forgetful = problem(zero_grad=False)

if __name__ == "__main__":
    print(check_gradients(right))
