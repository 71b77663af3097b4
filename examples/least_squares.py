"""`jac=` for `scipy.optimize.least_squares`, dense and sparse: checked before it is used.

    python examples/least_squares.py    # four checks, two of them fail; then a fit

The dense one is of a decay curve with three parameters; its wrong twin forgets an inner derivative.
The sparse one is of a chain in which each residual sees its neighbours; the twin's pattern leaves
out those on one side, and so does a matrix that is built by it.
"""

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import diags_array

from geartrain import check_jacobian

t = np.linspace(0, 3, 12)
data = 2.5 * np.exp(-1.3 * t) + 0.5


def residuals(p):
    return p[0] * np.exp(-p[1] * t) + p[2] - data


def jacobian(p):
    decay = np.exp(-p[1] * t)
    return np.stack([decay, -t * p[0] * decay, np.ones_like(t)], axis=1)


def without_inner(p):
    """The derivative of exp(-p[1] t) with respect to p[1] has a factor -t, here it has not."""
    decay = np.exp(-p[1] * t)
    return np.stack([decay, p[0] * decay, np.ones_like(t)], axis=1)


def chain(u):
    """Each number and its neighbours; the ends have one."""
    padded = np.concatenate([[0], u, [0]])
    return u**3 - (padded[:-2] - 2 * u + padded[2:])


def chain_jacobian(u):
    off = -np.ones(len(u) - 1)
    return diags_array([off, 3 * u**2 + 2, off], offsets=[-1, 0, 1], format="csr")


def one_sided(u):
    off = -np.ones(len(u) - 1)
    return diags_array([3 * u**2 + 2, off], offsets=[0, 1], format="csr")


start = np.array([1.0, 1.0, 0.1])
u = np.linspace(-1, 1, 8)
pattern = one_sided(u) != 0

if __name__ == "__main__":
    print(check_jacobian(residuals, jacobian, start), end="\n\n")
    print(check_jacobian(residuals, without_inner, start), end="\n\n")
    print(check_jacobian(chain, chain_jacobian, u), end="\n\n")
    print(check_jacobian(chain, chain_jacobian, u, pattern), end="\n\n")
    print("fitted:", least_squares(residuals, start, jac=jacobian).x.round(6))
