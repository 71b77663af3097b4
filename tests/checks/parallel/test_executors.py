"""Work done elsewhere gives the same numbers, in whatever order, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np
import pytest

from checks import check_gradients
from checks.methods import sweep
from checks.methods.dispatch import run_check
from checks.methods.options import ORACLES, Oracle
from checks.methods.run import start_run
from checks.parallel import executors
from checks.parallel.process_pool import Processes
from checks.problem.problem import Problem
from checks.verdict.report import Report
from tests.checks import helpers


@pytest.fixture(autouse=True)
def workers_find_the_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that do not inherit this one's modules look for them along its path."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(Path(__file__).parents[3])])


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces of few coordinates."""
    monkeypatch.setattr(sweep, "PIECE", 5)
    monkeypatch.setattr(sweep, "REAL_PIECE", 5)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost pieces are handed over again at once."""
    monkeypatch.setattr(executors, "PAUSE", 0.0)


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


class Counted(Executor):
    """Counts what it hands on to another executor."""

    def __init__(self, other: Executor) -> None:
        self.other, self.submitted = other, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand on."""
        self.submitted += 1
        return self.other.submit(fn, *args, **kwargs)


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


def numbers(one: Problem, executor: Executor | None) -> bytes:
    """All slopes of a sweep, bit by bit."""
    this = start_run(one, method="sweep", rtol=None, seed=0, executor=executor)
    return b"".join(slope.tobytes() for slope in sweep.complex_slopes(this))


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
    for oracle in ORACLES:
        done: list[int] = []
        report = run_check(one, oracle=oracle, executor=pool, progress=done.append)
        assert same(report, run_check(one, oracle=oracle))
        assert sum(done) == one.parameters


def test_functions_written_on_the_spot_can_be_sent_as_well(small_pieces: None) -> None:
    """With the numbers that they read."""
    two = np.asarray(2.0)
    one = helpers.vector(lambda x: (two * x**2).sum(), lambda x: 2 * two * x, np.ones(9))
    with Processes(2) as executor:
        assert same(run_check(one, executor=executor), run_check(one))


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
    with Processes(2) as executor:
        found = dict(executors.map_chunks(work, "shared", pieces, executor))
    assert found == {piece: ("shared", piece) for piece in pieces}


def test_a_sweep_survives_the_death_of_its_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same report as without; the worker is killed while the cost runs."""
    monkeypatch.setattr(sweep, "REAL_PIECE", 1)
    one = helpers.vector(helpers.Sleepy(), helpers.sleepy_gradient, np.linspace(-2, 2, 9))
    slow = replace(one, cost=helpers.Unwrapped(helpers.Sleepy(0.005)), gradient=helpers.unwrapped)
    expected = run_check(slow, oracle="real")
    killed: list[int] = []
    with Processes(2) as executor:
        pool = executor._pool

        def kill(done: int) -> None:
            if done and not killed:
                killed.append(min(pool._processes))
                os.kill(killed[0], signal.SIGKILL)

        report = run_check(slow, oracle="real", executor=executor, progress=kill)
        assert executor._pool is not pool
    assert killed
    assert report.verdict == "pass", str(report)
    assert same(report, expected)


LOSSES = [BrokenExecutor(), CancelledError(), ConnectionResetError(), ValueError("closed")]


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("error", LOSSES)
def test_lost_pieces_are_handed_over_again(
    error: BaseException, no_pause: None, *, refuse: bool
) -> None:
    """Whether the executor fails at once or later, and whatever it says; nobody need know of it."""
    once = Loses(error, 1, refuse=refuse)
    assert dict(executors.map_chunks(_add, 10, [1, 2, 3], once)) == {1: 11, 2: 12, 3: 13}
    assert once.submitted == 4


@pytest.mark.parametrize("refuse", [False, True])
@pytest.mark.parametrize("error", LOSSES)
def test_an_executor_that_is_gone_costs_no_result(
    error: BaseException, no_pause: None, *, refuse: bool
) -> None:
    """After a few times pieces are run here, where it will take longer: there is a warning."""
    gone = Loses(error, 10**6, refuse=refuse)
    with pytest.warns(RuntimeWarning) as caught:
        found = dict(executors.map_chunks(_add, 10, [1, 2, 3], gone))
    assert found == {1: 11, 2: 12, 3: 13}
    assert gone.submitted == 3 * executors.ATTEMPTS
    assert str(caught[0].message).startswith(
        f"executor: expected a result of every piece, got {error!r};"
    )


class Silent(Executor):
    """It answers for every third piece, and says nothing of the others, ever."""

    def __init__(self) -> None:
        self.given = 0

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that may never be done."""
        future: Future[Any] = Future()
        if self.given % 3 == 0:
            future.set_result(function(*args, **kwargs))
        self.given += 1
        return future


