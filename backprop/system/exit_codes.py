"""Exit codes: how a run of either command can end, and whose error it was that ended it.

`pass`, `fail` and `undecided` are verdicts. Every other end is none: nothing was judged, and it
says whose error it was. `of` finds that out from where an error was raised:

- by the machine: no memory, a full disk, a worker lost;
- by the code under check: a cost, a gradient, a file that was named, a network's own passes;
- by geartrain itself: whatever is left.
"""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import dataclass
from functools import cache
from types import FrameType


@dataclass(frozen=True, kw_only=True)
class End:
    """One kind of end."""

    name: str
    code: int
    says: str


PASS = End(name="pass", code=0, says="everything asked for was done, and proved")
FAIL = End(name="fail", code=1, says="a gradient is wrong, or training failed")
USAGE = End(name="usage", code=2, says="words, options, data or files are not as expected")
UNDECIDED = End(
    name="undecided", code=3, says="nothing is proved wrong, and not enough is proved right"
)
CODE_RAISED = End(
    name="code raised", code=4, says="the code under check raised an error; nothing was judged"
)
MACHINE = End(
    name="machine", code=5, says="no memory, a full disk, a lost worker; nothing was judged"
)
FAULT = End(name="fault", code=6, says="a fault of geartrain itself; nothing was judged")
INTERRUPTED = End(name="interrupted", code=130, says="Ctrl-C; 128 and SIGINT, as shells have it")
TERMINATED = End(
    name="terminated", code=143, says="asked to end, by SIGTERM: 128 and its number, likewise"
)
HUNG_UP = End(name="hung up", code=129, says="the terminal was closed: 128 and SIGHUP, likewise")
READER_GONE = End(
    name="reader gone", code=141, says="nobody reads what is printed; 128 and SIGPIPE, likewise"
)

# Errors of the system that say: there is no such thing there. They belong to whoever named it.
NAMED_WRONGLY = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)

# Error numbers by which the machine refuses whatever was named; the others speak of a name.
REFUSALS = frozenset(
    getattr(errno, name)
    for name in (
        "ENOSPC", "EDQUOT", "EIO", "EFBIG", "ENOMEM", "EMFILE", "ENFILE", "EAGAIN", "ESTALE",
    )
    if hasattr(errno, name)
)  # fmt: skip

# The function of `checks` by which anyone's code is called, and the modules that are a network's
# code: where a student may have put a hand, and where their own activations are called.
# An argument that is refused there was given by someone else.
CALLS = "call_user_function"
REFUSES, REFUSAL = frozenset({"backprop.arguments", "backprop.validation"}), "require_network"
NETWORK = frozenset(
    f"backprop.{name}"
    for name in (
        *("activations", "costs", "network", "passes"),
        *("training.fast_loop", "training.minibatches", "training.recorder"),
    )
)


def of(error: BaseException) -> End:
    """Which end an error is that nobody has foreseen.

    Examples
    --------
    >>> of(MemoryError("Unable to allocate 71.1 PiB")).name
    'machine'
    >>> of(KeyError("a slip in geartrain's own code")).name
    'fault'
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if is_machines(error):
        return MACHINE
    if is_theirs(error):
        return CODE_RAISED
    # A package that geartrain needs does not load: nobody's code is wrong, the installation is.
    return MACHINE if isinstance(error, ImportError) else FAULT


def is_machines(error: BaseException) -> bool:
    """Whether an error is the machine's, wherever it was raised."""
    from concurrent.futures import BrokenExecutor

    if isinstance(error, NAMED_WRONGLY):
        return not is_theirs(error)
    return isinstance(error, MemoryError | OSError | BrokenExecutor)


def is_refusal(error: OSError) -> bool:
    """Whether the system cannot write any file now, as on a full disk, whatever its name."""
    return error.errno in REFUSALS


def is_theirs(error: BaseException) -> bool:
    """Whether an error came from the code under check."""
    return bool(_theirs(error))


def sentence(error: BaseException) -> str:
    """What is said of an error that ends a run: whose it was, what it is, and what to do."""
    end = of(error)
    if end is CODE_RAISED:
        return (
            f"{who(error)} raised {described(error)}; nothing was judged: call the code under"
            " check by hand, at these parameters"
        )
    if isinstance(error, MemoryError):
        return (
            "expected a network and data that fit into memory, got:"
            f" {str(error) or type(error).__name__}; nothing was judged: take smaller ones"
        )
    if isinstance(error, ImportError) and end is MACHINE:
        return f"expected the packages that geartrain needs, got {error}; install it again"
    if end is MACHINE:
        return (
            f"expected a machine that goes along, got {_last_line(error)}; nothing was judged: see"
            " to that, and run again"
        )
    return (
        f"{described(error)}; nothing was judged: this is a fault of geartrain itself and of nobody"
        " else's code, please report it, with the lines above"
    )


def who(error: BaseException) -> str:
    """Whose error it was, as the subject of a sentence: `the cost`, `the gradient`."""
    for frame, _ in _theirs(error):
        if frame.f_code.co_name == CALLS:
            return str(frame.f_locals.get("what", "the code under check"))
    return "the network's code" if is_theirs(error) else "the code under check"


def described(error: BaseException) -> str:
    """The last line of an error's traceback, and the place that it came from.

    Of the code under check that is someone's own source, not the library it has called.
    """
    last = _last_line(error)
    if isinstance(error, SyntaxError):
        return f"{last} ({error.filename}, line {error.lineno})"
    theirs = _theirs(error)
    own = [(frame, line) for frame, line in theirs if _is_own(frame)]
    for frame, line in reversed(own or theirs or list(traceback.walk_tb(error.__traceback__))):
        if frame.f_code.co_name != CALLS:
            return f"{last} ({frame.f_code.co_filename}, line {line})"
    return last


def _theirs(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames of the code under check that an error came through, outermost first, if any.

    They begin at the call that hands over to it, if that leads out of `checks`; or at a network's
    code, if `checks` is not called again after it.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    inside = [_module(frame).startswith("checks.") for frame, _ in frames]
    for k, (frame, _) in enumerate(frames):
        if inside[k] and frame.f_code.co_name == CALLS and not any(inside[k + 1 : k + 2]):
            return frames[k:]
    last = frames[-1][0] if frames else None
    if last and (_module(last) in REFUSES or last.f_code.co_name == REFUSAL):
        return []
    after = len(frames) - inside[::-1].index(True) if any(inside) else 0
    for k in range(after, len(frames)):
        if _module(frames[k][0]) in NETWORK:
            return frames[k:]
    return []


def _is_own(frame: FrameType) -> bool:
    """Whether a frame is of someone's own code: neither a library's nor the checker's."""
    library = frame.f_code.co_filename.startswith(_libraries())
    return not library and not _module(frame).startswith("checks.")


def _last_line(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


@cache
def _libraries() -> tuple[str, ...]:
    """Where Python and what was installed lie."""
    import sysconfig

    found = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return ("<frozen ", *(path + os.sep for path in found if path))


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
