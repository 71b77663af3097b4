"""A sweep on a Dask cluster gives the same report, though a worker is killed while it works."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from checks import sweep
from checks.engine import check
from tests.checks import helpers

distributed: Any = pytest.importorskip("distributed", reason="the extra `dask` is not installed")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the cluster's own
def test_a_worker_killed_on_a_cluster_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three worker processes, one killed at the first sign of progress."""
    monkeypatch.setattr(sweep, "PIECE", 2)
    one = helpers.vector(helpers.Sleepy(), helpers.sleepy_gradient, np.linspace(-2, 2, 40))
    cost = _by_value(0.02)
    # Closures, so that they are sent by value: the workers cannot import this folder.
    slow = replace(
        one,
        cost=lambda values: cost(values[0]),
        gradient=lambda values: {"params": values[0] - np.arange(1, 41) + np.cos(values[0])},
    )
    expected = check(slow)
    killed: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):

        def kill(_: int) -> None:
            if not killed:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        report = check(slow, executor=client.get_executor(pure=False), progress=kill)
    assert killed
    assert replace(report, seconds=0) == replace(expected, seconds=0)
    assert report.verdict == "pass"


def _by_value(seconds: float) -> Any:
    """A cost that takes its time and needs no module of the tests."""

    def again(params: Any) -> Any:
        import time

        time.sleep(seconds)
        return ((params - np.arange(1, params.size + 1)) ** 2).sum() / 2 + np.sin(params).sum()

    return again
