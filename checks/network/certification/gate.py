"""The gate: no training before proof. Properties and verification, or a certificate that was kept.

Code and network unchanged, what was certified once opens it at once; the training loop rehearses
all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from backprop.network import Network
from backprop.system.progress_bar import Bar, Passes
from backprop.training.fingerprint import fingerprint
from backprop.training.samples import Samples
from checks.methods.options import CheckOptions
from checks.network.certification import certificate_store
from checks.network.certification.certificate import Certificate
from checks.network.certification.verification import (
    VerificationError,
    check_network,
    rehearsed,
    verify,
)
from checks.problem.nested import Array

PROFILE = "quick"


def certify(
    net: Network,
    x: Array,
    y: Array,
    *,
    seed: int = 0,
    cached: bool = True,
    progress: Callable[[str], None] = lambda message: None,
    samples: Samples | None = None,
    batch_size: int = 20,
    learning_rate: float = 5.0,
) -> Certificate:
    """The certificate of a network, from the cache where its code and kind were proved before.

    Parameters
    ----------
    net, x, y, seed
        As for `verify`.
    cached
        Whether a certificate that was kept is good enough: one of more than half the parameters.
        The loop rehearses all the same, for that is a matter of samples, minibatch and rate.
    progress
        Told, in a line each, what is being done.
    samples, batch_size, learning_rate
        As for `verify`.

    Raises
    ------
    VerificationError
        Where a property does not hold, the gradient is not proved, or the loop goes elsewhere.
    backprop.system.cache_folder.CacheError
        Where `GEARTRAIN_CACHE` names no folder that can be found.
    """
    __tracebackhide__ = True
    known = certificate_store.load(
        fingerprint(net)
    )  # a cache that is not there is told before the work
    if cached and known is not None and _is_enough(known, net):
        own = Samples(x=x, y=y) if samples is None else samples
        rehearsed(net, own, batch_size=batch_size, learning_rate=learning_rate)
        progress(f"proved before, nothing has changed since: {known.summary}")
        return known
    progress("checking the properties of small random networks")
    properties = _properties(net, x, y, seed)
    progress(f"checking all parameters of {net!r} on {len(x)} samples")
    with closing(Passes(sum(v.size for v in (*net.weights, *net.biases)))) as bar:
        earned = verify(
            net,
            x,
            y,
            seed=seed,
            samples=samples,
            batch_size=batch_size,
            learning_rate=learning_rate,
            progress=bar.update,
        )
    earned = replace(earned, properties=properties)
    progress(f"proved: {earned.summary}")
    try:
        certificate_store.store(earned)
    except OSError as error:
        progress(f"the certificate could not be kept ({error}); the next run will check again")
    return earned


def _is_enough(known: Certificate, net: Network) -> bool:
    """Whether a certificate that was kept is of this kind of network, and of most parameters."""
    kind = (net.shape, tuple(net.activations), net.cost, str(net.dtype))
    told = (known.shape, known.activations, known.cost, known.dtype)
    return kind == told and 2 * known.checked > known.parameters


def _properties(net: Network, x: Array, y: Array, seed: int) -> tuple[str, ...]:
    """The names of the properties, all of which hold; else also what `net` itself looks like.

    Want of memory and errors of the system say nothing of a property: they are raised as they are.
    """
    __tracebackhide__ = True
    from checks.network.properties.network_properties import PROPERTIES, run_all

    try:
        with closing(Bar("checking", len(PROPERTIES))) as bar:
            return run_all(PROFILE, bar.update)
    except AssertionError as error:
        failure = error
    if isinstance(failure.__cause__, MemoryError | OSError):
        raise failure.__cause__
    try:
        report = check_network(net, x, y, CheckOptions(seed=seed))
    except (MemoryError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 what is wrong may raise anything
        also = f"\nthe gradient of {net!r} raises {type(error).__name__}: {error}"
        raise VerificationError(f"{failure}{also}") from failure
    if report.verdict != "fail":
        raise VerificationError(str(failure)) from failure
    also = f"\nthe gradient of {net!r}:\n{report}"
    raise VerificationError(f"{failure}{also}", report) from failure
