"""Work done elsewhere gives the same numbers, in whatever order, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
import pytest

from checks import elsewhere, sweep
from checks.engine import check
from checks.report import Report
from checks.subject import Subject
from tests.checks import helpers


@pytest.fixture(autouse=True)
def workers_find_the_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that do not inherit this one's modules look for them along its path."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[2])])


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces of few coordinates."""
    monkeypatch.setattr(sweep, "PIECE", 5)


class Backwards(Executor):
    """Runs what it was given in threads of its own, the last first, once all is there."""

    def __init__(self, expected: int) -> None:
        self.expected, self.order = expected, list[int]()
        self._tasks: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Put by until there are as many as expected."""
        future: Future[Any] = Future()
        number = len(self._tasks)

        def task() -> None:
            self.order.append(number)
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001
                future.set_exception(error)

        self._tasks.append(task)
        if len(self._tasks) == self.expected:
            Thread(target=lambda: [task() for task in reversed(self._tasks)]).start()
        return future


class Loses(Executor):
    """Loses a piece for the first so many attempts, with a given error, or refuses it at once."""

    def __init__(self, error: BaseException, times: int, *, refuse: bool = False) -> None:
        self.error, self.times, self.refuse, self.submitted = error, times, refuse, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Fail, or run here."""
        self.submitted += 1
        future: Future[Any] = Future()
        if self.submitted > self.times:
            future.set_result(fn(*args, **kwargs))
        elif self.refuse:
            raise self.error
        else:
            future.set_exception(self.error)
        return future


def same(one: Report, other: Report) -> bool:
    """Whether two reports agree in everything but their time."""
    return replace(one, seconds=0) == replace(other, seconds=0) and all(
        np.array_equal(one.status[name], other.status[name]) for name in one.status
    )


def numbers(one: Subject, executor: Executor | None) -> bytes:
    """All slopes and errors of a sweep, bit by bit."""
    found = sweep.sweep(one, "complex step", noise=1e-16, size=1.0, executor=executor)
    return b"".join(e.slope.tobytes() + e.error.tobytes() for e in found)


@pytest.fixture
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes."""
    with ProcessPoolExecutor(2) as executor:
        yield executor


def test_processes_give_the_same_to_the_last_bit(
    small_pieces: None, pool: ProcessPoolExecutor
) -> None:
    """Numbers, statuses, verdict and progress, of a clean gradient and of a wrong one."""
    one = helpers.subject(activation="tanh")
    assert numbers(one, pool) == numbers(one, None)
    done: list[int] = []
    assert same(check(one, executor=pool, progress=done.append), check(one))
    assert sum(done) == one.parameters


def test_functions_written_on_the_spot_can_be_sent_as_well(small_pieces: None) -> None:
    """With the numbers that they read."""
    two = np.asarray(2.0)
    one = helpers.vector(lambda x: (two * x**2).sum(), lambda x: 2 * two * x, np.ones(9))
    with elsewhere.Processes(2) as executor:
        assert same(check(one, executor=executor), check(one))


def test_the_order_in_which_pieces_come_back_changes_nothing(small_pieces: None) -> None:
    """All of them backwards."""
    one = helpers.subject()
    pieces = sum(-(-v.size // sweep.PIECE) for v in one.values)
    executor = Backwards(pieces)
    assert numbers(one, executor) == numbers(one, None)
    assert executor.order == list(reversed(range(pieces)))
    assert pieces > 8


def test_a_worker_killed_in_the_middle_costs_no_result() -> None:
    """Killed by its own work, once: a new pool does what was lost."""
    work, pieces = helpers.SleepyKill(os.getpid()), list(range(6))
    with elsewhere.Processes(2) as executor:
        found = dict(elsewhere.run(work, "shared", pieces, executor))
    assert found == {piece: ("shared", piece) for piece in pieces}


def test_a_sweep_survives_the_death_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same report as without; the worker is killed while the cost runs."""
    monkeypatch.setattr(sweep, "PIECE", 1)
    one = helpers.vector(helpers.Sleepy(), helpers.sleepy_gradient, np.linspace(-2, 2, 9))
    slow = replace(one, cost=helpers.Unwrapped(helpers.Sleepy(0.005)), gradient=helpers.unwrapped)
    expected = check(slow, oracle="ridders")
    killed: list[int] = []
    with elsewhere.Processes(2) as executor:
        pool = executor._pool

        def kill(_: int) -> None:
            if not killed:
                killed.append(min(pool._processes))
                os.kill(killed[0], signal.SIGKILL)

        report = check(slow, oracle="ridders", executor=executor, progress=kill)
        assert executor._pool is not pool
    assert killed
    assert report.verdict == "pass", str(report)
    assert same(report, expected)


