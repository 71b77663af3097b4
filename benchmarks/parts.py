"""The parts of the benchmark: each measures one thing, side by side, and returns plain values."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import measure
import numpy as np
import twins
from measure import Timing, side_by_side

from backprop import init_net, passes
from backprop.datasets.dataset import Dataset
from backprop.network import Network
from backprop.training.evaluation import evaluate
from backprop.training.gradient_descent import descend
from backprop.training.samples import Samples, epoch_order
from checks.methods.dispatch import run_check
from checks.methods.run import CheckRun, start_run
from checks.methods.single_projection import single_projection
from checks.methods.sweep import complex_slopes
from checks.network.adapter import network_problem
from checks.oracles import registry
from checks.oracles.levels import Levels
from checks.oracles.lines import along_coordinates
from checks.problem.problem import Problem
from checks.verdict.rule import consensus

SHAPE = (784, 40, 10)
BATCH, RATE = 20, 5.0
SAMPLES = 60_000  # as many as MNIST has to train on
LOOPED = 200  # samples that the plain loops get through
Say = Callable[[str], None]


def case(shape: tuple[int, ...], batch: int, *, seed: int = 0) -> tuple[Network, Any, Any]:
    """A float64 network and a batch for it."""
    rng = np.random.default_rng(seed)
    net = init_net(shape, seed=rng)
    labels = np.eye(shape[-1])[rng.integers(0, shape[-1], batch)]
    return net, rng.random((batch, shape[0])), labels


def naive_loop(net: Network, x: Any, y: Any) -> Callable[[], Any]:
    """The loop that everybody writes first: one parameter up, one down, two reruns each."""

    def check() -> float:
        worst, h = 0.0, 1e-6
        for (dW, db), W, b in zip(
            passes.gradients(net, x, y), net.weights, net.biases, strict=True
        ):
            for p, g in ((W, dW), (b, db)):
                for index in np.ndindex(p.shape):
                    kept = p[index]
                    p[index] = kept + h
                    up = passes.cost(net, x, y)
                    p[index] = kept - h
                    down = passes.cost(net, x, y)
                    p[index] = kept
                    worst = max(worst, abs((up - down) / (2 * h) - g[index]))
        return worst

    return check


def scipy_three_point(subject: Problem) -> Callable[[], Any]:
    """SciPy's central differences over all parameters, held against the gradient."""
    from peers import _flat, _flat_gradient, _split
    from scipy.optimize._numdiff import approx_derivative

    start = _flat(subject)

    def check() -> float:
        found = approx_derivative(
            lambda flat: subject.cost(_split(subject, flat)), start, method="3-point"
        )
        return float(np.max(np.abs(found - _flat_gradient(subject, start))))

    return check


def ours_on(subject: Problem, **options: Any) -> Callable[[], Any]:
    """A check of ours, of a gradient that is right: anything but "fail" will do.

    (Real differences leave coordinates undecided that rounding hides from them.)
    """

    def check() -> None:
        report = run_check(subject, **options)
        if report.verdict == "fail":
            raise SystemExit(f"expected the clean gradient not to fail, got\n{report}")

    return check


