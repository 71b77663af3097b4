"""The audit: in the middle of training, whether the gradient is still what was proved."""

from __future__ import annotations

import zlib

import numpy as np

from backprop.network import Network
from checks.methods import single_projection
from checks.network import adapter
from checks.problem.nested import Array
from checks.verdict.report import Report


@np.errstate(all="ignore")  # what has diverged is for the report to say
def audit(net: Network, x: Array, y: Array) -> Report:
    """One projection of all parameters, at the current weights, in float64: what training asks for.

    A network with a certificate has been inspected already; only a projection that differs is
    followed by the whole probe, which names the culprits. What is drawn for it depends on the
    weights, so that audits of one training are independent of each other, and can be repeated.
    """
    twin = net.astype(np.float64)
    seed = zlib.crc32(twin.biases[-1].tobytes())
    return single_projection.single_projection(adapter.network_problem(twin, x, y), seed=seed)
