"""The cost of a solver that stops: a field that settles, and the gradient by its adjoint.

    python examples/iterative_solver.py                 # passes
    gradcheck examples/iterative_solver.py:right
    gradcheck examples/iterative_solver.py:transposed   # the adjoint of the wrong matrix: fails

u solves A u = tanh(p), by repeating u <- u + (tanh(p) - A u) until that moves it no more; the cost
is half the squared distance from a target. The gradient does not follow the steps: it solves the
adjoint equation, with A transposed, once. A is not symmetric, so that it matters.
"""

import numpy as np

from geartrain import GradientProblem, check_gradients

rng = np.random.default_rng(0)
n = 6
A = np.eye(n) + 0.5 * rng.normal(size=(n, n)) / n
target = rng.normal(size=n)
p = rng.normal(size=n)


def solve(matrix, right_side, tolerance=1e-13):
    u = np.zeros_like(right_side)
    for _ in range(1000):
        step = right_side - matrix @ u
        u = u + step
        if np.abs(step).max() < tolerance:
            break
    return u


def cost(p):
    return ((solve(A, np.tanh(p)) - target) ** 2).sum() / 2


def gradient(p, adjoint=A.T):
    u = solve(A, np.tanh(p))
    return solve(adjoint, u - target) * (1 - np.tanh(p) ** 2)


right = GradientProblem(cost, gradient, p)
transposed = GradientProblem(cost, lambda p: gradient(p, adjoint=A), p)

if __name__ == "__main__":
    print(check_gradients(right))