def checking(turns: int, *, shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """Checking every parameter, and all of them at once."""
    net, x, y = case(shape, BATCH)
    subject = network_problem(net, x, y)
    found = side_by_side(
        {
            "sweep, complex step": ours_on(subject),
            "sweep, real differences": ours_on(subject, oracle="real"),
            "naive loop": naive_loop(net, x, y),
            "torch gradcheck": twins.torch_gradcheck(net, x, y),
            "SciPy 3-point": scipy_three_point(subject),
            "probe": ours_on(subject, method="probe"),
            "projection alone": lambda: single_projection(subject),
            "torch fast_mode": twins.torch_gradcheck(net, x, y, fast_mode=True),
            "JAX check_grads": twins.jax_check_grads(net, x, y),
            "autograd check_grads": twins.autograd_check_grads(net, x, y),
        },
        turns=turns,
    )
    return {
        "shape": shape,
        "batch": BATCH,
        "parameters": subject.parameters,
        "seconds": plain(found),
        "sweep alone": plain(_alone(subject, turns)),
        "worst absolute error": {name: _error(subject, found) for name, found in SLOPES.items()}
        | {"SciPy 3-point": scipy_three_point(subject)()},
    }


def _alone(subject: Problem, turns: int) -> dict[str, Timing]:
    """The numeric gradient without the rest of a check."""
    this = start_run(subject, method="sweep")
    return side_by_side(
        {name: lambda found=found: found(this) for name, found in SLOPES.items()}, turns=turns
    )


def _error(subject: Problem, found: Callable[[CheckRun], list[Any]]) -> float:
    analytic = subject.gradient(subject.values)
    slopes = found(start_run(subject, method="sweep"))
    return max(
        float(np.max(np.abs(slope - analytic[name].reshape(-1))))
        for name, slope in zip(subject.names, slopes, strict=True)
    )


def _real_slopes(this: CheckRun) -> list[Any]:
    """The middle of what real differences say of each coordinate, tensor by tensor, flat."""
    problem, found = this.problem, []
    analytic = problem.gradient(problem.values)
    for tensor, name in enumerate(problem.names):
        wanted = np.asarray(analytic[name], np.float64).reshape(-1)
        target = np.where(wanted == 0, 1.0, np.abs(wanted)) * this.rtol
        lines = along_coordinates(problem, tensor, np.arange(wanted.size))
        levels = Levels(lines, this.centre, this.noise)
        lo, hi = consensus(registry.scan(levels, wanted, target))
        found.append((lo + hi) / 2)
    return found


SLOPES: dict[str, Callable[[CheckRun], list[Any]]] = {
    "complex step": complex_slopes,
    "real differences": _real_slopes,
}


def big(shape: tuple[int, ...]) -> dict[str, Any]:
    """The probe at a hundred million parameters, in processes of their own."""
    return {name: child("big", {"shape": shape, "wrong": wrong})
            for name, wrong in (("clean", None), ("one wrong", 1e-6))}  # fmt: skip


def _big(shape: list[int], wrong: float | None) -> dict[str, Any]:
    net, x, y = case(tuple(shape), BATCH)
    subject = network_problem(net, x, y)
    del net
    if wrong is not None:
        subject = _spoilt(subject, wrong)
    report = run_check(subject, method="probe")
    return {
        "parameters": report.parameters,
        "verdict": report.verdict,
        "seconds": report.seconds,
        "peak": measure.peak_memory(),
        "failures": [str(f) for f in report.failures],
        **report.extra,
    }


def _spoilt(subject: Problem, relative: float) -> Problem:
    """The subject with one weight of its second layer's gradient wrong."""
    from dataclasses import replace

    def spoil(gradient: dict[str, Any]) -> dict[str, Any]:
        gradient["W2"].reshape(-1)[12345 % gradient["W2"].size] *= 1 + relative
        return gradient

    jittered = subject.jittered
    return replace(
        subject,
        gradient=lambda values: spoil(subject.gradient(values)),
        jittered=jittered and (lambda rng: spoil(jittered(rng))),
    )


def projection(turns: int, *, quick: bool = False) -> list[dict[str, Any]]:
    """What sweeps of a billion parameters would take on this core, from samples of small ones.

    A weight of the last layer but one moves one unit and then the outputs, whatever the widths, so
    its time stays. Where further layers of n units follow, their products grow with n², as the
    number of weights does.
    """
    return [
        _projected((1000, 1000, 10), (100_000, 10_000, 10), turns),
        _projected(
            (200 if quick else 1000,) * 4 + (10,), (18_257,) * 4 + (10,), turns, squared=True
        ),
    ]


def _projected(
    shape: tuple[int, ...], large: tuple[int, ...], turns: int, *, squared: bool = False
) -> dict[str, Any]:
    """The seconds that a sweep of `large` takes, from pieces of the weights of `shape`."""
    net, x, y = case(shape, BATCH)
    subject = network_problem(net, x, y)
    seconds = 0.0
    for layer, W in enumerate(net.weights):
        some = min(W.size, 64 if squared and not layer else 4096)
        lines = along_coordinates(subject, 2 * layer, np.arange(some))
        each = side_by_side({"piece": partial(registry.complex_step, lines)}, turns=turns)
        seconds += W.size * each["piece"].median / some
    ratio = large[1] / shape[1]
    grown = ratio**4 if squared else large[0] * large[1] / (shape[0] * shape[1])
    return {
        "measured at": shape,
        "seconds": seconds,
        "shape": large,
        "parameters": sum((m + 1) * n for m, n in pairwise(large)),
        "sweep": seconds * grown,
    }


def ours(net: Network, samples: Samples, order: Any, batch_size: int = BATCH) -> Callable[[], Any]:
    """One epoch of this project's training."""
    return lambda: descend(net, samples, order, batch_size=batch_size, learning_rate=RATE)


def training(data: Dataset, turns: int, *, shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    """One epoch, float32, on one core."""
    images, labels = data.train_images, data.train_labels
    order = epoch_order(len(labels), 0, 0)

    def net() -> Network:
        return init_net(shape, dtype=np.float32)

    def args() -> tuple[Any, ...]:
        return net(), images, labels, order

    some = slice(0, min(LOOPED, len(labels)))
    settings: dict[str, Any] = {"batch_size": BATCH, "learning_rate": RATE}
    found = side_by_side(
        {
            "geartrain": ours(net(), Samples(x=images, y=labels, peak=data.peak), order),
            "products alone": twins.products(net(), images, order, batch_size=BATCH),
            "torch eager": twins.torch_training(*args(), **settings),
            "JAX jit + scan": twins.jax_training(*args(), **settings),
            "scikit-learn": twins.sklearn_training(*args(), **settings),
            "plain loops": twins.loops(net(), images[some], labels[some], **settings),
        },
        turns=turns,
        factors={"plain loops": len(labels) / (some.stop - some.start)},
    )
    return {
        "data": data.name,
        "samples": len(labels),
        "shape": shape,
        "batch": BATCH,
        "seconds": plain(found),
        "to 95%": to_accuracy(data, net(), 0.95),
    }


def to_accuracy(data: Dataset, net: Network, wanted: float, *, most: int = 10) -> dict[str, Any]:
    """Seconds of training until the test accuracy is reached, looked at four times an epoch."""
    samples = Samples(x=data.train_images, y=data.train_labels, peak=data.peak)
    test = Samples(x=data.test_images, y=data.test_labels, peak=data.peak)
    seconds, seen, accuracy = 0.0, 0, 0.0
    for epoch in range(most):
        for part in np.array_split(epoch_order(len(samples), 0, epoch), 4):
            started = time.perf_counter()
            ours(net, samples, part)()
            seconds += time.perf_counter() - started
            seen += len(part)
            accuracy = evaluate(net, test).accuracy or 0.0
            if accuracy >= wanted:
                return {"seconds": seconds, "samples": seen, "accuracy": accuracy}
    return {"seconds": None, "samples": seen, "accuracy": accuracy}


def memory(data_dir: Path | None) -> dict[str, Any]:
    """Peak memory of a whole `backprop train`, cold gate included; and of importing NumPy."""
    words = ["train", "--epochs", "3"]
    words += ["--dataset", "mnist", "--data-dir", str(data_dir)] if data_dir else [
        "--dataset", "digits"]  # fmt: skip
    return {
        "backprop train": child("run", {"words": words})["peak"],
        "import numpy": child("run", {"words": []})["peak"],
    }


def _run(words: list[str]) -> dict[str, Any]:
    import contextlib
    import io

    if words:
        from backprop.__main__ import main

        sys.argv = ["backprop", *words]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            try:
                main()
            except SystemExit as end:
                if end.code:
                    raise
    return {"peak": measure.peak_memory()}


def startup(turns: int) -> dict[str, Any]:
    """Starting Python with one thing to do, each turn in a process of its own."""
    commands = {
        "python": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "import checks": ["-c", "import checks"],
        "import backprop": ["-c", "import backprop"],
        "gradcheck --help": ["-m", "checks", "--help"],
    }
    return plain(side_by_side({n: _process(c) for n, c in commands.items()}, turns=turns))


def _process(words: list[str]) -> Callable[[], Any]:
    return lambda: subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, *words], check=True, stdout=subprocess.DEVNULL
    )


