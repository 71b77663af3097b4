"""Functions of other libraries: what autograd differentiates of NumPy and SciPy, one a line.

`FUNCTIONS` maps a name to a function of `lib`, autograd's modules, and of named arrays, and to how
each array is drawn. Nothing of autograd is loaded before one is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], Any]


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function of autograd's modules and of arrays, and how to draw the arrays."""

    call: Callable[..., Any]
    arrays: dict[str, Draw]


def normal(*shape: int) -> Draw:
    """Numbers of both signs."""
    return lambda rng: rng.normal(size=shape)


def positive(*shape: int) -> Draw:
    """Numbers above 0, around 1."""
    return lambda rng: np.exp(0.7 * rng.normal(size=shape))


def above_1(*shape: int) -> Draw:
    """Numbers above 1."""
    return lambda rng: 1.05 + np.exp(rng.normal(size=shape))


def within_1(*shape: int) -> Draw:
    """Numbers between −0.95 and 0.95."""
    return lambda rng: rng.uniform(-0.95, 0.95, shape)


def share(*shape: int) -> Draw:
    """Numbers between 0.05 and 0.95."""
    return lambda rng: rng.uniform(0.05, 0.95, shape)


def regular(n: int) -> Draw:
    """A matrix that is far from singular."""
    return lambda rng: rng.normal(size=(n, n)) + n * np.eye(n)


def definite(n: int) -> Draw:
    """A symmetric positive definite matrix."""

    def draw(rng: np.random.Generator) -> Any:
        half = rng.normal(size=(n, n))
        return half @ half.T + n * np.eye(n)

    return draw


def _symmetric(a: Any) -> Any:
    return (a + a.T) / 2


def _elementwise() -> dict[str, Function]:
    """Functions of one number, over an array."""
    smooth = "sin cos tanh arctan arcsinh sinh cosh exp exp2 expm1 square negative sinc"
    table: dict[Callable[..., Draw], tuple[str, str]] = {
        normal: (
            f"{smooth} absolute fabs rad2deg deg2rad nan_to_num reciprocal real conjugate",
            "erf erfc expit i0 i1 j0 j1",
        ),
        positive: ("sqrt log log2 log10 log1p", "gammaln gamma psi rgamma y0 y1"),
        above_1: ("arccosh", ""),
        within_1: ("arcsin arccos arctanh tan", "erfinv"),
        share: ("", "logit erfcinv"),
    }
    found = {}
    for domain, words in table.items():
        for module, names in zip(("np", "special"), words, strict=True):
            for name in names.split():
                found[name] = Function(call=_named(module, name), arrays={"x": domain(3, 4)})
    return found


def _named(module: str, name: str) -> Callable[..., Any]:
    return lambda lib, **arrays: getattr(getattr(lib, module), name)(*arrays.values())


def _of_two() -> dict[str, Function]:
    """Functions of two numbers, over arrays that are broadcast."""
    plain = "add subtract multiply logaddexp logaddexp2 arctan2 hypot maximum minimum fmax fmin"
    found = {
        name: Function(call=_named("np", name), arrays={"a": normal(3, 4), "b": normal(4)})
        for name in plain.split()
    }
    for name in ("divide", "power", "remainder"):
        arrays = {"a": positive(3, 4), "b": positive(4)}
        found[name] = Function(call=_named("np", name), arrays=arrays)
    for name in ("beta", "betaln"):
        arrays = {"a": positive(3), "b": positive(3)}
        found[name] = Function(call=_named("special", name), arrays=arrays)
    return found


