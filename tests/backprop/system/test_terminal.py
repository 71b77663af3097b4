import io
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import backprop
from backprop.system import folding, terminal

PROGRAMS = ["backprop", "checks"]
full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")


def process(
    module: str, words: Sequence[str], stdout: Any, **environment: object
) -> subprocess.Popen[str]:
    """A command of this project's own copy, as a process, buffered as it is by default."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    found = {"PYTHONPATH": str(Path(backprop.__file__).parents[1]), "COLUMNS": "80"}
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        env={**own, **found, **{name: str(value) for name, value in environment.items()}},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="latin-1",
    )


# --- what cannot be printed -------------------------------------------------------------------


@full_disk
@pytest.mark.parametrize(
    ("module", "words"),
    [
        *((module, [flag]) for module in PROGRAMS for flag in ("--help", "--version")),
        ("backprop", ["train", "--help"]),
        ("backprop", ["train", "--dataset", "digits", "--epochs", "1"]),
        ("backprop", ["train", "--dataset", "digits", "--epochs", "1", "--json", "-", "-q"]),
        ("backprop", ["explain"]),
        ("checks", ["3", "2"]),
        ("checks", ["3", "2", "--json", "-"]),
        ("checks", ["3", "2", "--quiet"]),
        ("checks", ["3", "2", "--method", "taylor"]),
    ],
)
def test_a_full_disk_is_one_line_and_5(module: str, words: list[str], tmp_path: Path) -> None:
    """No traceback, and no second complaint when Python ends."""
    with Path("/dev/full").open("w") as full:
        done = process(module, words, full, GEARTRAIN_CACHE=tmp_path)
        said = done.communicate()[1]
    assert done.returncode == 5
    assert said == (
        "Error: standard output: expected to write to it, got: No space left on device\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="pipes close in another way there")
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("checks", ["3", "2"]),
        ("checks", ["--help"]),
        ("backprop", ["explain"]),
        ("backprop", ["train", "--dataset", "digits", "--epochs", "1"]),
    ],
)
def test_a_reader_that_has_gone_is_no_failure(
    module: str, words: list[str], tmp_path: Path
) -> None:
    """141 in silence, as shells have it for a program that SIGPIPE has ended."""
    reading, writing = os.pipe()
    os.close(reading)
    done = process(module, words, writing, GEARTRAIN_CACHE=tmp_path)
    os.close(writing)
    assert (done.communicate()[1], done.returncode) == ("", 141)


@full_disk
def test_what_cannot_be_said_leaves_the_code() -> None:
    """A full disk for standard error: nothing more can be done than to exit with 2."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "checks", "zebra"],
            env={**os.environ, "PYTHONPATH": str(Path(backprop.__file__).parents[1])},
            stderr=full,
            check=False,
        )
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("module", "words", "letters"),
    [
        ("backprop", ["explain", "784-40-10"], ", ? 780 more]"),
        ("backprop", ["train", "--help"], "NAME[,NAME?]"),
        ("checks", ["3×2"], "pass: 8 of 8"),
        ("checks", ["3†two"], "'3?two'"),
    ],
)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_a_terminal_lacks_become_question_marks(
    module: str, words: list[str], letters: str, encoding: str
) -> None:
    """Rather than a traceback in place of all that it could have shown."""
    done = process(module, words, subprocess.PIPE, PYTHONIOENCODING=encoding)
    out, err = done.communicate()
    assert done.returncode == (2 if "two" in words[0] else 0)
    assert "Traceback" not in err
    assert letters in (out + err).replace("\\u2020", "?")  # the standard error's own way


@pytest.mark.parametrize("words", [["explain", "784-40-10"], ["train", "--help"]])
def test_the_locale_c_lacks_letters_too(words: list[str]) -> None:
    """There a stream has another way with what it cannot encode, which knows bytes alone."""
    done = process(
        "backprop", words, subprocess.PIPE, LC_ALL="C", PYTHONUTF8=0, PYTHONIOENCODING=""
    )
    out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    assert "? 780 more]" in out or "NAME[,NAME?]" in out


# --- what is folded ---------------------------------------------------------------------------


def test_long_lines_are_folded_but_tables_and_commands_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is to be copied stays in one piece."""
    monkeypatch.setenv("COLUMNS", "40")
    row = "W1  " * 20
    folded = folding.fitted(f"  {'word ' * 20}\n{row}\nrepeat with: {'gradcheck ' * 10}")
    *text, table, repeat = folded.splitlines()
    assert max(map(len, text)) <= 40
    assert text[1].startswith("      word")
    assert table == row
    assert repeat.count("gradcheck") == 10


def test_paths_and_options_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long they are, at a hyphen least of all."""
    monkeypatch.setenv("COLUMNS", "40")
    path = f"/srv/{'very-long-' * 5}name"
    folded = folding.fitted(f"Error: --data-dir: expected a folder, got {path}; name another")
    assert f"    {path};" in folded.splitlines()
    assert folded.startswith("Error: --data-dir: expected a folder,")


