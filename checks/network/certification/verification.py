"""Verification: a network's gradient proved on some samples, to a certificate or an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import numpy as np

from backprop import validation
from backprop.network import Network
from backprop.training.fingerprint import fingerprint
from backprop.training.samples import Samples
from checks.methods.dispatch import run_check
from checks.methods.options import DEFAULTS, CheckOptions
from checks.network import adapter
from checks.network.certification.certificate import Certificate
from checks.network.certification.training_loop_check import loop_differs_from_passes
from checks.oracles import rounding
from checks.problem.nested import Array
from checks.verdict.report import Diagnosis, Report
from checks.verdict.rule import Status


class VerificationError(AssertionError):
    """A gradient that was not proved; `report` says why, where a check got as far as that."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        super().__init__(message)
        self.report = report


def verify(
    net: Network,
    x: Array,
    y: Array,
    *,
    rtol: float | None = None,
    seed: int = 0,
    samples: Samples | None = None,
    batch_size: int = 20,
    learning_rate: float = 5.0,
    progress: Callable[[int], None] = lambda done: None,
) -> Certificate:
    """Prove a network's gradient on some samples, every parameter of it.

    A float32 network is checked twice: as it is, with float32's own rounding, and with its
    parameters in float64, where the same code can be held to far more digits. Where some gradient
    is exactly zero, as of a pixel that is black in all samples, a further check has the zeros of
    the inputs filled in. Then the loop that trains rehearses a few steps, and has to arrive where
    the proved passes do.

    Parameters
    ----------
    net
        The network, left as it is.
    x, y
        Inputs (batch, n_in), and targets (batch, n_out) or labels (batch,).
    rtol
        The relative error that is promised to be caught; by default from the dtype.
    seed
        Where the check's randomness comes from.
    samples, batch_size, learning_rate
        What the loop rehearses on, and how; by default `x` and `y`, once as they are and once as
        the pixels of an image, and training's own defaults.
    progress
        Called with the number of coordinates done since the last call; where not all could be
        decided on `x`, they are gone through twice.

    Returns
    -------
    Certificate
        A permit for `backprop.train`, as long as code and kind of network stay as they are.

    Raises
    ------
    VerificationError
        Where the gradient is wrong, or cannot be decided; it reads like the report, and has it.
    ValueError, TypeError
        Where `x` or `y` do not fit the network.
    """
    __tracebackhide__ = True
    print_before = fingerprint(net)
    options = CheckOptions(rtol=rtol, seed=seed, progress=progress)
    report, status = _proved(net, x, y, options)
    nets = [net] if net.dtype == np.float64 else [net, net.astype(np.float64)]
    for twin in nets[1:]:
        _proved(twin, x, y, replace(options, rtol=None))
    trained_on = [Samples(x=x, y=y), _pixels(x, y)] if samples is None else [samples]
    for each, own in product(nets, trained_on):
        rehearsed(each, own, batch_size=batch_size, learning_rate=learning_rate)
    return Certificate(
        fingerprint=print_before,
        verdict=report.verdict,
        shape=net.shape,
        activations=tuple(net.activations),
        cost=net.cost,
        dtype=str(net.dtype),
        dtypes=tuple(str(each.dtype) for each in nets),
        parameters=report.parameters,
        checked=int(np.count_nonzero(status == int(Status.PASS))),
        zero=int(np.count_nonzero(status == int(Status.ZERO))),
        undecided=int(np.count_nonzero(status == int(Status.UNDECIDED))),
        kinks=int(np.count_nonzero(status == int(Status.KINK))),
        rtol=report.rtol,
        batch=len(x),
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": sys.version.split()[0], "numpy": np.__version__},
    )


def check_network(net: Network, x: Array, y: Array, options: CheckOptions = DEFAULTS) -> Report:
    """The report on a network, which also fails where `backward` overwrites an activation."""
    report = run_check(adapter.network_problem(net, x, y), options)
    overwritten = adapter.backward_overwrites(net, x, y) if report.verdict != "fail" else None
    if overwritten is None:
        return report
    diagnosis = Diagnosis(
        code="activation-overwritten",
        title="backward overwrites an activation",
        remedy="work on a copy; look for in-place operators such as *= and out=",
        tensor=overwritten,
    )
    return replace(report, verdict="fail", diagnosis=diagnosis)


def _proved(net: Network, x: Array, y: Array, options: CheckOptions) -> tuple[Report, Array]:
    """The report on a network, a pass, and the status of every parameter, flat.

    Of those that are not decided on `x`, the status where the zeros of `x` are filled in. What
    saturates there, so that nothing can be decided, is no objection.
    """
    __tracebackhide__ = True
    report = _passed(net, check_network(net, x, y, options))
    status = _flat(report)
    if report.zero:
        filled = check_network(net, _filled(net, x, options.seed), y, options)
        if filled.verdict == "fail":
            _passed(net, filled)
        if filled.verdict == "pass":
            status = np.where(status == int(Status.PASS), status, _flat(filled))
    return report, status


def _pixels(x: Array, y: Array) -> Samples:
    """The samples as images come: bytes up to a peak, here 16, that a minibatch is divided by."""
    size = np.abs(x)
    return Samples(x=np.round(16 * size / (size.max() or 1)).astype(np.uint8), y=y, peak=16)


def rehearsed(net: Network, samples: Samples, *, batch_size: int, learning_rate: float) -> None:
    """Let the training loop rehearse; a VerificationError where it differs from the passes."""
    __tracebackhide__ = True
    wrong = loop_differs_from_passes(
        net, samples, batch_size=batch_size, learning_rate=learning_rate
    )
    if wrong:
        raise VerificationError(f"the training loop differs from the passes of {net!r}\n{wrong}")


def _flat(report: Report) -> Array:
    return np.concatenate([status.reshape(-1) for status in report.status.values()])


def _filled(net: Network, x: Array, seed: int) -> Array:
    """The inputs with numbers of their own size, each another one, in the place of zeros."""
    x = validation.inputs(net, x)
    size = np.random.default_rng(seed).uniform(0.5, 1.5, x.shape) * rounding.rms_scale(x)
    return np.where(x == 0, size, x)


def _passed(net: Network, report: Report) -> Report:
    """The report, if it is a pass."""
    __tracebackhide__ = True
    if report.verdict == "pass":
        return report
    said = "is wrong" if report.verdict == "fail" else "could not be decided"
    raise VerificationError(f"the gradient of {net!r} {said}\n{report}", report)
