"""Batch normalisation with a scale and a shift, and its product with a cotangent.

    python examples/batch_norm.py    # the right one passes, the other one fails

Mean and variance depend on every sample of the batch. Who takes them for constants, as they are
once a network is trained, has a gradient of h that is wrong, and two others that are right.
"""

import numpy as np

from geartrain import check_vjp

EPS = 1e-5


def batch_norm(p):
    """`h` with each column at mean 0 and variance 1, then scaled and shifted: (batch, n)."""
    h, gamma, beta = p["h"], p["gamma"], p["beta"]
    return gamma * (h - h.mean(axis=0)) / np.sqrt(h.var(axis=0) + EPS) + beta


def vjp(p, c, *, statistics_move=True):
    """The cotangent `c` times the Jacobian, by argument."""
    h, gamma = p["h"], p["gamma"]
    deviation = np.sqrt(h.var(axis=0) + EPS)
    normal = (h - h.mean(axis=0)) / deviation
    dnormal = c * gamma
    if statistics_move:
        dnormal = dnormal - dnormal.mean(axis=0) - normal * (dnormal * normal).mean(axis=0)
    return {"h": dnormal / deviation, "gamma": (c * normal).sum(axis=0), "beta": c.sum(axis=0)}


def frozen_statistics(p, c):
    return vjp(p, c, statistics_move=False)


rng = np.random.default_rng(0)
params = {"h": rng.normal(size=(8, 3)), "gamma": rng.normal(size=3), "beta": rng.normal(size=3)}

if __name__ == "__main__":
    for product in (vjp, frozen_statistics):
        print(check_vjp(batch_norm, product, params), end="\n\n")
