"""The front door beside the peers' checkers: calls of the cost and seconds, by size and gradient.

Each case is a cost that runs in NumPy, autograd and torch alike, with its gradient written out in
NumPy. It is checked right, with one entry off by 1%, and all off by 1%; a peer gets its own
derivative, spoilt in the same way on its way back. `geartrain` is told only the cost and the
gradient in NumPy: once as they are, once with a cost that returns a Python float of real numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import measure  # before NumPy: one thread
import numpy as np

from checks import adapters, check_gradients

Arrays = dict[str, Any]
Check = Callable[[], str]

HEAD = [
    "",
    *(f"{of}: {what}" for of in ("right", "one off", "all off") for what in ("calls", "time")),
]
HEAD += ["torch", "SciPy", "autograd"]

PEERS = ("torch gradcheck", "SciPy 3-point", "SciPy check_grad", "autograd check_grads")
BUDGET = 2.0  # seconds that one contestant may take in one case
OFF = 0.01
SPOILT = ("right", "one off by 1%", "all times 1.01")

# A peer that leaves the verdict to its user: wrong above this times the gradient's norm.
RELATIVE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Case:
    """A cost of a module of array functions, of parameters and of data; and its gradient."""

    name: str
    cost: Callable[[Any, Arrays, Arrays], Any]
    gradient: Callable[[Arrays, Arrays], Arrays]
    params: Arrays
    data: Arrays
    methods: tuple[str, ...] = ("sweep",)
    large: bool = False  # too large for a check of every entry by everyone, whatever the gradient

    @property
    def parameters(self) -> int:
        """How many numbers are checked."""
        return sum(int(value.size) for value in self.params.values())


class Contestant:
    """A check that is timed; its last run's answer and calls of the cost are kept."""

    def __init__(self, make: Callable[[Contestant], Check]) -> None:
        self.calls, self.answer = 0, ""
        self._check = make(self)

    def __call__(self) -> None:
        """Check."""
        self.calls = 0
        self.answer = self._check()

    def counted(self, cost: Callable[..., Any]) -> Callable[..., Any]:
        """The cost, each call of which is counted."""

        def count(*arguments: Any) -> Any:
            self.calls += 1
            return cost(*arguments)

        return count


# --- the cases ----------------------------------------------------------------------------------


def soft_maximum(n: int, *, methods: tuple[str, ...] = ("sweep",)) -> Case:
    """The logarithm of a sum of exponentials and half a sum of squares, of n parameters."""

    def gradient(p: Arrays, _: Arrays) -> Arrays:
        e = np.exp(p["w"])
        return {"w": e / e.sum() + p["w"]}

    return Case(
        name=f"{n:,} parameter{'s' if n > 1 else ''}",
        cost=lambda xp, p, data: xp.log(xp.sum(xp.exp(p["w"]))) + xp.sum(p["w"] ** 2) / 2,
        gradient=gradient,
        params={"w": np.random.default_rng(n).normal(size=n)},
        data={},
        methods=methods,
    )


def softmax_regression(features: int, classes: int, batch: int = 100) -> Case:
    """The mean cross-entropy of a linear classifier, with the usual shift by the maximum."""
    rng = np.random.default_rng(0)
    x, hot = rng.normal(size=(batch, features)), np.eye(classes)[rng.integers(classes, size=batch)]

    def cost(xp: Any, p: Arrays, data: Arrays) -> Any:
        z = data["x"] @ p["W"] + p["b"]
        z = z - xp.amax(z, 1)[:, None]
        return xp.sum(xp.log(xp.sum(xp.exp(z), 1)) - xp.sum(data["hot"] * z, 1)) / batch

    def gradient(p: Arrays, data: Arrays) -> Arrays:
        z = data["x"] @ p["W"] + p["b"]
        e = np.exp(z - z.max(axis=1, keepdims=True))
        delta = (e / e.sum(axis=1, keepdims=True) - data["hot"]) / batch
        return {"W": data["x"].T @ delta, "b": delta.sum(axis=0)}

    return Case(
        name=f"softmax regression {features} x {classes}",
        cost=cost,
        gradient=gradient,
        params={"W": rng.normal(size=(features, classes)) / 10, "b": np.zeros(classes)},
        data={"x": x, "hot": hot},
    )


