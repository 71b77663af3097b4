"""The network: what a shape and a seed become, and what the accumulated gradient does to it.

`init_net` makes a `Network`, `zero_grad` empties its accumulators and `optimize` steps along minus
what `backprop.passes.backward` has put into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from backprop import arguments
from backprop.activations import ACTIVATIONS, Activation, Array

# What parameters are: complex ones for the sake of the complex step.
_DTYPES = tuple(map(np.dtype, (np.float32, np.float64, np.complex64, np.complex128)))


@dataclass(kw_only=True)
class Network:
    """Dense layers: z = x W + b, a = f(z), and the cost that judges the last a.

    Attributes
    ----------
    weights, biases
        One array a layer, (n_in, n_out) and (n_out,), counted from the input. All share a dtype.
    activations
        The name of each layer's activation, from `backprop.activations.ACTIVATIONS`.
    cost
        The name of the cost, from `backprop.costs.COSTS`.
    dW, db
        The accumulators: gradients summed over every sample since `zero_grad`.
    samples
        How many samples the accumulators hold.
    """

    weights: list[Array]
    biases: list[Array]
    activations: tuple[str, ...]
    cost: str
    dW: list[Array] = field(default_factory=list)
    db: list[Array] = field(default_factory=list)
    samples: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The layers' widths, input first: (784, 40, 10)."""
        return (self.weights[0].shape[0], *(len(b) for b in self.biases))

    @property
    def shape_text(self) -> str:
        """The widths as people write them: 784-40-10."""
        return "-".join(map(str, self.shape))

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return sum(p.size for p in self.parameters.values())

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the parameters."""
        return self.weights[0].dtype

    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters themselves, by name: W1, b1, …, WL, bL."""
        pairs = enumerate(zip(self.weights, self.biases, strict=True), start=1)
        return {name: p for l, (W, b) in pairs for name, p in ((f"W{l}", W), (f"b{l}", b))}

    def with_parameters(self, values: Iterable[Array]) -> Network:
        """The same network with others in their order, of any dtype, and empty accumulators."""
        own = [*values]
        return replace(self, weights=own[0::2], biases=own[1::2], dW=[], db=[], samples=0)

    def astype(self, dtype: npt.DTypeLike) -> Network:
        """The same network with its parameters cast, and empty accumulators."""
        return self.with_parameters(p.astype(dtype) for p in self.parameters.values())

    def layers(self) -> Iterator[tuple[Array, Array, Activation]]:
        """Each layer's weights, biases and activation, from the input on."""
        functions = (ACTIVATIONS[name] for name in self.activations)
        return zip(self.weights, self.biases, functions, strict=True)

    def __repr__(self) -> str:
        kinds = f"{', '.join(self.activations)}, {self.cost}, {self.dtype}"
        return f"<Network {self.shape_text}, {kinds}>"


def init_net(
    shape: Sequence[int] = (784, 40, 10),
    *,
    activation: str | Sequence[str] = "sigmoid",
    cost: str = "quadratic",
    dtype: npt.DTypeLike = np.float64,
    seed: int | np.random.Generator = 0,
) -> Network:
    """Draw a network's parameters.

    Weights are normal with variance 1 / n_in, so that a pre-activation's spread does not grow with
    the layer before it; biases are standard normal.

    Parameters
    ----------
    shape
        The layers' widths, input first, at least two.
    activation
        One name for all layers, or one name for each. A single name leaves the output activation
        to a cost that brings its own: "cross-entropy" (sigmoid), "softmax-cross-entropy" (softmax).
    cost
        "quadratic" is half the squared error; all costs are averaged over the batch.
    dtype
        float32 or float64. A float32 network is the float64 one of the same seed, rounded.
    seed
        A whole number, or a generator to draw from.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came.
    """
    shape = arguments.shape(shape)
    activations, cost = arguments.activations(activation, cost, layers=len(shape) - 1)
    dtype = arguments.parameter_dtype(dtype)
    rng = arguments.generator(seed)
    sizes = list(pairwise(shape))
    weights = [rng.normal(size=size) / np.sqrt(size[0]) for size in sizes]
    biases = [rng.normal(size=n_out) for _, n_out in sizes]
    net = Network(
        weights=[W.astype(dtype) for W in weights],
        biases=[b.astype(dtype) for b in biases],
        activations=activations,
        cost=cost,
    )
    zero_grad(net)
    return net


def zero_grad(net: Network) -> None:
    """Empty the accumulators, making them where there are none yet."""
    require_network(net)
    if not net.dW:
        net.dW = [np.empty_like(W) for W in net.weights]
        net.db = [np.empty_like(b) for b in net.biases]
    for accumulator in (*net.dW, *net.db):
        accumulator.fill(0)
    net.samples = 0


def optimize(net: Network, learning_rate: float = 5.0) -> None:
    """Step along minus the mean of the accumulated gradient, in place: plain gradient descent.

    With nothing accumulated there is no step. The accumulators keep what they hold.

    Raises
    ------
    ValueError, TypeError
        When `learning_rate` is not a finite number above zero, or `net` no network.
    """
    require_network(net)
    rate = arguments.positive("learning_rate", learning_rate)
    if net.samples:
        step = rate / net.samples
        for W, dW in zip(net.weights + net.biases, net.dW + net.db, strict=True):
            W -= step * dW


def require_network(net: object) -> None:
    """Raise an error unless `net` is a network, with parameters that fit each other."""
    if not isinstance(net, Network):
        raise TypeError(
            "net: expected a Network, as init_net((784, 40, 10)) returns one, got"
            f" {arguments.brief(net)}"
        )
    sizes = [size for pair in pairwise(net.shape) for size in (pair, pair[1:])]
    for (name, array), size in zip(net.parameters.items(), sizes, strict=True):
        if array.dtype not in _DTYPES:
            raise TypeError(
                f"net: expected parameters of float32 or float64, got {array.dtype} in {name};"
                " convert them with astype"
            )
        if array.shape != size:
            raise ValueError(
                f"net: expected {name} of shape {size}, as the other parameters have it,"
                f" got {array.shape}; make it fit, or begin with init_net(shape)"
            )
