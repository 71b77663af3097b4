"""What the code under check may do to its process, and what is said and signalled all the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import checks
from backprop.system import exit_codes
from backprop.system.terminal import CommandError
from checks.cli import supervision

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no child process here")

HEAD = """
import atexit, ctypes, os, signal, sys, time
import numpy as np
params = np.ones(3)
def doing(what):
    def cost(x):
        what()
        return (x**2).sum()
    return cost, (lambda x: 2 * x), params
def late():
    atexit.register(os._exit, 0)
    return (lambda x: (x**2).sum()), (lambda x: 3 * x), params
def devnull():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
def nobody():
    sys.stdout = open(os.devnull, "w")
def closing():
    try:
        os.close(1)
    except OSError:
        pass
def waiting():
    print("begun", flush=True)
    time.sleep(60)
"""

SILENCING = (
    "devnull()",
    "nobody()",
    "closing()",
    "sys.stdout.close()",
    "setattr(sys, 'stdout', None)",
)


def command(folder: Path, what: str, *options: str) -> list[str]:
    """The command line for a cost that does something to its process."""
    (folder / "own.py").write_text(f"{HEAD}\nsubject = {what}\n")
    return [sys.executable, "-m", "checks", "own.py", *options]


def environment() -> dict[str, str]:
    """The environment, where this project's own copy is found."""
    return {**os.environ, "PYTHONPATH": str(Path(checks.__file__).parents[1])}


def run(folder: Path, what: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A run in that folder."""
    return subprocess.run(
        command(folder, what, *options),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("does", "how"),
    [
        ("os._exit(0)", "exit code 0"),
        ("os._exit(1)", "exit code 1"),
        ("os.execv('/bin/sh', ['sh', '-c', 'exit 0'])", "exit code 0"),
        ("ctypes.CDLL(None).exit(0)", "exit code 0"),
        ("os.abort()", "signal SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
    ],
)
def test_code_that_ends_the_process_is_no_pass(tmp_path: Path, does: str, how: str) -> None:
    """In whatever way, and in the JSON as well; nor is it a fail."""
    ran = run(tmp_path, f"doing(lambda: {does})", "--json", "r.json")
    assert ran.returncode == 4
    said = " ".join(ran.stderr.split())
    assert f"the code under check ended the process, with {how}, before the verdict" in said
    assert "Traceback" not in said
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["verdict"], found["end"], found["exit_code"]) == (None, "code raised", 4)


def test_code_that_runs_at_the_end_changes_no_exit_code(tmp_path: Path) -> None:
    """A wrong gradient is told, and ends with 1, whatever `atexit` is asked for."""
    ran = run(tmp_path, "late")
    assert ran.returncode == 1
    assert "worst offenders" in ran.stdout


@pytest.mark.parametrize("does", SILENCING)
def test_code_that_silences_the_process_does_not_silence_the_verdict(
    tmp_path: Path, does: str
) -> None:
    """A pass is printed, and only then signalled."""
    ran = run(tmp_path, f"doing(lambda: {does})")
    assert "pass: 3 of 3 parameters checked" in ran.stdout
    assert (ran.returncode, ran.stderr) == (0, "")


def test_results_are_written_where_they_were_to_go(tmp_path: Path) -> None:
    """Though the code under check has gone elsewhere."""
    (tmp_path / "elsewhere").mkdir()
    goes = f"os.chdir({str(tmp_path / 'elsewhere')!r})"
    ran = run(tmp_path, f"doing(lambda: {goes})", "--json", "r.json")
    assert ran.returncode == 0
    assert json.loads((tmp_path / "r.json").read_text())["verdict"] == "pass"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGKILL", -9)]
)
def test_signals_reach_the_code_under_check(tmp_path: Path, name: str, code: int) -> None:
    """And nothing of it stays, not even where the parent is killed."""
    process = subprocess.Popen(
        command(tmp_path, "doing(waiting)"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        began = time.monotonic()
        process.send_signal(getattr(signal, name))
        _, stderr = process.communicate(timeout=30)  # until nobody has the pipes any more
    finally:
        process.kill()
    assert process.returncode == code
    assert "Traceback" not in stderr
    assert time.monotonic() - began < 30


def test_a_killed_child_is_the_machines() -> None:
    """As the kernel does where memory runs out."""
    with pytest.raises(CommandError) as caught:
        supervision._end(-signal.SIGKILL, None)
    assert caught.value.end is exit_codes.MACHINE


@pytest.mark.parametrize(
    ("status", "said", "code"), [(0, 0, 0), (3, 0, 3), (0, 1, 1), (120, 0, 120)]
)
def test_zero_is_said_twice_or_not_at_all(status: int, said: int, code: int) -> None:
    """By the child, and by how its process ended."""
    with pytest.raises(click.exceptions.Exit) as caught:
        supervision._end(status, said)
    assert caught.value.exit_code == code
