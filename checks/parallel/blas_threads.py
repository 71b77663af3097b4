"""BLAS's threads: one for functions whose products are too small to be worth sharing.

Threads wait for one another by turning in a loop. Where products are small that takes longer than
the products themselves, and very much longer where other programs keep a core busy. How large the
products of anyone's function are is not known; but one that is quick on one thread has no large
ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from threading import current_thread, main_thread
from typing import Any

# Seconds. Products that are worth sharing, of 2^23 multiplications, take some milliseconds; and
# there is more than one in most functions.
SLOW = 0.02


class FewThreads:
    """One thread for BLAS from the first call of a function on, unless that call is a long one.

    Then it is called once more, with as many threads as before: a check compares bit for bit, and
    sums are added up in another order on several threads. The number is the whole process's, so it
    is left alone in any thread but Python's main one, and put back by `close`.
    """

    def __init__(self) -> None:
        self._limits: Any = None

    def timed(self, function: Callable[[Any], Any]) -> Timed:
        """The function, whose first call decides."""
        return Timed(function, self)

    def begin(self) -> bool:
        """Have one thread from now on; whether that can be."""
        if current_thread() is main_thread():
            self._limits = _controller().limit(limits=1, user_api="blas")
        return self._limits is not None

    def close(self) -> None:
        """Have as many threads as before."""
        if self._limits is not None:
            self._limits.restore_original_limits()
            self._limits = None


class Timed:
    """A function whose first call decides on the threads; elsewhere it is itself alone."""

    def __init__(self, function: Callable[[Any], Any], threads: FewThreads | None = None) -> None:
        self.function, self.threads = function, threads

    def __call__(self, given: Any) -> Any:
        """Call it."""
        threads, self.threads = self.threads, None
        if threads is None or not threads.begin():
            return self.function(given)
        started = time.perf_counter()
        found = self.function(given)
        if time.perf_counter() - started <= SLOW:
            return found
        threads.close()
        return self.function(given)

    def __reduce__(self) -> tuple[Any, ...]:
        return Timed, (self.function,)


@cache
def _controller() -> Any:
    """What knows the BLAS libraries that NumPy and others have loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