# What takes arguments besides its array: `lib` and x, which is (3, 4) where nothing else is said.
_OF_X: dict[str, Callable[..., Any]] = {
    "sum, axis": lambda lib, x: lib.np.sum(x, axis=0),
    "mean": lambda lib, x: lib.np.mean(x, axis=1),
    "prod": lambda lib, x: lib.np.prod(x, axis=1),
    "var": lambda lib, x: lib.np.var(x, axis=1),
    "std": lambda lib, x: lib.np.std(x, axis=0),
    "max": lambda lib, x: lib.np.max(x, axis=1),
    "min": lambda lib, x: lib.np.min(x, axis=0),
    "max of all": lambda lib, x: lib.np.max(x),
    "cumsum": lambda lib, x: lib.np.cumsum(x, axis=1),
    "sort": lambda lib, x: lib.np.sort(x.ravel()),
    "partition": lambda lib, x: lib.np.partition(x.ravel(), 5),
    "diff": lambda lib, x: lib.np.diff(x, axis=1),
    "gradient": lambda lib, x: lib.np.gradient(x, axis=1),
    "clip": lambda lib, x: lib.np.clip(x, -0.7, 0.7),
    "where": lambda lib, x: lib.np.where(x > 0, x**2, -x),
    "logsumexp": lambda lib, x: lib.special.logsumexp(x, axis=1),
    "transpose": lambda lib, x: lib.np.transpose(x),
    "reshape": lambda lib, x: lib.np.reshape(x, (2, 6)),
    "ravel": lambda lib, x: lib.np.ravel(x),
    "swapaxes": lambda lib, x: lib.np.swapaxes(x, 0, 1),
    "moveaxis": lambda lib, x: lib.np.moveaxis(x, 0, 1),
    "rollaxis": lambda lib, x: lib.np.rollaxis(x, 1),
    "roll": lambda lib, x: lib.np.roll(x, 2, axis=1),
    "rot90": lambda lib, x: lib.np.rot90(x),
    "flipud": lambda lib, x: lib.np.flipud(x),
    "fliplr": lambda lib, x: lib.np.fliplr(x),
    "tile": lambda lib, x: lib.np.tile(x, (2, 1)),
    "repeat": lambda lib, x: lib.np.repeat(x, 2, axis=0),
    "pad": lambda lib, x: lib.np.pad(x, 1, "constant"),
    "expand_dims": lambda lib, x: lib.np.expand_dims(x, 1),
    "squeeze": lambda lib, x: lib.np.squeeze(x[:, None]),
    "broadcast_to": lambda lib, x: lib.np.broadcast_to(x[:1], (3, 4)),
    "index": lambda lib, x: x[[0, 2, 2], 1:],
    "trace": lambda lib, x: lib.np.trace(x),
    "tril": lambda lib, x: lib.np.tril(x),
    "triu": lambda lib, x: lib.np.triu(x),
    "array_split": lambda lib, x: lib.np.array_split(x, 3, axis=1)[1],
    "concatenate": lambda lib, x: lib.np.concatenate([x, lib.np.sin(x)], axis=0),
    "stack": lambda lib, x: lib.np.stack([x, x * x]),
    "polynomial": lambda lib, x: 3 * x**3 - x**2 + 2 * x,
    "softmax": lambda lib, x: lib.np.exp(x - lib.special.logsumexp(x, axis=1, keepdims=True)),
    "power spectrum, fft": lambda lib, x: lib.np.abs(lib.np.fft.fft(x)) ** 2,
    "power spectrum, rfft": lambda lib, x: lib.np.abs(lib.np.fft.rfft(x)) ** 2,
    "power spectrum, fft2": lambda lib, x: lib.np.abs(lib.np.fft.fft2(x)) ** 2,
    "ifft": lambda lib, x: lib.np.real(lib.np.fft.ifft(x)),
    "norm": lambda lib, x: lib.np.linalg.norm(x),
    "norm, axis": lambda lib, x: lib.np.linalg.norm(x, axis=1),
    "norm, nuclear": lambda lib, x: lib.np.linalg.norm(x, "nuc"),
    "pinv": lambda lib, x: lib.np.linalg.pinv(x),
    "singular values": lambda lib, x: lib.np.linalg.svd(x, compute_uv=False),
    "normal log-density": lambda lib, x: lib.stats.norm.logpdf(x, 0.5, 1.5),
    "normal density": lambda lib, x: lib.stats.norm.pdf(x, 0.5, 1.5),
    "normal distribution": lambda lib, x: lib.stats.norm.cdf(x, 0.5, 1.5),
    "log of the normal distribution": lambda lib, x: lib.stats.norm.logcdf(x, 0.5, 1.5),
    "Student's log-density": lambda lib, x: lib.stats.t.logpdf(x, 4.5),
    "jn": lambda lib, x: lib.special.jn(3, x),
    "polygamma": lambda lib, x: lib.special.polygamma(1, 1 + x**2),
    "gammainc": lambda lib, x: lib.special.gammainc(2.5, 0.1 + x**2),
}

