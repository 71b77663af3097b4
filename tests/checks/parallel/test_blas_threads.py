"""Quick functions run with BLAS on one thread; long ones, and whoever comes after, as before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import cloudpickle
import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from checks import check_gradients
from checks.methods.options import METHODS, Method
from checks.parallel import blas_threads
from checks.parallel.blas_threads import FewThreads

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


@pytest.mark.parametrize("method", METHODS)
def test_a_check_of_a_quick_cost_has_one_thread(method: Method) -> None:
    """From the first call on, cost and gradient alike; and afterwards there are two again."""
    seen: set[int] = set()

    def cost(x: Any) -> Any:
        seen.update(counts())
        return (x**2).sum()

    def gradient(x: Any) -> Any:
        seen.update(counts())
        return 2 * x

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas_threads, "SLOW", 1e9)  # however busy the machine is
        assert check_gradients(cost, gradient, np.ones(3), method=method).verdict == "pass"
    assert seen == {1, 2}  # two where the user's objects are put back, after the check
    assert counts() == {2}


def test_a_slow_function_keeps_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called once more, so that all that is compared was added up alike."""
    monkeypatch.setattr(blas_threads, "SLOW", 0.0)
    seen = []
    with closing(FewThreads()) as threads:
        timed = threads.timed(lambda given: seen.append((given, counts())))
        timed("first")
        timed("second")
    assert seen == [("first", {1}), ("first", {2}), ("second", {2})]


def test_threads_are_put_back_after_an_error() -> None:
    """Whatever the function raises."""

    def ends(given: object) -> None:
        raise ZeroDivisionError(given)

    with pytest.raises(ZeroDivisionError), closing(FewThreads()) as threads:
        threads.timed(ends)(1)
    assert counts() == {2}


def test_in_any_other_thread_the_number_is_left_alone() -> None:
    """It is the whole process's."""
    with ThreadPoolExecutor(1) as executor, closing(FewThreads()) as threads:
        assert executor.submit(threads.timed(lambda given: counts()), 0).result() == {2}


def test_elsewhere_it_is_the_function_alone() -> None:
    """Sent to another process, it decides nothing there."""
    with closing(FewThreads()) as threads:
        timed = cloudpickle.loads(cloudpickle.dumps(threads.timed(np.sin)))
        assert timed(0.5) == np.sin(0.5)
        assert counts() == {2}


def test_it_is_the_first_call_that_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later ones may take as long as they like."""
    monkeypatch.setattr(blas_threads, "SLOW", 0.5)
    with closing(FewThreads()) as threads:
        timed = threads.timed(time.sleep)
        timed(0.0)
        assert counts() == {1}
        timed(0.6)
        assert counts() == {1}
