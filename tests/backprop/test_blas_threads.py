"""Small products run on one thread, and whoever had more before has them again afterwards."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from backprop import blas_threads, init_net
from backprop.blas_threads import WORTH_SHARING, suited
from backprop.training.fast_loop import Loop
from backprop.training.gradient_descent import descend
from backprop.training.samples import Samples
from checks.methods.dispatch import run_check
from checks.methods.options import METHODS
from checks.methods.single_projection import single_projection
from checks.methods.sweep import Piece, Scan, _complex_piece, _real_piece
from checks.network.adapter import network_problem
from checks.problem.problem import Problem

PIECE = Piece(tensor=0, start=0, stop=3)
SCAN = Scan(piece=PIECE, wanted=np.zeros(3), target=np.full(3, 1e-6), centre=0.5, noise=1e-16)
BLAS = ThreadpoolController().select(user_api="blas")


def counts() -> set[int]:
    """How many threads BLAS has, by every library."""
    return {library.num_threads for library in BLAS.lib_controllers}


@pytest.fixture(autouse=True)
def _two() -> Iterator[None]:
    """Two threads for each test, whatever the environment says."""
    with BLAS.limit(limits=2):
        if counts() != {2}:
            pytest.skip("BLAS has no threads here that could be counted")
        yield


def test_a_small_networks_products_run_on_one_thread() -> None:
    """Up to a size, which is that of the largest product of a batch."""
    net = init_net((64, 16, 32, 4), seed=0)
    batch = WORTH_SHARING // (64 * 16)
    with suited(net, batch - 1):
        assert counts() == {1}
    assert counts() == {2}
    with suited(net, batch):
        assert counts() == {2}


def test_threads_are_given_back_after_an_error() -> None:
    """One block inside another, and again."""
    net = init_net((3, 2), seed=0)
    for _ in range(2):
        with suited(net, 1):
            with pytest.raises(ZeroDivisionError), suited(net, 1):
                raise ZeroDivisionError
            assert counts() == {1}
        assert counts() == {2}


def test_only_the_main_thread_takes_threads_away() -> None:
    """Blocks of several threads end in any order, and none would know what to give back."""
    net = init_net((3, 2), seed=0)

    def job(_: int) -> tuple[type, set[int]]:
        with suited(net, 1) as block:
            time.sleep(0.001)
            return type(block), counts()

    with suited(net, 1) as block:
        ours = type(block)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(job, range(20)))
    assert {n for _, found in told for n in found} == {2}
    assert ours not in {kind for kind, _ in told}  # some BLAS obey the main thread alone, anyway
    assert counts() == {2}


def test_training_runs_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step of it."""
    seen, step = [], Loop.step

    def noted(loop: Loop, *given: Any) -> None:
        seen.append(counts())
        step(loop, *given)

    monkeypatch.setattr(Loop, "step", noted)
    samples = Samples(x=np.ones((8, 3)), y=np.arange(8) % 2)
    descend(init_net((3, 2), seed=0), samples, np.arange(8), batch_size=4, learning_rate=1.0)
    assert seen == [{1}] * 2
    assert counts() == {2}


@pytest.mark.parametrize(
    "look",
    [
        *(partial(run_check, method=method) for method in METHODS),
        single_projection,
        lambda one: _complex_piece(one, PIECE),
        lambda one: _real_piece(one, SCAN),
    ],
)
def test_checks_run_on_one_thread(look: Callable[[Problem], Any]) -> None:
    """Whatever they call of a network; the functions of others are run as they would be."""
    net = init_net((3, 2), seed=0)
    one = network_problem(net, np.ones((4, 3)), np.arange(4) % 2)
    for subject, threads in ((one, 1), (replace(one, within=nullcontext), 2)):
        seen: list[set[int]] = []

        def noting(function: Any, seen: list[set[int]] = seen) -> Any:
            def noted(*given: Any) -> Any:
                seen.append(counts())
                return function(*given)

            return function and noted

        names = ("cost", "gradient", "jittered", "rerun")
        look(replace(subject, **{name: noting(getattr(subject, name)) for name in names}))
        assert seen
        assert all(found == {threads} for found in seen)
    assert counts() == {2}


def test_kernels_are_told_apart() -> None:
    """By the processor that BLAS takes this one for, which decides how products round."""
    program = "from backprop.blas_threads import kernels; print(kernels())"
    root = str(Path(blas_threads.__file__).parents[1])
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": root, **more},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for more in ({"OPENBLAS_CORETYPE": "Haswell"}, {"OPENBLAS_CORETYPE": "Nehalem"})
    }
    if "openblas" in str(blas_threads.kernels()) and platform.machine() == "x86_64":
        assert len(printed) == 2


def test_a_blas_of_scipys_has_no_say() -> None:
    """Whether it was loaded before or not, NumPy's is the one that rounds."""
    program = "{}from backprop import blas_threads; print(blas_threads.kernels())"
    found = {
        subprocess.run(
            [sys.executable, "-c", program.format(first)],
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for first in ("", "import scipy.linalg; ")
    }
    assert len(found) == 1