@pytest.fixture
def run() -> CliRunner:
    """Runs commands in this process."""
    return CliRunner(env={"COLUMNS": "60"})


@click.command(cls=terminal.Command)
@click.option("--fail", default="")
def command(fail: str) -> None:
    """Fail in one of several ways."""
    if fail == "usage":
        raise click.UsageError("word " * 40)
    if fail == "late":
        raise terminal.CommandError("word " * 40)
    if fail == "interrupt":
        raise KeyboardInterrupt("in the " + "middle " * 3)
    if fail == "memory":
        raise MemoryError("Unable to allocate 71.1 PiB")
    if fail == "bug":
        raise LookupError("a bug")
    if fail == "pipe":
        raise BrokenPipeError(32, "Broken pipe")
    if fail == "end":
        raise EOFError("another bug")
    with terminal.writing("--save", "my file"):
        raise PermissionError(13, "Permission denied", ".draft.0123")


@pytest.mark.parametrize(("fail", "usage"), [("usage", True), ("late", False)])
def test_errors_are_folded(run: CliRunner, fail: str, *, usage: bool) -> None:
    """With the usage line where it helps, and within the terminal's width."""
    result = run.invoke(command, ["--fail", fail])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: " if usage else "Error: word word")
    assert result.stderr.count("word") == 40
    assert max(map(len, result.stderr.splitlines())) <= 60


def test_a_file_that_cannot_be_written_is_named_as_it_was_given(run: CliRunner) -> None:
    """Option, path, what was expected, what came and what to do; no draft."""
    result = run.invoke(command, [])
    assert result.exit_code == 2
    assert " ".join(result.stderr.split()) == (
        "Error: --save: expected a file that can be written, got 'my file':"
        " Permission denied; name another file"
    )


@pytest.mark.parametrize(
    ("fail", "code", "said"),
    [
        ("interrupt", 130, "\nin the middle middle middle \n"),
        (
            "memory",
            5,
            (
                "Error: expected a network and data that fit into memory,\n"
                "    got: Unable to allocate 71.1 PiB; nothing was judged:\n"
                "    take smaller ones\n"
            ),
        ),
    ],
)
def test_interrupts_and_want_of_memory_are_foreseen(
    run: CliRunner, fail: str, code: int, said: str
) -> None:
    """Neither is a traceback, and neither is 1."""
    result = run.invoke(command, ["--fail", fail])
    assert (result.exit_code, result.stderr) == (code, said)


def test_one_more_interrupt_finds_nothing_to_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a process's command has ended, it ends the process; other callers keep theirs."""
    kept = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["command", "--help"])
    try:
        for args, handler in ((["--help"], kept), (None, signal.SIG_DFL)):
            with pytest.raises(SystemExit):
                command.main(args)
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, kept)


TIDYING = """
import signal, sys, time
import click
from backprop.system import terminal

class Tidied:
    def __del__(self):
        signal.raise_signal(signal.SIGINT) if sys.argv[1:] else 1 / 0

@click.command(cls=terminal.Command)
@click.argument("words", nargs=-1)
def command(words):
    Tidied()
    for _ in range(1000 if words else 0):
        time.sleep(0.02)

command()
"""


def test_an_interrupt_that_python_drops_is_raised_again() -> None:
    """It drops what is raised while an object is tidied up; other exceptions it goes on to show."""
    run = [sys.executable, "-c", TIDYING]
    dropped = subprocess.run([*run, "on"], capture_output=True, text=True, timeout=15, check=False)
    assert (dropped.returncode, dropped.stderr) == (130, "\ninterrupted\n")
    other = subprocess.run(run, capture_output=True, text=True, timeout=15, check=False)
    assert other.returncode == 0
    assert "Exception ignored in" in other.stderr
    assert "ZeroDivisionError" in other.stderr


@pytest.mark.parametrize(
    ("fail", "named"), [("bug", "LookupError: a bug"), ("end", "EOFError: another bug")]
)
def test_a_bug_is_not_hidden(run: CliRunner, fail: str, named: str) -> None:
    """With its traceback, what to do, and a code of its own: Python would exit with 1."""
    result = run.invoke(command, ["--fail", fail])
    said = result.stderr.strip()
    assert (result.exit_code, result.stdout) == (6, "")
    assert said.startswith("Traceback (most recent call last):")
    assert f"\n{named}\n" in said
    assert "please report it, with the lines above" in " ".join(said.split())


def test_a_pipe_that_breaks_elsewhere_is_the_machines(run: CliRunner) -> None:
    """click would exit with 1, and in silence."""
    result = run.invoke(command, ["--fail", "pipe"])
    assert result.exit_code == 5
    assert "BrokenPipeError: [Errno 32] Broken pipe" in " ".join(result.stderr.split())


def test_a_choice_of_errors_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the user has said what is to become of letters that the terminal lacks."""
    stream = io.TextIOWrapper(io.BytesIO(), "latin-1", errors="xmlcharrefreplace")
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert stream.errors == "xmlcharrefreplace"
