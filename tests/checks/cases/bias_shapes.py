"""Biases in all the shapes in which broadcasting takes them.

A gradient in a bias is a sum over whatever it was broadcast over, and has the bias's own shape.
Which of the two is forgotten, and over which axes, must not depend on the course one took.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, Case, Wrong, both, times

KIND = "shape of a bias"
ACTIVATION = ("wrong-activation",)


def two_layers(shape: str) -> tuple[Case, ...]:
    """A network whose biases are rows, (1, n), or columns, (n, 1)."""
    random = np.random.default_rng(71)
    m = 12
    X = random.normal(size=(m, 3))
    Y = np.eye(2)[random.integers(0, 2, m)]

    def stored(b: Any) -> Any:
        return b[None] if shape == "row" else b[:, None]

    def row(b: Any) -> Any:
        return b if shape == "row" else b.T

    params = {
        "W1": random.normal(size=(3, 4)),
        "b1": stored(random.normal(size=4)),
        "W2": random.normal(size=(4, 2)),
        "b2": stored(random.normal(size=2)),
    }

    def run(p: Any) -> Any:
        a = np.tanh(X @ p["W1"] + row(p["b1"]))
        return a, 1 / (1 + np.exp(-(a @ p["W2"] + row(p["b2"]))))

    def gradient(bug: str | None) -> Any:
        def g(p: Any) -> Any:
            a, o = run(p)
            d = (o - Y) / m * (1 if bug == "output" else o * (1 - o))
            e = d @ p["W2"].T * (1 if bug == "hidden" else 1 - a * a)

            def summed(v: Any) -> Any:
                return v[0] if bug == "sample" else v.sum(0)

            grads = {"W1": X.T @ e, "b1": stored(summed(e)), "W2": a.T @ d, "b2": stored(summed(d))}
            if bug == "zero":
                grads["b1"], grads["b2"] = 0 * grads["b1"], 0 * grads["b2"]
            return grads

        return g

    return both(
        Case(
            name=f"biases_as_{shape}s",
            kind=KIND,
            cost=lambda p: ((run(p)[1] - Y) ** 2).sum() / 2 / m,
            params=params,
            right=gradient(None),
            wrong=(
                Wrong(
                    "derivative of the output left out",
                    gradient("output"),
                    FAIL,
                    "cost-derivative",
                    ACTIVATION,
                ),
                Wrong(
                    "derivative of the hidden layer left out",
                    gradient("hidden"),
                    FAIL,
                    None,
                    ("wrong-activation", "unknown"),
                ),
                Wrong(
                    "biases of one sample", gradient("sample"), FAIL, "bias-not-summed", ACTIVATION
                ),
                Wrong("biases zero", gradient("zero"), FAIL, None, ACTIVATION),
            ),
        )
    )


def broadcast(
    name: str, shape: tuple[int, ...], axes: tuple[int, ...], wrong_axes: tuple[int, ...]
) -> tuple[Case, ...]:
    """Some features plus a bias, through tanh, against targets; the bias has the given shape.

    `axes` are those that the bias is broadcast over; `wrong_axes` have as many entries.
    """
    random = np.random.default_rng(72)
    full = {"channels": (3, 4, 5, 4), "steps": (4, 6, 4)}.get(name, (4, 4))
    Z, T = random.normal(size=full), random.normal(size=full)
    params = {"bias": random.normal(size=shape), "gain": np.array(1.3)}

    def out(p: Any) -> Any:
        return np.tanh(p["gain"] * Z + p["bias"])

    def gradient(over: tuple[int, ...], how: Any = np.sum) -> Any:
        def g(p: Any) -> Any:
            a = out(p)
            d = (a - T) * (1 - a * a)
            return {
                "bias": np.reshape(how(d, axis=over), shape),
                "gain": np.asarray((d * Z).sum()),
            }

        return g

    right = gradient(axes)
    return both(
        Case(
            name=f"bias_of_{name}",
            kind=KIND,
            cost=lambda p: ((out(p) - T) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=(
                Wrong("mean, not sum", gradient(axes, np.mean)),
                Wrong("zero", times(right, 0, "bias")),
                *(
                    [Wrong("summed over the wrong axes", gradient(wrong_axes))]
                    if wrong_axes != axes
                    else []
                ),
                Wrong("sign of the gain", times(right, -1, "gain")),
            ),
        )
    )


def rows_and_columns() -> tuple[Case, ...]:
    """Effects of rows and of columns, (n, 1) + (1, n) + a number, as of an analysis of variance."""
    T = np.random.default_rng(73).normal(size=(4, 4))
    params = {
        "rows": np.array([[0.3], [-0.2], [0.8], [0.1]]),
        "columns": np.array([[0.5, 1.1, -0.6, 0.2]]),
        "level": np.array(0.7),
    }

    def off(p: Any) -> Any:
        return p["rows"] + p["columns"] + p["level"] - T

    def right(p: Any) -> Any:
        r = off(p)
        return {
            "rows": r.sum(1, keepdims=True),
            "columns": r.sum(0, keepdims=True),
            "level": np.asarray(r.sum()),
        }

    def swapped(p: Any) -> Any:
        g = right(p)
        return {**g, "rows": g["columns"].T, "columns": g["rows"].T}

    return both(
        Case(
            name="rows_and_columns",
            kind=KIND,
            cost=lambda p: (off(p) ** 2).sum() / 2,
            params=params,
            right=right,
            wrong=(
                Wrong("rows for columns", swapped),
                Wrong("level's mean", times(right, 1 / 16, "level")),
                Wrong("columns of one row", lambda p: {**right(p), "columns": off(p)[:1]}),
            ),
        )
    )


def list_of_layers() -> tuple[Case, ...]:
    """Layers as a list of dicts, three deep, one without a bias."""
    random = np.random.default_rng(74)
    X, Y = random.normal(size=(7, 3)), random.normal(size=(7, 2))
    params: list[dict[str, Any]] = [
        {"W": random.normal(size=(3, 4)), "b": random.normal(size=4)},
        {"W": random.normal(size=(4, 4))},
        {"W": random.normal(size=(4, 2)), "b": random.normal(size=2)},
    ]

    def activations(p: Any) -> Any:
        a = [X]
        for layer in p:
            a.append(np.tanh(a[-1] @ layer["W"] + layer.get("b", 0)))
        return a

    def gradient(bug: str | None) -> Any:
        def g(p: Any) -> Any:
            a = activations(p)
            d = a[-1] - Y
            grads: list[dict[str, Any]] = []
            for l in (2, 1, 0):
                d = d * (1 - a[l + 1] ** 2)
                grads.insert(0, {"W": a[l].T @ d})
                if "b" in p[l]:
                    grads[0]["b"] = d[0] if bug == "sample" else d.mean(0) if bug else d.sum(0)
                d = d @ p[l]["W"].T
            return grads

        return g

    return both(
        Case(
            name="list_of_layers",
            kind=KIND,
            cost=lambda p: ((activations(p)[-1] - Y) ** 2).sum() / 2,
            params=params,
            right=gradient(None),
            wrong=(
                Wrong("biases of one sample", gradient("sample"), FAIL, None, ACTIVATION),
                Wrong("biases by their mean", gradient("mean"), FAIL, None, ACTIVATION),
            ),
        )
    )


CASES = (
    *two_layers("row"),
    *two_layers("column"),
    *broadcast("one_number", (), (0, 1), (0, 1)),
    *broadcast("one_by_one", (1, 1), (0, 1), (0, 1)),
    *broadcast("samples", (4, 1), (1,), (0,)),
    *broadcast("channels", (4, 1, 1), (0, 2, 3), (0, 1, 2)),
    *broadcast("steps", (1, 4), (0, 1), (1, 2)),
    *rows_and_columns(),
    *list_of_layers(),
)