def test_an_executor_that_falls_silent_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does whose workers are gone: after a while its pieces are run here, with a word."""
    monkeypatch.setattr(executors, "SILENCE", 0.05)
    with pytest.warns(RuntimeWarning, match="got no answer within 0.05 seconds; pieces without"):
        found = dict(executors.map_chunks(_add, 10, [1, 2, 3, 4, 5], Silent()))
    assert found == {1: 11, 2: 12, 3: 13, 4: 14, 5: 15}


def test_what_goes_down_has_a_moment_to_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before pieces are handed over again, and not where there are none."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert dict(executors.map_chunks(_add, 1, [1], Loses(EOFError(), 0))) == {1: 2}
    assert pauses == []
    assert dict(executors.map_chunks(_add, 1, [1], Loses(EOFError(), 2))) == {1: 2}
    assert pauses == [executors.PAUSE] * 2


@pytest.mark.parametrize("jobs", [0, 1])
def test_what_the_work_raises_is_raised_here(jobs: int) -> None:
    """From the line that raised it, wherever the piece was run; it is not handed over again."""
    with Processes(1) as processes:
        executor = Counted(processes)
        with pytest.raises(ZeroDivisionError, match="piece 2") as caught:
            dict(executors.map_chunks(helpers.raising, None, [1, 2, 3], executor if jobs else None))
    assert caught.traceback[-1].name == "raising"
    assert executor.submitted == 3 * jobs


def test_even_what_is_no_exception_is_raised_here() -> None:
    """And takes no worker along."""

    def leave(shared: object, piece: int) -> int:
        sys.exit(f"piece {piece}")

    executor = Loses(EOFError(), 0)
    with pytest.raises(SystemExit, match="piece 1"):
        dict(executors.map_chunks(leave, None, [1], executor))
    assert executor.submitted == 1


def test_an_interrupt_is_no_error_of_the_work() -> None:
    """It ends everything, also with an executor that runs its calls in this very thread."""
    done: list[int] = []

    def interrupted(shared: object, piece: int) -> None:
        done.append(piece)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dict(executors.map_chunks(interrupted, None, [1, 2], Loses(EOFError(), 0)))
    assert done == []


def test_what_is_raised_there_but_not_here_costs_no_result() -> None:
    """It says nothing of the work; the warning says what it was."""
    parent = os.getpid()

    def only_here(shared: int, piece: int) -> int:
        if os.getpid() != parent:
            raise FileNotFoundError("numbers.csv")
        return shared + piece

    with (
        Processes(1) as executor,
        pytest.warns(RuntimeWarning, match=r"got FileNotFoundError\('numbers.csv'\)"),
    ):
        assert dict(executors.map_chunks(only_here, 1, [1, 2], executor)) == {1: 2, 2: 3}


def test_what_cannot_be_sent_is_told() -> None:
    """With what it is, and what to do about it; nothing is submitted."""
    lock, executor = Lock(), Loses(EOFError(), 0)
    with pytest.raises(TypeError) as caught:
        dict(executors.map_chunks(lambda shared, piece: lock, None, [1], executor))
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
    with Processes(1) as executor, pytest.raises(TypeError) as caught:
        dict(executors.map_chunks(lambda shared, piece: piece, _OnlyHere(), [1], executor))
    assert str(caught.value) == (
        "executor: expected workers that can load what the cost and the gradient use, got"
        " ModuleNotFoundError: No module named 'package_that_is_not'; give them the same Python"
        " and packages, or leave the executor out"
    )


# --- stopping ---------------------------------------------------------------------------------


class Slow:
    """Work that takes ten seconds, unless it is told to stop; piece 0 is a quick one."""

    def __init__(self, quick: Callable[[], int]) -> None:
        self.quick, self.begun, self.ended = quick, list[int](), list[int]()

    def __call__(self, shared: object, piece: int) -> int:
        """The piece itself, in the end."""
        self.begun.append(piece)
        if piece == 0:
            return self.quick()
        for _ in range(1000):
            executors.stop_if_cancelled()
            time.sleep(0.01)
        self.ended.append(piece)
        return piece


def test_an_error_stops_the_other_pieces() -> None:
    """Those that run and those that wait; and only these: the threads are as good as new."""
    work = Slow(lambda: 1 // 0)
    with ThreadPoolExecutor(2) as executor:
        with pytest.raises(ZeroDivisionError):
            dict(executors.map_chunks(work, None, [1, 0, 2, 3, 4], executor))
        assert not any(executor.map(lambda _: executors.stop_if_cancelled(), range(4)))
    assert {0, 1} <= set(work.begun)
    assert work.ended == []


def test_pieces_stop_when_nobody_asks_for_them_any_more() -> None:
    """As after an interrupt."""
    work = Slow(lambda: 7)
    with ThreadPoolExecutor(2) as executor:
        found = executors.map_chunks(work, None, [1, 0, 2, 3, 4], executor)
        assert next(found) == (0, 7)
        found.close()
    assert work.ended == []


class Queue(Executor):
    """Runs the first call and keeps the others waiting."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run, or put by."""
        self.futures.append(Future())
        if len(self.futures) == 1:
            self.futures[0].set_result(fn(*args, **kwargs))
        return self.futures[-1]


