"""Training and checks that are killed, interrupted or ended from within, at any moment.

Training is gone on from until it is done, and then has to be what an undisturbed run is, to the
last bit, with no draft left. All runs but those that start Python anew are children of this
process, in which everything is loaded.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from shutil import rmtree
from typing import Any

from injected import Found, Inject, begun, ended, flipped, run

import backprop.__main__
import checks.cli.gradcheck
from backprop.system import atomic_files, exit_codes
from backprop.training.model_file import StorageError, load_model

WORK = Path(tempfile.mkdtemp())
EPOCHS = 15
TRAIN = ["train", "--dataset", "digits", "--epochs", EPOCHS, "--quiet"]
LEFT = {"m", "m.checkpoint", "m.checkpoint.before"}
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


def train(save: Path, *more: object, before: Callable[[], object] = int) -> Any:
    """A run of training to its end."""
    return run(backprop.__main__.main, *TRAIN, "--save", save, *more, before=before)


@cache
def undisturbed() -> tuple[bytes, float]:
    """The model of a run that nothing happens to, and how long that takes."""
    os.environ["GEARTRAIN_CACHE"] = str(WORK / "cache")
    (WORK / "whole").mkdir()
    train(WORK / "whole" / "first")  # which earns the certificate
    began = time.monotonic()
    ran = train(WORK / "whole" / "m")
    if ran.code:
        raise RuntimeError(f"an undisturbed run ended with {ran.code}: {ran.err}")
    return (WORK / "whole" / "m").read_bytes(), time.monotonic() - began


class Course:
    """A training that is gone on from until it is done."""

    def __init__(self) -> None:
        self.model, self.takes = undisturbed()
        self.folder = Path(tempfile.mkdtemp(dir=WORK))
        self.save = self.folder / "m"

    def broken(self) -> str | None:
        """What is wrong with what lies there, if anything: a checkpoint has to be whole."""
        for path in self.folder.glob("m*"):
            try:
                load_model(path)
            except StorageError as error:
                return str(error)
        return None

    def finished(self) -> str | None:
        """Go on to the end, and say what is lost."""
        ran = train(self.save, "--resume")
        left = {path.name for path in self.folder.iterdir()} - LEFT
        same = self.save.exists() and self.save.read_bytes() == self.model
        rmtree(self.folder)
        if ran.code or not same or left:
            return f"ended with {ran.code}, same: {same}, left: {left}, {ran.err[-300:]}"
        return None

    def disturbed(self, number: int, after: float) -> Any:
        """Go on, and have a signal come after some seconds."""
        words = [*TRAIN, "--save", self.save, "--resume"]
        child, folder = begun(backprop.__main__.main, words)
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(child, number)
        return ended(child, folder)


def kills(count: int, rng: random.Random) -> Found:
    """SIGKILL at random moments, several to a course."""
    done = 0
    while done < count:
        course, several = Course(), min(count - done, rng.randrange(2, 8))
        for _ in range(several):
            course.disturbed(signal.SIGKILL, rng.uniform(0, course.takes))
            yield course.broken()
        done += several
        if lost := course.finished():
            yield lost


def kills_in_writes(count: int, rng: random.Random) -> Found:
    """SIGKILL before or after any step of writing a file, or in the middle of its bytes."""
    killed = 0
    while killed < count:
        course = Course()
        step, middle = rng.randrange(2, 90), rng.random() < 1 / 3
        kill = partial(_kill_at, step, middle=middle)
        ran = train(course.save, before=kill)
        if ran.code == -signal.SIGKILL:  # else it was done before it came to that step
            killed += 1
            yield course.broken() or course.finished()


def _kill_at(step: int, *, middle: bool) -> None:
    """Have this process killed at a step of writing."""
    taken = 0

    def counted(function: Any) -> Any:
        def call(*given: Any, **more: Any) -> Any:
            nonlocal taken
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*given, **more)

        return call

    for holder, name in ((os, "fsync"), (Path, "replace"), (Path, "hardlink_to"), (Path, "unlink")):
        setattr(holder, name, counted(getattr(holder, name)))
    real = atomic_files.draft_of
    if middle:
        from contextlib import contextmanager

        @contextmanager
        def halved(path: Any) -> Any:
            with real(path) as (draft, file):
                write = counted(file.write)

                class Half:
                    def write(self, data: bytes) -> int:
                        file.write(data[: len(data) // 2])
                        file.flush()
                        return int(write(data[len(data) // 2 :]))

                    def __getattr__(self, attribute: str) -> Any:
                        return getattr(file, attribute)

                yield draft, Half()

        atomic_files.draft_of = halved  # type: ignore[assignment]


def asked_to_stop(count: int, rng: random.Random) -> Found:
    """SIGINT, SIGTERM and SIGHUP at random moments of training."""
    for number in range(count):
        name = sorted(CODES)[number % 3]
        course = Course()
        code = getattr(signal, name)
        ran = course.disturbed(code, rng.uniform(0, course.takes))
        # Before training begins there is nothing to keep: then the signal does what it does.
        lost = ran.ended(0, CODES[name], -code)
        yield lost or course.broken() or course.finished()


def asked_twice(count: int, rng: random.Random) -> Found:
    """Two signals, one right after the other: the second ends at once."""
    for _ in range(count):
        course = Course()
        words = [*TRAIN[:4], 10**6, "--quiet", "--save", course.save]
        child, folder = begun(backprop.__main__.main, words)
        while not (course.folder / "m.checkpoint").exists():
            time.sleep(0.01)
        for _ in range(2):
            os.kill(child, signal.SIGINT)
            time.sleep(rng.uniform(0, 0.01))
        lost = ended(child, folder, 20.0).ended(130)
        yield lost or course.broken()
        rmtree(course.folder)


def damaged_checkpoints(count: int, rng: random.Random) -> Found:
    """The last checkpoint damaged or gone: the one before it is gone on from."""
    undisturbed()
    for _ in range(count):
        course = Course()
        course.disturbed(signal.SIGINT, course.takes * 0.8)
        path = course.folder / "m.checkpoint"
        data = path.read_bytes()
        end, bit = rng.randrange(len(data)), rng.randrange(8 * len(data))
        path.write_bytes(data[:end] if rng.random() < 1 / 2 else flipped(data, bit))
        yield course.finished()


# --- from the first moment ------------------------------------------------------------------------


def early_signals(count: int, rng: random.Random) -> Found:
    """Ctrl-C in the first half second of a command.

    Until Python has found the command, it is Python's own to tell of one.
    """
    own = WORK / "own.py"
    own.write_text(
        "import numpy as np\nsubject = (lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(3))\n"
    )
    commands = (
        ["checks", "3", "2"],
        ["checks", str(own)],
        ["backprop", "train", "--dataset", "digits", "--epochs", "9", "--quiet"],
        ["backprop", "--help"],
    )
    for number in range(count):
        words = commands[number % len(commands)]
        process = subprocess.Popen(  # noqa: S603 the project's own
            [sys.executable, "-m", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(rng.uniform(0, 0.5))
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=120)[1]
        # -2 is what the system does before Python has taken the signal in hand.
        fine = process.returncode in (0, 130, -signal.SIGINT) and "Traceback" not in said
        pythons = not re.search(r"(backprop|checks)/(?!__init__|__main__)\w+", said)
        yield None if fine or pythons else f"{words}: {process.returncode}, {said[-300:]}"


# --- code under check that ends or silences its process -------------------------------------------

ENDS = {
    "os._exit(0)": exit_codes.CODE_RAISED.code,
    "os._exit(1)": exit_codes.CODE_RAISED.code,
    "os.execv('/bin/true', ['true'])": exit_codes.CODE_RAISED.code,
    "ctypes.CDLL(None).exit(0)": exit_codes.CODE_RAISED.code,
    "os.abort()": exit_codes.CODE_RAISED.code,
    "sys.exit(0)": exit_codes.CODE_RAISED.code,
    "atexit.register(os._exit, 0)": exit_codes.FAIL.code,
    "sys.stdout.close()": exit_codes.FAIL.code,
    "os.dup2(os.open(os.devnull, 1), 1)": exit_codes.FAIL.code,
    "setattr(sys, 'stdout', None)": exit_codes.FAIL.code,
    "raising(MemoryError())": exit_codes.MACHINE.code,
    "raising(OSError(28, 'No space left on device'))": exit_codes.MACHINE.code,
    "raising(ConnectionResetError(104, 'Connection reset by peer'))": exit_codes.MACHINE.code,
    "raising(ImportError('torch'))": exit_codes.CODE_RAISED.code,
    "raising(RecursionError())": exit_codes.CODE_RAISED.code,
    "raising(KeyError('x'))": exit_codes.CODE_RAISED.code,
}


def ends(count: int, _: random.Random) -> Found:
    """Each of `ENDS` in the cost of a wrong gradient: never 0, and 1 only where it was judged."""
    own = WORK / "ends.py"
    own.write_text(
        "import atexit, ctypes, os, sys\nimport numpy as np\n"
        "def raising(error):\n    raise error\n"
        "def doing(what):\n    def cost(x):\n        eval(what)\n        return (x**2).sum()\n"
        "    return cost, lambda x: 3 * x, np.ones(3)\n"
        + "".join(f"e{i} = doing({what!r})\n" for i, what in enumerate(ENDS))
    )
    for number in range(count):
        at = number % len(ENDS)
        what, code = list(ENDS.items())[at]
        ran = run(checks.cli.gradcheck.main, f"{own}:e{at}")
        lost = ran.ended(code)
        yield lost and f"{what}: {lost}"


ROWS: dict[str, tuple[Inject, int]] = {
    "SIGKILL at a random moment of training": (kills, 100),
    "SIGKILL inside a write": (kills_in_writes, 30),
    "SIGINT, SIGTERM or SIGHUP at a random moment of training": (asked_to_stop, 60),
    "two signals, one after the other": (asked_twice, 10),
    "a damaged last checkpoint": (damaged_checkpoints, 10),
    "Ctrl-C in the first half second": (early_signals, 100),
    "code under check that ends or silences its process, or raises": (ends, 64),
}


def tidy() -> None:
    """Remove what was written."""
    rmtree(WORK)
