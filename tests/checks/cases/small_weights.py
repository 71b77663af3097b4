"""Networks as they are before training: small weights, kinks within reach, layers that hardly act.

The cost is near log(classes) or the variance of the targets, whatever the weights; their slopes are
thousands of times smaller than it, and nothing about them is in low precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.checks.cases.shape import FAIL, NOT_FAIL, PASS, Case, Wrong, both, entry, times

KIND = "small weights"


def of_a_course(
    *, deviation: float, batch: int, seed: int, hidden: str = "relu"
) -> tuple[Case, ...]:
    """Two layers and softmax, as in most courses, weights drawn with the given deviation."""
    random = np.random.default_rng(seed)
    X, y = random.normal(size=(batch, 5)), random.integers(0, 3, batch)
    rows = np.arange(batch)
    params = {
        "W1": deviation * random.normal(size=(5, 6)),
        "b1": deviation * random.normal(size=6),
        "W2": deviation * random.normal(size=(6, 3)),
        "b2": deviation * random.normal(size=3),
    }

    def run(p: Any) -> Any:
        h = X @ p["W1"] + p["b1"]
        a = np.tanh(h) if hidden == "tanh" else np.where(h.real > 0, h, 0)
        e = np.exp(a @ p["W2"] + p["b2"])
        return h, a, e / e.sum(1, keepdims=True)

    def gradient(bug: str | None) -> Any:
        def g(p: Any) -> Any:
            h, a, q = run(p)
            d = q.copy()
            d[rows, y] -= 1
            d = d / (1 if bug == "mean" else batch)
            slope = 1 - a * a if hidden == "tanh" else (h > 0) * 1.0
            e = d @ p["W2"].T * (1 if bug == "slope" else slope)
            return {"W1": X.T @ e, "b1": e.sum(0), "W2": a.T @ d, "b2": d.sum(0)}

        return g

    right = gradient(None)
    wrong = [
        Wrong("mean left out", gradient("mean"), FAIL, "constant-factor"),
        Wrong("sign of W1", times(right, -1, "W1")),
        Wrong("b1 zero", times(right, 0, "b1")),
    ]
    # tanh of next to nothing has a slope of one but for its square: leaving it out is no error.
    if hidden == "relu":
        wrong.append(Wrong("derivative left out", gradient("slope")))
    return both(
        Case(
            name=f"{hidden}_{deviation:g}_{seed}",
            kind=KIND,
            cost=lambda p: -np.log(run(p)[2][rows, y]).mean(),
            params=params,
            right=right,
            wrong=tuple(wrong),
            accuracy=1e-5,
        ),
        # By real differences some slopes of tiny weights drown: then it has to say so.
        expect=PASS if deviation >= 1e-3 else NOT_FAIL,
    )


def squares(
    name: str,
    *,
    params: Any,
    out: Callable[[Any], Any],
    target: Any,
    back: Callable[[Any, Any], Any],
    wrong: Callable[[Any], tuple[Wrong, ...]],
) -> tuple[Case, ...]:
    """Half the mean squared error of `out`; `back` takes the slope in its result to `params`."""

    def right(p: Any) -> Any:
        return back(p, (out(p) - target) / len(target))

    return both(
        Case(
            name=name,
            kind=KIND,
            cost=lambda p: ((out(p) - target) ** 2).sum() / 2 / len(target),
            params=params,
            right=right,
            wrong=wrong(right),
        )
    )


def autoencoder() -> tuple[Case, ...]:
    """Encoder and decoder at 1e-4: the reconstruction is 1e-8 of the data."""
    random = np.random.default_rng(111)
    X = random.normal(size=(9, 5))
    params = {
        "encoder": 1e-4 * random.normal(size=(5, 2)),
        "decoder": 1e-4 * random.normal(size=(2, 5)),
    }

    def back(p: Any, d: Any) -> Any:
        code = np.tanh(X @ p["encoder"])
        return {
            "encoder": X.T @ (d @ p["decoder"].T * (1 - code**2)),
            "decoder": code.T @ d,
        }

    return squares(
        "autoencoder",
        params=params,
        out=lambda p: np.tanh(X @ p["encoder"]) @ p["decoder"],
        target=X,
        back=back,
        wrong=lambda right: (
            Wrong("sign of the encoder", times(right, -1, "encoder")),
            Wrong("decoder 1% off", times(right, 1.01, "decoder")),
            Wrong("decoder zero", times(right, 0, "decoder")),
        ),
    )


def convolution() -> tuple[Case, ...]:
    """A short filter over a signal, ReLU, and a mean: weights of 1e-3, a bias of zero."""
    random = np.random.default_rng(112)
    X = random.normal(size=(6, 10))
    T = random.normal(size=6)
    windows = np.lib.stride_tricks.sliding_window_view(X, 3, axis=1)
    params = {"filter": 1e-3 * random.normal(size=3), "bias": np.zeros(1), "out": np.array([0.8])}

    def pre(p: Any) -> Any:
        return windows @ p["filter"] + p["bias"]

    def out(p: Any) -> Any:
        h = pre(p)
        return np.where(h.real > 0, h, 0).mean(1) * p["out"]

    def back(p: Any, d: Any) -> Any:
        h = pre(p)
        e = d[:, None] * p["out"] / 8 * (h > 0)
        return {
            "filter": (windows * e[..., None]).sum((0, 1)),
            "bias": np.array([e.sum()]),
            "out": np.array([(d * np.where(h > 0, h, 0).mean(1)).sum()]),
        }

    return squares(
        "convolution",
        params=params,
        out=out,
        target=T,
        back=back,
        wrong=lambda right: (
            Wrong("filter backwards", lambda p: {**right(p), "filter": right(p)["filter"][::-1]}),
            Wrong("sign of the bias", times(right, -1, "bias")),
            Wrong("window's mean forgotten", times(right, 8, "filter")),
        ),
    )


def recurrent() -> tuple[Case, ...]:
    """Four steps of a recurrent layer, weights of 1e-3: the past is felt a thousandth each step."""
    random = np.random.default_rng(113)
    X = random.normal(size=(4, 5, 2))
    T = random.normal(size=(5, 3))
    params = {
        "U": 1e-3 * random.normal(size=(2, 3)),
        "W": 1e-3 * random.normal(size=(3, 3)),
        "b": np.zeros(3),
    }

    def states(p: Any) -> Any:
        h = [np.zeros((5, 3))]
        for x in X:
            h.append(np.tanh(x @ p["U"] + h[-1] @ p["W"] + p["b"]))
        return h

    def through(p: Any, d: Any, steps: int) -> Any:
        h = states(p)
        g = {key: np.zeros_like(v) for key, v in p.items()}
        for t in range(4, 4 - steps, -1):
            d = d * (1 - h[t] ** 2)
            g["U"] += X[t - 1].T @ d
            g["W"] += h[t - 1].T @ d
            g["b"] += d.sum(0)
            d = d @ p["W"].T
        return g

    def cut(p: Any) -> Any:
        return through(p, (states(p)[-1] - T) / 5, 1)

    return squares(
        "recurrent",
        params=params,
        out=lambda p: states(p)[-1],
        target=T,
        back=lambda p, d: through(p, d, 4),
        wrong=lambda right: (
            Wrong("sign of W", times(right, -1, "W")),
            Wrong("last step only", cut),
            Wrong("one entry of U zero", entry(right, 3, 0, "U")),
        ),
    )


def attention() -> tuple[Case, ...]:
    """Queries and keys at 1e-3: all weights of attention are equal but for a millionth."""
    random = np.random.default_rng(114)
    X = random.normal(size=(5, 3))
    T = random.normal(size=(5, 3))
    params = [1e-3 * random.normal(size=(3, 3)), 1e-3 * random.normal(size=(3, 3))]

    def weights(p: Any) -> Any:
        e = np.exp((X @ p[0]) @ (X @ p[1]).T)
        return e / e.sum(1, keepdims=True)

    def back(p: Any, d: Any) -> Any:
        w = weights(p)
        dw = d @ X.T
        ds = w * (dw - (w * dw).sum(1, keepdims=True))
        return [X.T @ ds @ (X @ p[1]), X.T @ ds.T @ (X @ p[0])]

    return squares(
        "attention",
        params=params,
        out=lambda p: weights(p) @ X,
        target=T,
        back=back,
        wrong=lambda right: (
            Wrong("sign of the queries", times(right, -1, 0)),
            Wrong("keys for queries", lambda p: right(p)[::-1]),
            Wrong("keys zero", times(right, 0, 1)),
        ),
    )


def residual() -> tuple[Case, ...]:
    """Two residual blocks that start at almost nothing, beside a head of order one."""
    random = np.random.default_rng(115)
    X, T = random.normal(size=(7, 4)), random.normal(size=(7, 2))
    params = {
        "blocks": [1e-5 * random.normal(size=(4, 4)) for _ in range(2)],
        "head": random.normal(size=(4, 2)),
    }

    def stream(p: Any) -> Any:
        h = [X]
        for W in p["blocks"]:
            h.append(h[-1] + np.sin(h[-1] @ W))
        return h

    def back(p: Any, d: Any) -> Any:
        h = stream(p)
        head = h[-1].T @ d
        d = d @ p["head"].T
        blocks: list[Any] = []
        for l in (1, 0):
            inner = d * np.cos(h[l] @ p["blocks"][l])
            blocks.insert(0, h[l].T @ inner)
            d = d + inner @ p["blocks"][l].T
        return {"blocks": blocks, "head": head}

    def first_zero(right: Any) -> Any:
        return lambda p: {**right(p), "blocks": [0 * p["blocks"][0], right(p)["blocks"][1]]}

    return squares(
        "residual",
        params=params,
        out=lambda p: stream(p)[-1] @ p["head"],
        target=T,
        back=back,
        wrong=lambda right: (
            Wrong("first block zero", first_zero(right)),
            Wrong("sign of the head", times(right, -1, "head")),
        ),
    )


CASES = (
    *of_a_course(deviation=1e-4, batch=60, seed=0),
    *of_a_course(deviation=1e-4, batch=60, seed=3),
    *of_a_course(deviation=1e-3, batch=60, seed=1),
    *of_a_course(deviation=1e-2, batch=40, seed=2),
    *of_a_course(deviation=1.0, batch=20, seed=0),
    *of_a_course(deviation=1e-4, batch=10, seed=4, hidden="tanh"),
    *autoencoder(),
    *convolution(),
    *recurrent(),
    *attention(),
    *residual(),
)
