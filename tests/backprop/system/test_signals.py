import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import backprop
from backprop.system import signals

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals")

PROGRAM = """
import os, signal, sys
from backprop.system import signals
number = getattr(signal, sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_DFL)
with signals.postponed() as stop_if_asked:
    os.kill(os.getpid(), number)
    print("still here", flush=True)
    os.kill(os.getpid(), number)
    print("not here any more", flush=True)
"""


@pytest.mark.parametrize("name", signals.NAMES)
def test_the_first_asks_and_the_second_ends(name: str) -> None:
    """At once, with the code that shells give a process that a signal has ended."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, name],
        env={**os.environ, "PYTHONPATH": str(Path(backprop.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "still here\n"
    assert ran.stderr.strip() == "ending after this minibatch; once more ends at once"
    assert ran.returncode == 128 + getattr(signal, name)


@pytest.mark.parametrize("name", signals.NAMES)
def test_a_signal_is_raised_where_the_work_may_end(name: str) -> None:
    """And the handlers are as before."""
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with signals.postponed() as stop_if_asked:
        stop_if_asked()
        signal.raise_signal(number)
        with pytest.raises(signals.StopAsked) as caught:
            stop_if_asked()
    assert caught.value.number == number
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_ignored() -> None:
    """As after `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.postponed() as stop_if_asked:
            signal.raise_signal(signal.SIGHUP)
            stop_if_asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_threads_have_no_handlers() -> None:
    """The work goes on there as without."""
    ended: list[bool] = []

    def work() -> None:
        with signals.postponed() as stop_if_asked:
            stop_if_asked()
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [True]
