"""A sweep on a Dask cluster gives the same report, whoever dies while it works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from checks.cli.gradcheck import command
from checks.methods import sweep
from checks.methods.dispatch import run_check
from checks.problem.problem import Problem
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


def test_a_scheduler_that_dies_costs_no_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is missing then is measured here, after a while, and said to be."""
    monkeypatch.setattr(sweep, "PIECE", 2)
    slow = _slow()
    expected = run_check(slow)
    done: list[int] = []
    file = str(tmp_path / "scheduler.json")
    with (
        command_of("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", file) as dying,
        command_of("worker", "--no-nanny", "--nthreads", "1", "--scheduler-file", file),
        distributed.Client(scheduler_file=file, timeout=5) as client,
    ):

        def kill(size: int) -> None:
            done.append(size)
            if len(done) == 1:
                dying.kill()

        with pytest.warns(RuntimeWarning, match="executor: expected a result of every piece"):
            report = run_check(slow, executor=client.get_executor(pure=False), progress=kill)
    assert sum(done) == 40
    assert replace(report, seconds=0) == replace(expected, seconds=0)
    assert report.verdict == "pass"


@contextmanager
def command_of(name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler or a worker as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{name}", *words], stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_killed_on_a_cluster_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three worker processes, one killed at the first sign of progress."""
    monkeypatch.setattr(sweep, "PIECE", 2)
    slow = _slow()
    expected = run_check(slow)
    killed: list[int] = []
    with cluster(3) as running, distributed.Client(running) as client:

        def kill(_: int) -> None:
            if not killed:
                killed.append(min(client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        report = run_check(slow, executor=client.get_executor(pure=False), progress=kill)
    assert killed
    assert replace(report, seconds=0) == replace(expected, seconds=0)
    assert report.verdict == "pass"


def _slow() -> Problem:
    """A cost that takes its time elsewhere, and no module of the tests: it is sent as code."""
    here = os.getpid()

    def cost(params: Any) -> Any:
        import time

        if os.getpid() != here:
            time.sleep(0.02)
        return ((params - np.arange(1, params.size + 1)) ** 2).sum() / 2 + np.sin(params).sum()

    def gradient(params: Any) -> Any:
        return params - np.arange(1, params.size + 1) + np.cos(params)

    return helpers.vector(cost, gradient, np.linspace(-2, 2, 40))