def sigmoid_network(*sizes: int, batch: int = 20) -> Case:
    """Layers of sigmoids and half the mean squared error, in plain NumPy."""
    rng = np.random.default_rng(0)
    depth = len(sizes) - 1
    params: Arrays = {}
    for layer in range(depth):
        m, n = sizes[layer : layer + 2]
        params |= {
            f"W{layer + 1}": rng.normal(size=(m, n)) / np.sqrt(m),
            f"b{layer + 1}": np.zeros(n),
        }
    hot = np.eye(sizes[-1])[rng.integers(sizes[-1], size=batch)]

    def forward(xp: Any, p: Arrays, data: Arrays) -> list[Any]:
        a = [data["x"]]
        for layer in range(1, depth + 1):
            a.append(1 / (1 + xp.exp(-(a[-1] @ p[f"W{layer}"] + p[f"b{layer}"]))))
        return a

    def gradient(p: Arrays, data: Arrays) -> Arrays:
        a = forward(np, p, data)
        found, delta = {}, (a[-1] - data["hot"]) / batch
        for layer in range(depth, 0, -1):
            delta = delta * a[layer] * (1 - a[layer])
            found |= {f"W{layer}": a[layer - 1].T @ delta, f"b{layer}": delta.sum(axis=0)}
            delta = delta @ p[f"W{layer}"].T
        return {name: found[name] for name in p}

    return Case(
        name="-".join(map(str, sizes)),
        cost=lambda xp, p, d: xp.sum((forward(xp, p, d)[-1] - d["hot"]) ** 2) / (2 * batch),
        gradient=gradient,
        params=params,
        data={"x": rng.random((batch, sizes[0])), "hot": hot},
        methods=("sweep", "probe"),
        large=True,
    )


def cases(*, quick: bool) -> Iterator[Case]:
    """Small ones, where what surrounds the cost counts; and larger ones."""
    both = ("sweep", "probe")
    yield from (soft_maximum(n, methods=both if n == 7 else both[:1]) for n in (1, 2, 7, 100))
    if quick:
        yield softmax_regression(20, 3, batch=10)
        yield sigmoid_network(20, 5, 3)
    else:
        yield soft_maximum(1000)
        yield softmax_regression(500, 10)
        yield sigmoid_network(784, 40, 10)


def factors(case: Case, spoilt: str) -> Arrays:
    """What each entry of the gradient is multiplied by."""
    found = {name: np.ones_like(value) for name, value in case.params.items()}
    if spoilt == "all times 1.01":
        return {name: (1 + OFF) * value for name, value in found.items()}
    if spoilt == "one off by 1%":
        slopes = case.gradient(case.params, case.data)
        tensor = max(slopes, key=lambda name: np.abs(slopes[name]).max())
        found[tensor].flat[np.abs(slopes[tensor]).argmax()] = 1 + OFF
    return found


# --- the contestants ----------------------------------------------------------------------------


def contestants(case: Case, spoilt: str) -> dict[str, Contestant]:
    """Everyone who checks this case, spoilt so, by name.

    In a large case the peers check the right gradient only, which takes them as long as a wrong
    one; and of our own checks those are left out that take minutes.
    """
    by, some = factors(case, spoilt), SPOILT.index(spoilt)
    found = {}
    for method in case.methods:
        sweeps = case.large and method == "sweep"
        if not (sweeps and some == 2):
            found[method] = Contestant(ours(case, by, method, real_only=False))
        if not (sweeps or (case.large and some == 2)):
            found[f"{method}, real only"] = Contestant(ours(case, by, method, real_only=True))
    if case.large and some:
        return found
    makers = (_torch, _three_point, scipy_check_grad, autograd_check)
    return found | {
        name: Contestant(make(case, by)) for name, make in zip(PEERS, makers, strict=True)
    }


def ours(case: Case, by: Arrays, method: str, *, real_only: bool) -> Callable[[Contestant], Check]:
    """`checks.check_gradients`."""

    def as_it_is(p: Arrays) -> Any:
        return case.cost(np, p, case.data)

    def forced(p: Arrays) -> float:
        return float(np.real(as_it_is({name: np.real(value) for name, value in p.items()})))

    def gradients(p: Arrays) -> Arrays:
        return {name: by[name] * g for name, g in case.gradient(p, case.data).items()}

    def make(contestant: Contestant) -> Check:
        cost = contestant.counted(forced if real_only else as_it_is)
        return lambda: check_gradients(cost, gradients, case.params, method=method).verdict

    return make


