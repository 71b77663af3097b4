"""A hand-written layer, checked by itself: its vector-Jacobian product, and a wrong one.

    python examples/vector_products.py

Layer normalisation subtracts the mean of each row and divides by its standard deviation. Both
depend on every entry of the row, which the wrong product forgets of the deviation.
"""

import numpy as np

from checks import check_vjp


def normalise(x):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


def product(x, cotangent):
    """`cotangent` times the Jacobian of `normalise` at x; both of shape (batch, n)."""
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    along = (cotangent * normalise(x)).mean(axis=1, keepdims=True)
    return (cotangent - cotangent.mean(axis=1, keepdims=True) - normalise(x) * along) / deviation


def constant_deviation(x, cotangent):
    """As if the standard deviation were a constant."""
    deviation = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return (cotangent - cotangent.mean(axis=1, keepdims=True)) / deviation


x = np.random.default_rng(0).normal(size=(4, 6))

if __name__ == "__main__":
    for vjp in (product, constant_deviation):
        print(check_vjp(normalise, vjp, x), end="\n\n")
