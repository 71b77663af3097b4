import os
import subprocess
import sys
from pathlib import Path

import pytest

import backprop
from backprop.system import exit_codes, startup

# Ctrl-C as soon as the module named by the first word is looked for; `--as-error` has the import
# turn it into another error, as modules do that are written in C.
INTERRUPTING = """
import os, signal, sys
from {package}.__main__ import main

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            sys.meta_path.remove(self)
            try:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(100):
                    pass
            except KeyboardInterrupt:
                raise ImportError(name) if as_error else KeyboardInterrupt
            print("not interrupted", file=sys.stderr)

wanted, as_error = sys.argv.pop(1), "--as-error" in sys.argv
if as_error:
    sys.argv.remove("--as-error")
sys.meta_path.insert(0, Interrupting())
main()
"""

BROKEN = """
import sys
from backprop.system import startup

class Breaking:
    def find_spec(self, name, path=None, target=None):
        if name == "checks.cli.gradcheck":
            raise ImportError("no click") if sys.argv[1] == "missing" else KeyError("a slip")

sys.meta_path.insert(0, Breaking())
startup.load("checks.cli.gradcheck")
"""


def process(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A process of this project's own copy."""
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, "PYTHONPATH": str(Path(backprop.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal to a process there")
@pytest.mark.parametrize(
    ("package", "module", "words"),
    [
        ("checks", "checks.cli.gradcheck", ["6", "5"]),
        ("checks", "click", ["--help"]),
        ("checks", "numpy", ["6", "5"]),
        ("checks", "numpy.linalg", ["6", "5"]),
        ("checks", "numpy.linalg", ["6", "5", "--as-error"]),
        ("checks", "checks.methods.dispatch", ["6", "5", "--as-error"]),
        ("backprop", "backprop.cli.train", ["--help"]),
        ("backprop", "numpy.random", ["explain", "--as-error"]),
    ],
)
def test_an_interrupt_while_something_is_loaded_is_one_line(
    package: str, module: str, words: list[str]
) -> None:
    """From the first import to the last, and 130; whatever the import makes of it."""
    done = process(INTERRUPTING.format(package=package), module, *words)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.split() == ["interrupted"]


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal to a process there")
def test_an_interrupt_that_is_ignored_stays_ignored() -> None:
    """As in what a shell runs in the background, or after nohup."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = process(code + INTERRUPTING.format(package="checks"), "numpy", "6", "5", "--quiet")
    assert (done.returncode, done.stderr) == (0, "not interrupted\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["missing"],
            exit_codes.MACHINE.code,
            "Error: expected the packages that geartrain needs, got",
        ),
        (["broken"], exit_codes.FAULT.code, "Traceback (most recent call last):"),
    ],
)
def test_a_command_that_does_not_load_does_not_end_with_1(
    words: list[str], code: int, said: str
) -> None:
    """Which would say that a gradient is wrong."""
    done = process(BROKEN, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(said)


def test_the_codes_are_those_of_the_ends() -> None:
    """They are written twice, for the ends take time to load."""
    codes = (startup.INTERRUPTED, startup.MACHINE, startup.FAULT)
    assert codes == (exit_codes.INTERRUPTED.code, exit_codes.MACHINE.code, exit_codes.FAULT.code)
