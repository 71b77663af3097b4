"""What the faults share: rows of a table, damaged bytes, and commands in a child process."""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

for _library in ("OPENBLAS", "MKL", "OMP"):  # before NumPy: children are forked, without threads
    os.environ[f"{_library}_NUM_THREADS"] = "1"

# What became of a fault, one after the other: None, or what was lost.
Found = Iterator[str | None]
Inject = Callable[[int, random.Random], Found]

POOL = 400  # inputs that a fuzzer keeps because something new came of them
INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


@dataclass(kw_only=True)
class Row:
    """A kind of fault, how often it was injected, and what was lost."""

    fault: str
    injected: int = 0
    lost: list[str] = field(default_factory=list)
    seconds: float = 0.0


def inject(fault: str, function: Inject, count: int, seed: int) -> Row:
    """Inject a fault so many times."""
    row, began = Row(fault=fault), time.monotonic()
    for lost in function(count, random.Random(seed)):  # noqa: S311 no cryptography
        row.injected += 1
        if lost is not None:
            row.lost.append(lost)
    row.seconds = time.monotonic() - began
    return row


# --- bytes --------------------------------------------------------------------------------------


def flipped(data: bytes, bit: int) -> bytes:
    """The same with one bit flipped."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def mutated(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The same, damaged in one to four places."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(8):
            case 0 if changed:
                at = rng.randrange(len(changed))
                changed[at] ^= 1 << rng.randrange(8)
            case 1 if changed:
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            case 2:
                changed[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 3:
                del changed[at : at + rng.randrange(1, 17)]
            case 4:
                changed[at : at + 4] = rng.choice(INTERESTING).to_bytes(
                    4, rng.choice(("big", "little"))
                )
            case 5:
                changed[at:at] = changed[at : at + rng.randrange(1, 33)]
            case 6 if other:
                begin = rng.randrange(len(other))
                changed[at : at + 16] = other[begin : begin + rng.randrange(1, 17)]
            case _:
                del changed[at:]
    return bytes(changed)


def fuzz(
    seeds: list[bytes],
    read: Callable[[bytes], object],
    refusals: tuple[type[Exception], ...],
    count: int,
    rng: random.Random,
) -> Found:
    """Damage inputs, and have them read; what is raised must be one of the refusals.

    Guided by what comes of them: an input that is answered in a new way is damaged further.
    """
    pool, known = list(seeds), set[str]()
    for _ in range(count):
        data = mutated(rng.choice(pool), rng.choice(seeds), rng)
        lost = None
        try:
            answer = f"read {type(read(data)).__name__}"
        except refusals as error:
            answer = re.sub(r"\d+|0x\w+|'.*?'", "", str(error))[:80]
        except Exception as error:  # noqa: BLE001 that is what is looked for
            answer = repr(error)[:80]
            lost = f"{type(error).__name__}: {error} at {data[:200].hex()}"
        if answer not in known and len(pool) < POOL:
            known.add(answer)
            pool.append(data)
        yield lost


# --- commands -----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Ran:
    """A command's end."""

    code: int
    out: str
    err: str

    def ended(self, *codes: int) -> str | None:
        """None if it ended with one of the codes and without a traceback, else how it did."""
        if self.code in codes and "Traceback" not in self.err:
            return None
        return f"exit code {self.code} instead of {codes}: {self.err[-300:]}"


def begun(
    main: Callable[[], object], words: list[object], before: Callable[[], object] = int
) -> tuple[int, Path]:
    """A command that runs in a child of this process; its id and its folder."""
    folder = Path(tempfile.mkdtemp())
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child = os.fork()
    if child:
        return child, folder
    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY), number)
        sys.stdout, sys.stderr = (io.TextIOWrapper(io.FileIO(n, "w"), "utf-8") for n in (1, 2))
        sys.argv = ["command", *map(str, words)]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        before()
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def ended(child: int, folder: Path, patience: float = 120.0) -> Ran:
    """How such a command ended; one that does not is killed."""
    until = time.monotonic() + patience
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            until += patience
        time.sleep(0.002)
    said = [
        (folder / name).read_text(errors="replace") if (folder / name).exists() else ""
        for name in ("out", "err")
    ]
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return Ran(code=os.waitstatus_to_exitcode(status), out=said[0], err=said[1])


def run(main: Callable[[], object], *words: object, before: Callable[[], object] = int) -> Ran:
    """A command's end."""
    return ended(*begun(main, list(words), before))
