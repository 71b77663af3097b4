"""Elsewhere: independent pieces of work run by any executor, and again where that fails.

Whatever offers `submit` in the way of `concurrent.futures.Executor` will do: processes on this
machine, a Dask cluster, an MPI pool. A piece whose worker died or that could not be sent is run
here instead: a lost worker costs time, never the result.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
)
from functools import lru_cache
from typing import Any, TypeVar

Shared = TypeVar("Shared")
Piece = TypeVar("Piece")
Result = TypeVar("Result")

# How often a lost piece is handed over before it is run here.
ATTEMPTS = 3

# What is raised when a worker, not the work, has failed; what the work raises is raised on.
LOST = (BrokenExecutor, CancelledError, ConnectionError, EOFError)
LOST_BY_NAME = ("KilledWorker", "ClosedClientError")  # distributed's, without importing it


class UnsendableError(TypeError):
    """Work that cannot be brought to another process; `args` says what was expected and came."""

    def __str__(self) -> str:
        return f"executor: {self.args[0]}, or leave the executor out"


def run(
    work: Callable[[Shared, Piece], Result],
    shared: Shared,
    pieces: Sequence[Piece],
    executor: Executor | None,
) -> Iterator[tuple[Piece, Result]]:
    """Each piece with the result of work(shared, piece), in the order in which they finish.

    Raises
    ------
    UnsendableError
        When `shared` cannot be brought to another process; a TypeError.
    """
    if executor is None:
        for piece in pieces:
            yield piece, work(shared, piece)
        return
    parcel = (work, shared) if isinstance(executor, ThreadPoolExecutor) else _pack((work, shared))
    pending = list(pieces)
    for _ in range(ATTEMPTS):
        futures, lost = _submit(executor, parcel, pending)
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BaseException as error:
                if not _is_loss(error):
                    raise
                lost.append(futures[future])
        pending = lost
        if not pending:
            return
    for piece in pending:
        yield piece, work(shared, piece)


def _submit(
    executor: Executor, parcel: Any, pieces: Sequence[Piece]
) -> tuple[dict[Future[Any], Piece], list[Piece]]:
    """Futures by piece, and the pieces that the executor would no longer take."""
    futures: dict[Future[Any], Piece] = {}
    refused: list[Piece] = []
    for piece in pieces:
        try:
            futures[executor.submit(_unpack_and_work, parcel, piece)] = piece
        except BrokenExecutor:
            refused.append(piece)
    return futures, refused


class Processes(Executor):
    """Worker processes on this machine; when one dies and takes the pool along, a new pool."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool = ProcessPoolExecutor(jobs)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand over one call."""
        try:
            return self._pool.submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._pool.shutdown(wait=False)
            self._pool = ProcessPoolExecutor(self.jobs)
            return self._pool.submit(fn, *args, **kwargs)

    def stop(self) -> None:
        """End the workers at once, whatever they are doing."""
        for worker in list((self._pool._processes or {}).values()):  # noqa: SLF001 no other way
            worker.terminate()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 as in Executor
        """Let the workers go."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_loss(error: BaseException) -> bool:
    return isinstance(error, LOST) or type(error).__name__ in LOST_BY_NAME


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


def _unpack_and_work(parcel: Any, piece: Any) -> Any:
    work, shared = _unpack(parcel) if isinstance(parcel, bytes) else parcel
    return work(shared, piece)


@lru_cache(maxsize=1)
def _unpack(parcel: bytes) -> Any:
    try:
        return pickle.loads(parcel)  # noqa: S301 packed by this module, sent to its own workers
    except Exception as error:
        raise UnsendableError(
            "expected workers that can load what the cost and the gradient use, got"
            f" {type(error).__name__}: {error}; give them the same Python and packages"
        ) from error