def torch_cost(case: Case, by: Arrays) -> tuple[Callable[..., Any], list[Any]]:
    """The cost as a function of tensors, spoilt on the way back, and the tensors."""
    import torch

    torch.set_num_threads(1)
    data = {name: torch.from_numpy(value) for name, value in case.data.items()}
    wrong = [torch.from_numpy(value) for value in by.values()]
    values = [torch.tensor(value, requires_grad=True) for value in case.params.values()]

    class Spoil(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Any, factor: Any) -> Any:
            ctx.save_for_backward(factor)
            return value.clone()

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            return upstream * ctx.saved_tensors[0], None

    right = all((value == 1).all() for value in by.values())

    def cost(*tensors: Any) -> Any:
        given = tensors if right else map(Spoil.apply, tensors, wrong)
        return case.cost(torch, dict(zip(case.params, given, strict=True)), data)

    return cost, values


def _torch(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    """`torch.autograd.gradcheck`, every entry."""
    import torch

    cost, values = torch_cost(case, by)

    def make(contestant: Contestant) -> Check:
        counted = contestant.counted(cost)
        return lambda: unless_raised(lambda: torch.autograd.gradcheck(counted, values))

    return make


def autograd_check(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    """`autograd.test_util.check_grads` in reverse mode, a random projection."""
    import autograd.numpy as anp
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    @primitive
    def spoil(value: Any, factor: Any) -> Any:  # noqa: ARG001 - for its derivative
        return np.array(value)

    defvjp(spoil, lambda answer, value, factor: lambda g: g * factor, argnums=(0,))
    right = all((value == 1).all() for value in by.values())

    def cost(p: Arrays) -> Any:
        given = p if right else {name: spoil(p[name], by[name]) for name in case.params}
        return case.cost(anp, given, case.data)

    def make(contestant: Contestant) -> Check:
        check = check_grads(contestant.counted(cost), modes=["rev"], order=1)
        return lambda: unless_raised(lambda: check(case.params))

    return make


def unless_raised(check: Callable[[], Any]) -> str:
    """The answer of a check that raises what it finds."""
    try:
        check()
    except (RuntimeError, AssertionError):
        return "fail"
    return "pass"


def _flat(case: Case, by: Arrays) -> tuple[Callable[[Any], Any], Callable[[Any], Any], Any]:
    """Cost and gradient of one long vector, and where to start."""
    ends = np.cumsum([value.size for value in case.params.values()])[:-1]

    def split(flat: Any) -> Arrays:
        pieces = zip(case.params.items(), np.split(flat, ends), strict=True)
        return {name: piece.reshape(value.shape) for (name, value), piece in pieces}

    def joined(arrays: Arrays) -> Any:
        return np.concatenate([arrays[name].ravel() for name in case.params])

    return (
        lambda flat: case.cost(np, split(flat), case.data),
        lambda flat: joined(by) * joined(case.gradient(split(flat), case.data)),
        joined(case.params),
    )


def _three_point(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    """SciPy's central differences."""
    from scipy.optimize._numdiff import approx_derivative

    cost, gradient, start = _flat(case, by)

    def make(contestant: Contestant) -> Check:
        counted = contestant.counted(cost)

        def check() -> str:
            found = approx_derivative(counted, start, method="3-point")
            return _judged(float(np.linalg.norm(found - gradient(start))), gradient(start))

        return check

    return make


def scipy_check_grad(case: Case, by: Arrays) -> Callable[[Contestant], Check]:
    """`scipy.optimize.check_grad`, one difference each."""
    from scipy.optimize import check_grad

    cost, gradient, start = _flat(case, by)

    def make(contestant: Contestant) -> Check:
        counted = contestant.counted(cost)
        return lambda: _judged(float(check_grad(counted, gradient, start)), gradient(start))

    return make


def _judged(error: float, gradient: Any) -> str:
    return "pass" if error <= RELATIVE * float(np.linalg.norm(gradient)) else "fail"


# --- a module of torch, through NumPy -----------------------------------------------------------


def module(sizes: tuple[int, ...] = (64, 32, 10), batch: int = 20) -> dict[str, Contestant]:
    """A torch module's loss as a function of one NumPy vector; and torch's own check of it."""
    import torch
    from torch.nn.utils import parameters_to_vector

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [
        part
        for m, n in pairwise(sizes)
        for part in (torch.nn.Linear(m, n, dtype=torch.float64), torch.nn.Tanh())
    ]
    net = torch.nn.Sequential(*layers[:-1])
    x, y = torch.randn(batch, sizes[0], dtype=torch.float64), torch.randint(sizes[-1], (batch,))
    start = parameters_to_vector(net.parameters()).detach().numpy().copy()
    shapes = {name: value.shape for name, value in net.named_parameters()}

    def loss(flat: Any) -> Any:
        pieces = flat.split([shape.numel() for shape in shapes.values()])
        named = zip(shapes.items(), pieces, strict=True)
        values = {name: piece.view(shape) for (name, shape), piece in named}
        return torch.nn.functional.cross_entropy(torch.func.functional_call(net, values, x), y)

    def cost(flat: Any) -> float:
        with torch.no_grad():
            return float(loss(torch.from_numpy(np.asarray(flat, dtype=np.float64))))

    def gradient(flat: Any) -> Any:
        leaf = torch.tensor(flat, requires_grad=True)
        return torch.autograd.grad(loss(leaf), leaf)[0].numpy()

    def ours(method: str) -> Callable[[Contestant], Check]:
        def make(contestant: Contestant) -> Check:
            counted = contestant.counted(cost)
            return lambda: check_gradients(counted, gradient, start, method=method).verdict

        return make

    def theirs(contestant: Contestant) -> Check:
        counted, leaf = contestant.counted(loss), torch.tensor(start, requires_grad=True)
        return lambda: unless_raised(lambda: torch.autograd.gradcheck(counted, (leaf,)))

    def adapter(contestant: Contestant) -> Check:  # of stacks, whose calls say little
        loss = contestant.counted(torch.nn.functional.cross_entropy)
        return lambda: check_gradients(adapters.torch(net, x, loss=loss, target=y)).verdict

    return {
        "sweep, adapter": Contestant(adapter),
        "sweep, real only": Contestant(ours("sweep")),
        "probe, real only": Contestant(ours("probe")),
        "torch gradcheck": Contestant(theirs),
    }


# --- measuring and showing ----------------------------------------------------------------------


def black_boxes(turns: int, *, quick: bool = False) -> list[dict[str, Any]]:
    """Every case and how it is spoilt: who says what, after how many calls and seconds."""
    budget = BUDGET / 10 if quick else BUDGET
    found = []
    for case in cases(quick=quick):
        for spoilt in SPOILT:
            about = {"case": case.name, "parameters": case.parameters, "gradient": spoilt}
            found.append(about | _measured(contestants(case, spoilt), turns, budget))
    sizes = (8, 4, 3) if quick else (64, 32, 10)
    parameters = sum((m + 1) * n for m, n in pairwise(sizes))
    about = {"case": "torch module", "parameters": parameters, "gradient": "right"}
    return [*found, about | _measured(module(sizes), turns, budget)]


def _measured(all_of: dict[str, Contestant], turns: int, budget: float) -> dict[str, Any]:
    seconds = measure.side_by_side(all_of, turns=turns, budget=budget)
    return {
        "checks": {
            name: {"says": each.answer, "calls": each.calls, "seconds": seconds[name].to_dict()}
            for name, each in all_of.items()
        }
    }


def rows(result: list[dict[str, Any]]) -> Iterator[list[str]]:
    """A row for each check of a case: calls and time by gradient; and a peer's time over ours."""
    for case in dict.fromkeys(each["case"] for each in result):
        by_gradient = {each["gradient"]: each["checks"] for each in result if each["case"] == case}
        right = by_gradient["right"]
        for name, own in right.items():
            cells = [
                cell
                for spoilt in SPOILT
                for cell in _cells(by_gradient.get(spoilt, {}).get(name), right=spoilt == "right")
            ]
            peers = () if name in PEERS else (PEERS[0], PEERS[1], PEERS[3])
            ratios = [_ratio(right.get(peer), own) for peer in peers] or [""] * 3
            yield [f"{case}: {name}", *cells, *ratios]


def _cells(check: dict[str, Any] | None, *, right: bool) -> list[str]:
    """Its calls and its time, and what it says where that is not so."""
    if check is None:
        return ["", ""]
    expected = "pass" if right else "fail"
    said = "" if check["says"] == expected else f" ({check['says']})"
    return [f"{check['calls']:,}", measure.span(check["seconds"]["median"]) + said]


def _ratio(peer: dict[str, Any] | None, own: dict[str, Any]) -> str:
    """How many times as long the peer takes."""
    if peer is None:
        return ""
    ratio = peer["seconds"]["median"] / own["seconds"]["median"]
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
