"""A sweep on a Dask cluster gives the same report, though a worker is killed while it works."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from checks import sweep
from checks.cli import command
from checks.engine import check
from tests.checks import helpers

NEAR = """
import numpy as np

DRAWN = np.random.default_rng().normal(size=3)
"""

OWN = """
import numpy as np
from near import DRAWN

params = {"w": np.ones(3), "b": np.ones(2)}


def cost(params):
    return (DRAWN * params["w"] ** 2).sum() + params["b"].sum()


def gradients(params):
    return {"w": 2 * DRAWN * params["w"], "b": np.ones(2)}


subject = cost, gradients, params
"""

distributed: Any = pytest.importorskip("distributed", reason="the extra `dask` is not installed")


pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # the cluster's own
]


def cluster(workers: int) -> Any:
    """A scheduler in this process, and workers in others."""
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
    )


def test_a_file_is_shared_among_a_clusters_workers(tmp_path: Path) -> None:
    """They cannot import it, nor would it be the same: its numbers are drawn anew each time."""
    (tmp_path / "near.py").write_text(NEAR, encoding="utf-8")
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    words = [f"{tmp_path}/own.py:subject", "--quiet", "--dask"]
    with cluster(2) as running:
        done = CliRunner().invoke(command, [*words, running.scheduler_address])
    assert (done.exit_code, done.stdout) == (0, "pass: 5 of 5 parameters checked\n"), done.output


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
        cluster(3) as running,
        distributed.Client(running) as client,
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