def gate(turns: int) -> dict[str, Any]:
    """What the gate takes before training: cold, and with the certificate of an earlier run."""
    cold, warm = [], []
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(child("gate", {"cache": cache})["seconds"])
            warm.append(child("gate", {"cache": cache})["seconds"])
    return plain({"cold": Timing(turns=tuple(cold)), "second run": Timing(turns=tuple(warm))})


def _gate(cache: str) -> dict[str, Any]:
    """What `backprop train` does between its data and its first epoch, imports included."""
    import os

    os.environ["GEARTRAIN_CACHE"] = cache
    rng = np.random.default_rng(0)
    net = init_net(SHAPE, dtype=np.float32)
    pixels = rng.integers(0, 256, (SAMPLES, SHAPE[0]), np.uint8)
    samples = Samples(x=pixels, y=rng.integers(0, SHAPE[-1], SAMPLES), peak=255)
    x, y = samples.batch(slice(BATCH), net.dtype)
    started = time.perf_counter()
    from checks.network.certification.gate import certify as pass_gate

    pass_gate(net, x, y, samples=samples)
    return {"seconds": time.perf_counter() - started}


def growth(turns: int, *, samples: int = 2000, quick: bool = False) -> dict[str, Any]:
    """How time grows with width, depth and batch: checking and training, beside torch."""
    widths = (10, 20, 40) if quick else (10, 20, 40, 80, 160)
    depths = (1, 2, 3) if quick else (1, 2, 3, 4, 6)
    batches = (5, 20) if quick else (1, 5, 20, 80, 320)
    return {
        "width": [_grown((100, n, 10), BATCH, n, turns, samples) for n in widths],
        "depth": [_grown((50, *[40] * n, 10), BATCH, n, turns, samples) for n in depths],
        "batch": [_grown((100, 40, 10), n, n, turns, samples) for n in batches],
    }