def test_pieces_that_wait_elsewhere_are_called_back() -> None:
    """Be it for an error, or because nobody asks for them any more."""
    failed, left = Queue(), Queue()
    with pytest.raises(ZeroDivisionError):
        dict(executors.map_chunks(helpers.raising, None, [2, 1, 3], failed))
    found = executors.map_chunks(helpers.raising, None, [1, 2, 3], left)
    assert next(found) == (1, 1)
    found.close()
    for executor in (failed, left):
        assert [future.cancelled() for future in executor.futures] == [False, True, True]


def test_work_that_nobody_stops_heeds_nothing() -> None:
    """In the main thread, and in a thread of anyone's."""
    executors.stop_if_cancelled()
    with ThreadPoolExecutor(1) as executor:
        executor.submit(executors.stop_if_cancelled).result()


def test_without_an_executor_pieces_run_here_in_order() -> None:
    """One by one, as they are asked for."""
    found = executors.map_chunks(lambda shared, piece: shared + piece, 1, [3, 1, 2], None)
    assert next(found) == (3, 4)
    assert list(found) == [(1, 2), (2, 3)]


def _add(shared: int, piece: int) -> int:
    return shared + piece


class Answers(Executor):
    """Gives something else than a future, or a future with something else than a result."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run it, and answer as it is asked to."""
        return self.answer(fn(*args, **kwargs))


def future_of(result: object) -> Future[Any]:
    """A future that is done."""
    future: Future[Any] = Future()
    future.set_result(result)
    return future


@pytest.mark.parametrize("oracle", ["auto", "real"])
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda found: None, "NoneType from submit instead of a Future"),
        (lambda found: found, "_Done from submit instead of a Future"),
        (lambda found: future_of(None), "NoneType instead of a result"),
        (lambda found: future_of((np.full(3, np.inf), {})), "tuple instead of a result"),
        (lambda found: future_of("ü" * 9), "str instead of a result"),
    ],
)
def test_an_executor_that_answers_with_anything_else_costs_no_result(
    answer: Any, why: str, oracle: Oracle
) -> None:
    """Right gradients pass and wrong ones fail, and it is said."""
    x = np.linspace(1, 2, 3)
    for factor, verdict in ((1.0, "pass"), (1.5, "fail")):
        with pytest.warns(RuntimeWarning, match=why):
            report = check_gradients(
                lambda x: (x**3).sum(),
                lambda x, factor=factor: factor * 3 * x**2,
                x,
                executor=Answers(answer),
                oracle=oracle,
            )
        assert report.verdict == verdict


@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_a_slope_of_infinity_is_none(factor: float) -> None:
    """Nothing is right because it is close to that: another oracle decides."""

    def cost(x: Any) -> Any:
        if np.iscomplexobj(x):
            return (x**3).sum() + 1j * (np.inf if x[0].imag else 0.0)
        return (x**3).sum()

    x = np.linspace(1, 2, 3)
    report = check_gradients(cost, lambda x: factor * 3 * x**2, x)
    assert report.verdict == ("pass" if factor == 1.0 else "fail")