@pytest.mark.parametrize(
    "error", [BrokenExecutor(), CancelledError(), ConnectionResetError(), EOFError()]
)
def test_lost_pieces_are_handed_over_again(error: BaseException) -> None:
    """A few times, and run here after that."""
    once = Loses(error, 1)
    assert dict(elsewhere.run(_add, 10, [1, 2, 3], once)) == {1: 11, 2: 12, 3: 13}
    assert once.submitted == 4
    never = Loses(error, 10**6)
    assert dict(elsewhere.run(_add, 10, [1, 2, 3], never)) == {1: 11, 2: 12, 3: 13}
    assert never.submitted == 3 * elsewhere.ATTEMPTS


def test_pieces_that_are_refused_are_not_lost() -> None:
    """By a pool that is broken already."""
    executor = Loses(BrokenExecutor(), 2, refuse=True)
    assert dict(elsewhere.run(_add, 10, [1, 2, 3], executor)) == {1: 11, 2: 12, 3: 13}


def test_a_scheduler_that_gave_up_on_a_piece_is_no_error_of_the_work() -> None:
    """Dask's name for it is known without Dask."""
    killed = type("KilledWorker", (Exception,), {})("gone")
    assert dict(elsewhere.run(_add, 1, [1], Loses(killed, 1))) == {1: 2}


@pytest.mark.parametrize("jobs", [0, 2])
def test_what_the_work_raises_is_raised_on(jobs: int) -> None:
    """With its message, whether it ran here or elsewhere; it is not tried again."""
    if not jobs:
        with pytest.raises(ZeroDivisionError, match="piece 2"):
            dict(elsewhere.run(helpers.raising, None, [1, 2], None))
        return
    with elsewhere.Processes(jobs) as executor, pytest.raises(ZeroDivisionError, match="piece 2"):
        dict(elsewhere.run(helpers.raising, None, [1, 2], executor))
    mistake = Loses(ValueError("mine"), 10**6)
    with pytest.raises(ValueError, match="mine"):
        dict(elsewhere.run(_add, 1, [1], mistake))
    assert mistake.submitted == 1


def test_what_cannot_be_sent_is_told() -> None:
    """With what it is, and what to do about it; nothing is submitted."""
    lock, executor = Lock(), Loses(EOFError(), 0)
    with pytest.raises(TypeError) as caught:
        dict(elsewhere.run(lambda shared, piece: lock, None, [1], executor))
    assert str(caught.value) == (
        "executor: expected a cost and a gradient that can be sent to other processes, got"
        " TypeError: cannot pickle '_thread.lock' object; make such objects inside the functions,"
        " or leave the executor out"
    )
    assert executor.submitted == 0


class _OnlyHere:
    """Can be packed, but not unpacked: as what imports a package that is missing there."""

    def __reduce__(self) -> Any:
        return import_module, ("package_that_is_not",)


def test_what_cannot_be_loaded_there_is_told() -> None:
    """As such, and not as an error of the work."""
    with elsewhere.Processes(1) as executor, pytest.raises(TypeError) as caught:
        dict(elsewhere.run(lambda shared, piece: piece, _OnlyHere(), [1], executor))
    assert str(caught.value) == (
        "executor: expected workers that can load what the cost and the gradient use, got"
        " ModuleNotFoundError: No module named 'package_that_is_not'; give them the same Python"
        " and packages, or leave the executor out"
    )


def test_without_an_executor_pieces_run_here_in_order() -> None:
    """One by one, as they are asked for."""
    found = elsewhere.run(lambda shared, piece: shared + piece, 1, [3, 1, 2], None)
    assert next(found) == (3, 4)
    assert list(found) == [(1, 2), (2, 3)]


def _add(shared: int, piece: int) -> int:
    return shared + piece
