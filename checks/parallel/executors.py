"""Elsewhere: independent pieces of work run by any executor, and here where that fails.

Whatever offers `submit` in the way of `concurrent.futures.Executor` will do: threads or processes
on this machine, a Dask cluster, an MPI pool. A piece that is lost, alone, with its worker or with
the whole executor, is handed over again and at last run here: a loss costs time, never the result.
"""

from __future__ import annotations

import os
import pickle
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar

Shared = TypeVar("Shared")
Piece = TypeVar("Piece")
Result = TypeVar("Result")

# How often a lost piece is handed over before it is run here, and the seconds between: what goes
# down may come up again, and a Dask client that is just closing would take calls and forget them.
ATTEMPTS = 3
PAUSE = 1.0

# After so many seconds without any answer, pieces are run here as well, one after the other, until
# one comes: an executor whose workers are all gone may never say so.
SILENCE = 30.0

_thread = threading.local()  # its `stop` is the event that ends the piece this thread is at


class UnsendableError(TypeError):
    """Work that cannot be brought to another process; `args` says what was expected and came."""

    def __str__(self) -> str:
        return f"executor: {self.args[0]}, or leave the executor out"


@dataclass(frozen=True, kw_only=True)
class _Done:
    """A result, as `_run_there` hands it over: whatever else comes back is none."""

    result: Any


@dataclass(frozen=True, kw_only=True)
class _Failed:
    """What came of a piece instead of a result: why, and whether that says nothing of the work."""

    why: str
    lost: bool


def map_chunks(
    work: Callable[[Shared, Piece], Result],
    shared: Shared,
    pieces: Sequence[Piece],
    executor: Executor | None,
) -> Generator[tuple[Piece, Result]]:
    """Each piece with the result of work(shared, piece), in the order in which they finish.

    Closed early, or ended by an error, it gives up the pieces that are still queued or running.

    Raises
    ------
    UnsendableError
        When `shared` cannot be brought to another process; a TypeError.
    """
    if executor is None:
        for piece in pieces:
            yield piece, work(shared, piece)
        return
    here = partial(work, shared)
    with _parcel(work, shared, executor) as parcel:
        pending, why = list(pieces), ""
        for attempt in range(ATTEMPTS):
            if attempt and pending:
                time.sleep(PAUSE)
            with closing(_hand_over(executor, parcel, pending)) as outcomes:
                pending = []
                for piece, found in outcomes:
                    if isinstance(found, _Done):
                        yield piece, found.result
                    elif found.lost:
                        pending.append(piece)
                        why = found.why
                    else:
                        yield piece, _run_here(here, piece, found.why)
        for piece in pending:
            yield piece, _run_here(here, piece, why)


def _hand_over(
    executor: Executor, parcel: Any, pieces: Sequence[Piece]
) -> Generator[tuple[Piece, Any]]:
    """Each piece with its result or a `_Failed`, as they come."""
    futures: dict[Future[Any], Piece] = {}
    try:
        for piece in pieces:
            try:
                future = executor.submit(_run_there, parcel, piece)
            except Exception as error:  # noqa: BLE001 whatever it is, the executor has failed
                yield piece, _Failed(why=repr(error), lost=True)
            else:
                if isinstance(future, Future):
                    futures[future] = piece
                else:
                    why = f"{type(future).__name__} from submit instead of a Future"
                    yield piece, _Failed(why=why, lost=True)
        open_, silence = dict(futures), SILENCE
        while open_:
            done, _ = wait(open_, timeout=silence, return_when=FIRST_COMPLETED)
            for future in done:
                yield open_.pop(future), _outcome(future)
            silence = SILENCE if done else 0.0
            if not done:
                future, piece = open_.popitem()
                future.cancel()
                yield piece, _Failed(why=f"no answer within {SILENCE:g} seconds", lost=False)
    finally:
        for future in futures:
            future.cancel()


def _outcome(future: Future[Any]) -> Any:
    """What came back: `_run_there` raises nothing of the work's, so an error is the executor's."""
    error = CancelledError() if future.cancelled() else future.exception()
    if isinstance(error, UnsendableError):
        raise error
    if error is not None:
        return _Failed(why=repr(error), lost=True)
    found = future.result()
    if isinstance(found, _Done | _Failed):
        return found
    return _Failed(why=f"{type(found).__name__} instead of a result", lost=True)


def _run_there(parcel: Any, piece: Any) -> _Done | _Failed:
    """In the worker: the result, or that the work has raised an error."""
    work, shared, stop = _unpack(parcel) if isinstance(parcel, bytes) else parcel
    _thread.stop = stop
    try:
        return _Done(result=work(shared, piece))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 they may raise anything
        # Want of memory says nothing of the work: there may be enough later, or here.
        return _Failed(why=repr(error), lost=isinstance(error, MemoryError))
    finally:
        _thread.stop = None


def _run_here(work: Callable[[Piece], Result], piece: Piece, why: str) -> Result:
    """The result after all; what the work raised there it raises here, from where it comes."""
    result = work(piece)
    warnings.warn(
        f"executor: expected a result of every piece, got {why};"
        " pieces without one are measured here, one after the other",
        RuntimeWarning,
        stacklevel=2,
    )
    return result


def stop_if_cancelled() -> None:
    """To be called by long work now and then: ends it where its result is not wanted any more."""
    stop = getattr(_thread, "stop", None)
    if stop is not None and stop.is_set():
        raise CancelledError


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _parcel(work: Any, shared: Any, executor: Executor) -> Iterator[Any]:
    """What the executor's workers get, with an event to stop them by where they can share it."""
    if not isinstance(executor, ThreadPoolExecutor):
        yield _pack((work, shared, None))
        return
    stop = threading.Event()
    try:
        yield work, shared, stop
    finally:
        stop.set()


def _pack(content: object) -> bytes:
    """Pickled; functions written in a file, a script or a notebook as code."""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(content))
    except Exception as error:
        raise UnsendableError(
            "expected a cost and a gradient that can be sent to other processes, got"
            f" {type(error).__name__}: {error}; make such objects inside the functions"
        ) from error


@lru_cache(maxsize=1)
def _unpack(parcel: bytes) -> Any:
    try:
        return pickle.loads(parcel)  # noqa: S301 packed by this module, sent to its own workers
    except MemoryError:
        raise
    except Exception as error:
        raise UnsendableError(
            "expected workers that can load what the cost and the gradient use, got"
            f" {type(error).__name__}: {error}; give them the same Python and packages"
        ) from error
