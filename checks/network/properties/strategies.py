"""Strategies: where the random networks and batches come from that the properties are held to.

`networks`, `minibatches` and `cases` are Hypothesis strategies; `register_profiles` says how
many examples are drawn. Numbers come from NumPy generators whose seeds are drawn: a failure shrinks
towards a small shape at usual weights, and is told by its ingredients instead of by its arrays.

Activations and costs are looked up when an example is drawn, so a new entry is drawn at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from backprop import init_net
from backprop.activations import ACTIVATIONS, Array
from backprop.costs import COSTS
from backprop.network import Network
from checks.strategies import shapes

Generator = np.random.Generator
Size = tuple[int, int]

# The simplest comes first: that is where a failure shrinks to.
DTYPES = ("float64", "float32")
SCALES = (1.0, 0.1, 3.0, 10.0, 0.0)
DATA: dict[str, Callable[[Generator, Size], Array]] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "pixels": lambda rng, size: rng.integers(256, size=size) / 255 * rng.integers(2, size=size),
    "repeated rows": lambda rng, size: np.repeat(rng.normal(size=(1, size[1])), size[0], axis=0),
    "large": lambda rng, size: 100 * rng.normal(size=size),
    "zeros": lambda rng, size: np.zeros(size),
}
TARGETS: dict[str, Callable[[Generator, Size], Array]] = {
    "labels": lambda rng, size: rng.integers(size[1], size=size[0]),
    "soft targets": lambda rng, size: rng.random(size),
    "shares": lambda rng, size: rng.dirichlet(np.ones(size[1]), size=size[0]),
    "all ones": lambda rng, size: np.ones(size),
    "all zeros": lambda rng, size: np.zeros(size),
    "unbounded targets": lambda rng, size: 3 * rng.normal(size=size),
}

seeds = st.integers(0, 2**16 - 1)


@dataclass(frozen=True, kw_only=True, repr=False)
class Case:
    """A network, a batch (batch, n_in) and its targets, and the words that tell what they are."""

    net: Network
    x: Array
    y: Array
    words: str

    def __repr__(self) -> str:
        return f"<Case {self.words}>"


@st.composite
def activations(draw: st.DrawFn, *, layers: int, cost: str, kinks: bool = True) -> tuple[str, ...]:
    """A name for each layer, alike or mixed, with the output that the cost brings along."""
    names = [n for n, f in ACTIVATIONS.items() if not f.coupled and (kinks or not f.kinked)]
    hidden = st.sampled_from(names)
    drawn = draw(
        st.one_of(
            hidden.map(lambda name: [name] * layers),
            st.lists(hidden, min_size=layers, max_size=layers),
        )
    )
    return (*drawn[:-1], COSTS[cost].output or drawn[-1])


def networks(
    *,
    shape: st.SearchStrategy[tuple[int, ...]] | None = None,
    dtypes: Sequence[str] = DTYPES,
    scales: Sequence[float] = SCALES,
    kinks: bool = True,
) -> st.SearchStrategy[Network]:
    """Networks of any activations and cost, with weights from dead to saturated.

    Parameters
    ----------
    shape
        A strategy for the layer widths, by default `shapes()`.
    dtypes
        "float64" and "float32", or one of them.
    scales
        What the usual weights are multiplied by; (1.0,) for usual ones alone.
    kinks
        Whether activations with a kink may be drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(networks(kinks=False), lambda net: len(net.weights) == 2).shape
    (1, 1, 1)
    """
    drawn = _networks(shape=shape, dtypes=dtypes, scales=scales, kinks=kinks)
    return drawn.map(lambda pair: pair[0])


def minibatches(
    net: Network, *, data: Sequence[str] = tuple(DATA), max_batch: int = 6
) -> st.SearchStrategy[tuple[Array, Array]]:
    """Inputs and targets that suit a network: x, (batch, n_in), and labels or (batch, n_out).

    Parameters
    ----------
    net
        The network.
    data
        What the inputs may be: "normal", "pixels", "repeated rows", "large", "zeros".
    max_batch
        The most samples; the fewest are one.

    Examples
    --------
    >>> from backprop import init_net
    >>> from hypothesis import find
    >>> x, y = find(minibatches(init_net((3, 2))), lambda drawn: len(drawn[0]) == 2)
    >>> x.shape
    (2, 3)
    """
    return _minibatches(net, data=data, max_batch=max_batch).map(lambda drawn: drawn[0])


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    dtypes: Sequence[str] = DTYPES,
    scales: Sequence[float] = SCALES,
    kinks: bool = True,
    data: Sequence[str] = tuple(DATA),
) -> Case:
    """A network and a batch for it."""
    net, of_net = draw(_networks(shape=None, dtypes=dtypes, scales=scales, kinks=kinks))
    (x, y), of_batch = draw(_minibatches(net, data=data))
    return Case(net=net, x=x, y=y, words=f"{of_net}; {of_batch}")


@st.composite
def _networks(
    draw: st.DrawFn,
    *,
    shape: st.SearchStrategy[tuple[int, ...]] | None,
    dtypes: Sequence[str],
    scales: Sequence[float],
    kinks: bool,
) -> tuple[Network, str]:
    widths = draw(shapes() if shape is None else shape)
    cost = draw(st.sampled_from(list(COSTS)))
    names = draw(activations(layers=len(widths) - 1, cost=cost, kinks=kinks))
    dtype, scale = draw(st.sampled_from(dtypes)), draw(st.sampled_from(scales))
    biases, seed = draw(st.sampled_from((1.0, 0.0))), draw(seeds)
    net = init_net(widths, activation=names, cost=cost, dtype=dtype, seed=seed)
    for W, b in zip(net.weights, net.biases, strict=True):
        W *= scale
        b *= biases
    without = "" if biases else " and no biases"
    return net, (
        f"{'-'.join(map(str, widths))}, {' '.join(names)}, {cost}, {dtype},"
        f" weights × {scale:g}{without}, seed {seed}"
    )


@st.composite
def _minibatches(
    draw: st.DrawFn, net: Network, *, data: Sequence[str], max_batch: int = 6
) -> tuple[tuple[Array, Array], str]:
    batch = draw(st.integers(1, max_batch))
    inputs = draw(st.sampled_from(data))
    bounded = COSTS[net.cost].bounded
    targets = draw(st.sampled_from([t for t in TARGETS if not (bounded and "unbounded" in t)]))
    seed = draw(seeds)
    rng = np.random.default_rng(seed)
    x = DATA[inputs](rng, (batch, net.shape[0])).astype(net.dtype)
    y = TARGETS[targets](rng, (batch, net.shape[-1]))
    if y.ndim == 2:
        y = y.astype(net.dtype)
    return (x, y), f"batch of {batch}, {inputs}, {targets}, seed {seed}"


def register_profiles() -> None:
    """Make the profiles known to Hypothesis: "quick", "default" and "thorough".

    The gate runs "quick". The first two draw the same examples every time, so that an unchanged
    checkout goes on getting the same answer; "thorough" draws new ones. "quick" does not look for
    a simpler failure than the first: the simplest network is tried first anyway.
    """
    plain = settings(
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.register_profile("quick", plain, max_examples=15, phases=[Phase.generate])
    settings.register_profile("default", plain, max_examples=60)
    settings.register_profile("thorough", plain, max_examples=1000, derandomize=False)
