"""A network of two layers in NumPy, and its check: nothing of ours but `check_gradients`.

python examples/first_network.py                   # passes
gradcheck examples/first_network.py:forgetful      # the slope of tanh left out: fails, named
"""

import numpy as np

from checks import check_gradients

rng = np.random.default_rng(0)
x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
params = {"W1": rng.normal(size=(3, 5)), "b1": np.zeros(5), "W2": rng.normal(size=(5, 2))}


def forward(p):
    hidden = np.tanh(x @ p["W1"] + p["b1"])
    return hidden, hidden @ p["W2"]


def cost(p):
    return ((forward(p)[1] - y) ** 2).sum() / 2 / len(x)


def gradients(p, slope=lambda a: 1 - a**2):
    hidden, out = forward(p)
    delta2 = (out - y) / len(x)
    delta1 = delta2 @ p["W2"].T * slope(hidden)
    return {"W1": x.T @ delta1, "b1": delta1.sum(0), "W2": hidden.T @ delta2}


subject = (cost, gradients, params)
forgetful = (cost, lambda p: gradients(p, slope=np.ones_like), params)

if __name__ == "__main__":
    print(check_gradients(cost, gradients, params))