def _grown(shape: tuple[int, ...], batch: int, at: int, turns: int, samples: int) -> dict[str, Any]:
    net, x, y = case(shape, batch)
    subject = network_problem(net, x, y)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (samples, shape[0]), np.uint8)
    labels, order = rng.integers(0, shape[-1], samples), rng.permutation(samples)
    small = init_net(shape, dtype=np.float32)
    settings: dict[str, Any] = {"batch_size": batch, "learning_rate": 0.1}
    check = side_by_side(
        {
            "sweep": lambda: run_check(subject),
            "probe": lambda: run_check(subject, method="probe"),
            "torch gradcheck": twins.torch_gradcheck(net, x, y),
            "torch fast_mode": twins.torch_gradcheck(net, x, y, fast_mode=True),
        },
        turns=turns,
        budget=20.0,
    )
    some = slice(0, batch)
    train = side_by_side(
        {
            "geartrain": ours(small, Samples(x=images, y=labels, peak=255), order, batch),
            "torch eager": twins.torch_training(small, images, labels, order, **settings),
            "plain loops": twins.loops(small, images[some], labels[some], **settings),
        },
        turns=turns,
        factors={"plain loops": samples / batch},
    )
    return {
        "at": at,
        "shape": shape,
        "batch": batch,
        "parameters": subject.parameters,
        "check": plain(check),
        "train": plain(train),
        "samples": samples,
    }


def plain(found: dict[str, Timing]) -> dict[str, Any]:
    """Timings as plain values."""
    return {name: timing.to_dict() for name, timing in found.items()}


def synthetic(samples: int) -> Dataset:
    """Random bytes in the size of MNIST, for machines that have none. Nothing can be learnt."""
    rng = np.random.default_rng(0)
    return Dataset(
        name="synthetic",
        train_images=rng.integers(0, 256, (samples, 784), np.uint8),
        train_labels=rng.integers(0, 10, samples, np.uint8),
        test_images=rng.integers(0, 256, (1000, 784), np.uint8),
        test_labels=rng.integers(0, 10, 1000, np.uint8),
        image_shape=(28, 28),
        source="a random generator",
    )


CHILDREN: dict[str, Callable[..., dict[str, Any]]] = {"big": _big, "run": _run, "gate": _gate}


def child(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What one of `CHILDREN` returns, run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, __file__, name, json.dumps(arguments), str(answer)]
        subprocess.run(command, check=True)  # noqa: S603 - this very file
        return json.loads(answer.read_text())  # type: ignore[no-any-return]


if __name__ == "__main__":
    Path(sys.argv[3]).write_text(json.dumps(CHILDREN[sys.argv[1]](**json.loads(sys.argv[2]))))
