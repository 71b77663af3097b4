"""Worker processes end with the process that they work for, whatever ends it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from checks.parallel.process_pool import Processes, _interrupts_held

# Two workers with something to do, and their numbers on a line of standard output, which they hold
# open as long as they live.
WORKING = """
import multiprocessing, os, sys, time
from checks.parallel.process_pool import Processes

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    executor = Processes(2)
    executor.submit(time.sleep, 1000)
    executor.submit(os.getpid).result()
    executor.submit(time.sleep, 1000)
    print(*executor._pool._processes, flush=True)
    time.sleep(1000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals and handles are other things there")
@pytest.mark.parametrize("ended_by", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_end_with_the_process_that_they_work_for(method: str, ended_by: str) -> None:
    """Though it had no time to tell them."""
    asking = subprocess.Popen(
        [sys.executable, "-c", WORKING, method], stdout=subprocess.PIPE, text=True
    )
    assert asking.stdout is not None
    workers = [int(pid) for pid in asking.stdout.readline().split()]
    try:
        asking.send_signal(getattr(signal, ended_by))
        asking.communicate(timeout=60)  # until nobody holds the pipe any more
    finally:
        asking.wait()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert len(workers) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another thing there")
def test_an_interrupt_is_left_to_the_process_that_asked() -> None:
    """A terminal sends it to all of them; workers go on until they are stopped."""
    with Processes(1) as executor:
        pid = executor.submit(os.getpid).result()
        os.kill(pid, signal.SIGINT)
        assert executor.submit(os.getpid).result() == pid


def test_workers_are_stopped_whatever_they_are_doing() -> None:
    """Nothing is left to wait for, neither for this process nor at its end."""
    executor = Processes(2)
    futures = [executor.submit(time.sleep, 1000) for _ in range(8)]
    futures[-1].cancel()
    workers = list((executor._pool._processes or {}).values())
    executor.stop()
    assert all(future.done() for future in futures)
    assert [worker.is_alive() for worker in workers] == [False, False]


def test_what_has_not_begun_has_nothing_to_stop() -> None:
    """Twice over."""
    executor = Processes(1)
    executor.stop()
    executor.stop()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot wait there")
def test_an_interrupt_waits_while_a_worker_begins() -> None:
    """It would have a traceback to show; once it has begun, it ignores them."""
    reached = []

    def interrupted() -> None:
        with _interrupts_held():
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["the end"]
    with Processes(1) as executor:
        assert executor.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        held = executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
        assert signal.SIGINT not in held
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
