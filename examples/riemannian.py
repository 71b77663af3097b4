"""A Riemannian gradient: the leading subspace of a matrix, over orthonormal columns.

    python examples/riemannian.py    # passes along the manifold, where its twin fails

The columns of X stay orthonormal, so only the part of a gradient that is tangent there counts, and
`manifold="orthogonal"` has the check move along tangents alone. The twin takes out all of what lies
in the span of X, as one may where a cost sees only the subspace: with N, this one sees rotations.
"""

import numpy as np

from geartrain import check_gradients

rng = np.random.default_rng(0)
A = rng.normal(size=(6, 6))
A = A + A.T
N = np.diag([2.0, 1.0])
X = np.linalg.qr(rng.normal(size=(6, 2)))[0]


def cost(X):
    return -np.trace(X.T @ A @ X @ N)


def gradient(X):
    g = -2 * A @ X @ N
    return g - X @ (X.T @ g + g.T @ X) / 2


def of_subspaces(X):
    g = -2 * A @ X @ N
    return g - X @ (X.T @ g)


if __name__ == "__main__":
    print(check_gradients(cost, gradient, X, manifold="orthogonal"), end="\n\n")
    print(check_gradients(cost, of_subspaces, X, manifold="orthogonal"))