_OF_MORE: dict[str, tuple[Callable[..., Any], dict[str, Draw]]] = {
    "multigammaln": (lambda lib, x: lib.special.multigammaln(2 + x, 2), {"x": positive(5)}),
    "gamma's log-density": (lambda lib, x: lib.stats.gamma.logpdf(x, 2.5), {"x": positive(5)}),
    "beta's log-density": (lambda lib, x: lib.stats.beta.logpdf(x, 2.5, 1.5), {"x": share(5)}),
    "normal, all arguments": (
        lambda lib, x, m, s: lib.stats.norm.logpdf(x, m, s),
        {"x": normal(5), "m": normal(5), "s": positive(5)},
    ),
    "normal in several dimensions": (
        lambda lib, x, m: lib.stats.multivariate_normal.logpdf(x, m, np.eye(3) + 0.3),
        {"x": normal(4, 3), "m": normal(3)},
    ),
    "dot": (lambda lib, a, b: lib.np.dot(a, b), {"a": normal(3, 4), "b": normal(4, 2)}),
    "matmul": (lambda lib, a, b: a @ b, {"a": normal(2, 3, 4), "b": normal(4, 2)}),
    "inner": (lambda lib, a, b: lib.np.inner(a, b), {"a": normal(3, 4), "b": normal(2, 4)}),
    "outer": (lambda lib, a, b: lib.np.outer(a, b), {"a": normal(3), "b": normal(4)}),
    "kron": (lambda lib, a, b: lib.np.kron(a, b), {"a": normal(2, 3), "b": normal(3, 2)}),
    "cross": (lambda lib, a, b: lib.np.cross(a, b), {"a": normal(4, 3), "b": normal(4, 3)}),
    "tensordot": (
        lambda lib, a, b: lib.np.tensordot(a, b, axes=([1], [0])),
        {"a": normal(2, 3, 2), "b": normal(3, 4)},
    ),
    "einsum": (
        lambda lib, a, b: lib.np.einsum("ijk,kl->il", a, b),
        {"a": normal(2, 3, 4), "b": normal(4, 3)},
    ),
    "diagonal": (
        lambda lib, x: lib.np.diagonal(x, offset=0, axis1=-1, axis2=-2),
        {"x": normal(4, 4)},
    ),
    "diag": (lambda lib, x: lib.np.diag(x), {"x": normal(4)}),
    "inv": (lambda lib, a: lib.np.linalg.inv(a), {"a": regular(4)}),
    "det": (lambda lib, a: lib.np.linalg.det(a), {"a": regular(4)}),
    "slogdet": (lambda lib, a: lib.np.linalg.slogdet(a)[1], {"a": regular(4)}),
    "solve": (
        lambda lib, a, b: lib.np.linalg.solve(a, b),
        {"a": regular(4), "b": normal(4, 2)},
    ),
    "cholesky": (lambda lib, a: lib.np.linalg.cholesky(_symmetric(a)), {"a": definite(4)}),
    "eigenvalues": (lambda lib, a: lib.np.linalg.eigh(_symmetric(a))[0], {"a": definite(4)}),
    "quadratic form": (lambda lib, a, x: x @ a @ x, {"a": normal(4, 4), "x": normal(4)}),
    "convolve": (
        lambda lib, a, b: lib.signal.convolve(a, b),
        {"a": normal(6), "b": normal(3)},
    ),
    "solve_triangular": (
        lambda lib, a, b: lib.linalg.solve_triangular(a, b),
        {"a": regular(4), "b": normal(4)},
    ),
    "solve_sylvester": (
        lambda lib, a, b, q: lib.linalg.solve_sylvester(a, b, q),
        {"a": regular(3), "b": regular(2), "q": normal(3, 2)},
    ),
}

FUNCTIONS: dict[str, Function] = {
    **_elementwise(),
    **_of_two(),
    **{name: Function(call=call, arrays={"x": normal(3, 4)}) for name, call in _OF_X.items()},
    **{name: Function(call=call, arrays=arrays) for name, (call, arrays) in _OF_MORE.items()},
}
