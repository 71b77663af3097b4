from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import checks
from checks.cli.gradcheck import command
from checks.cli.searching import POINTS
from checks.cli.target_loading import BUILDERS_ASK
from checks.network.faults.catalogue import FAULTS, plant
from checks.searching import points
from checks.searching.makers import ARGUMENTS, DRAW

MAKERS = """
import numpy as np


def square(shape, batch_size, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(batch_size, shape[0])), rng.normal(size=(batch_size, shape[-1]))

    def cost(W):
        return ((x @ W - y) ** 2).sum() / 2

    def gradients(W):
        dW = x.T @ (x @ W - y)
        return dW.T if shape[0] == shape[-1] else dW

    return cost, gradients, rng.normal(size=(shape[0], shape[-1]))


def make(shape, seed):
    return (lambda x: (x**2).sum(), lambda x: 2 * x, np.ones(shape))


def drawing(draw):
    from hypothesis import strategies as st

    n, name = draw(st.integers(1, 9)), draw(st.sampled_from(["right", "wrong"]))
    factor = 3 if name == "wrong" and n > 3 else 2
    return (lambda x: (x**2).sum(), lambda x: factor * x, np.arange(1.0, n + 1))


def dull(shape):
    return (lambda x: 0 * x.sum() + 1, np.zeros_like, np.ones(2))


def raising(shape, seed):
    raise KeyError("nothing of the kind")


def misnamed(size, seed):
    return None


def endless(shape, seed):
    import os, signal
    if len(shape) > 2:
        os.kill(os.getpid(), signal.SIGINT)
    return make(shape, seed)


one = make((2,), 0)
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of makers, and a cache of its own."""
    monkeypatch.setenv("GEARTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "makers.py"
    path.write_text(MAKERS, encoding="utf-8")
    return path


def run(words: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(command, shlex.split(words), prog_name="gradcheck")


def repeated(result: Result) -> str:
    """The words after `gradcheck` in the line that repeats it."""
    (line,) = [x for x in result.stdout.splitlines() if x.startswith("repeat with: gradcheck ")]
    return line.removeprefix("repeat with: gradcheck ")


def test_a_search_prints_the_smallest_and_how_to_repeat_it(file: Path) -> None:
    """And the line that repeats it does, in a process of its own."""
    result = run(f"{file}:square --search")
    assert result.exit_code == 1
    assert result.stdout.startswith("fail: the gradient is wrong for shape 2-2, batch size 1,")
    assert "It looks like: the gradient is transposed in params" in result.stdout
    words = repeated(result)
    assert words == f"{file}:square --shape 2-2 --batch-size 1 --point rounded --seed 0"
    done = subprocess.run(
        [sys.executable, "-m", "checks", *shlex.split(words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert done.returncode == 1
    (verdict,) = [x for x in result.stdout.splitlines() if "parameters checked" in x]
    assert verdict in done.stdout.splitlines()


def test_the_second_search_begins_with_the_failure(file: Path) -> None:
    """Whatever the seed; another seed alone would begin elsewhere."""
    assert "example 1 was" not in run(f"{file}:square --search --seed 5").stdout
    assert "example 1 was the first wrong one" in run(f"{file}:square --search --seed 7").stdout


def test_a_maker_that_draws_is_repeated_by_what_it_drew(file: Path) -> None:
    """Values as Python writes them."""
    result = run(f"{file}:drawing --search")
    words = shlex.split(repeated(result))
    assert words[:3] == [f"{file}:drawing", "--drawn", "4, 'wrong'"]
    again = run(repeated(result))
    assert again.exit_code == 1
    assert "off by a constant factor" in again.stdout


def test_nothing_found_exits_0(file: Path) -> None:
    """The name `make` need not be given."""
    result = run(f"{file} --search --examples 20")
    assert result.exit_code == 0
    assert result.stdout.startswith("pass: no wrong gradient found in")


def test_nothing_decided_exits_3(file: Path) -> None:
    """With a reason."""
    result = run(f"{file}:dull --search --examples 10")
    assert result.exit_code == 3
    assert result.stdout.startswith("undecided: none of")


def test_what_make_raises_exits_4_and_says_for_what(file: Path) -> None:
    """Whose error it was, where, and for which example."""
    result = run(f"{file}:raising --search")
    assert result.exit_code == 4
    text = " ".join(result.stderr.split())
    assert "raised KeyError: 'nothing of the kind'" in text
    assert "(raised for shape 1-1, seed 0)" in text


def test_an_interrupt_before_anything_is_found_exits_130(file: Path) -> None:
    """In a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "checks", f"{file}:endless", "--search"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.strip() == "interrupted after 1 examples, none of them wrong"


@pytest.mark.parametrize("code", ["sum-for-mean", "relu-at-least"])
def test_a_fault_of_our_network_is_found_and_repeated(file: Path, code: str) -> None:
    """Planted in the running code; without it the same line finds nothing wrong."""
    assert file.exists()
    (fault,) = [fault for fault in FAULTS if fault.code == code]
    with plant(fault):
        result = run("--search --examples 200")
        assert result.exit_code == 1, result.output
        words = repeated(result)
        assert run(words).exit_code == 1
    assert run(words).exit_code in (0, 3)


def test_what_is_given_is_held(file: Path) -> None:
    """Of a network: shape, activation, cost, dtype."""
    result = run(
        f"4 3 2 --search --examples 12 --activation tanh --cost quadratic --dtype float32"
        f" --point small --batch-size 3 --json {file.parent / 'found.json'}"
    )
    assert result.exit_code == 0
    fields = json.loads((file.parent / "found.json").read_text(encoding="utf-8"))
    assert fields["looked_over"] == {
        "layers": "2",
        "widths": "2 to 4",
        "batch sizes": "3",
        "dtypes": "float32",
        "activation": "tanh",
        "cost": "quadratic",
        "points": "small",
    }


def test_quietly_there_is_one_line(file: Path) -> None:
    """The verdict."""
    result = run(f"{file}:square --search --quiet")
    assert result.stdout == (
        "fail: the gradient is wrong for shape 2-2, batch size 1, point rounded, seed 0\n"
    )


def test_one_problem_of_a_maker_can_be_checked(file: Path) -> None:
    """Of a shape and a seed; a right one passes."""
    assert run(f"{file}:square --shape 3-2 --seed 4").exit_code == 0
    assert run(f"{file}:square --shape 3-3 --seed 4").exit_code == 1
    assert run(f"{file}:make --shape 5").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("{0}:square", "expected --search, or --shape for one of its problems, got neither"),
        ("{0}:drawing", "expected --search, or --drawn for one of its problems, got neither"),
        ("{0}:drawing --shape 2-2", "expected --search, or --drawn"),
        ("{0}:drawing --drawn 3", "drawn: expected as many values as make draws, got 1"),
        ("{0}:drawing --drawn x", "drawn: expected numbers, strings, lists and tuples"),
        ("{0}:square --shape 2-x", "expected whole numbers"),
        ("{0}:square --shape 2-2 --drawn 3", "--drawn: expected none"),
        ("{0}:one --point small", "got --point small; leave them out"),
        ("{0}:make --search --batch-size 3", "batch_size: expected none"),
        ("{0}:misnamed --search", "got one that asks for size: rename"),
        ("{0}:one --search", "expected a function make(shape, seed)"),
        ("{0}:square --search --activation relu", "got --activation; leave it out"),
        ("{0}:square {0}:make --search", "FILE:make: expected one file"),
        ("{0}:square --search --drawn 3", "--search: expected no --drawn beside it"),
        ("{0}:nothing --search", "expected something called 'nothing'"),
        ("{0}:sqaure --search", "did you mean 'square'?"),
        ("{0}:mak --search", "did you mean 'make'?"),
        ("--search --shape 3-2", "write gradcheck 3-2 --search"),
        ("--search --jobs 2", "--search: expected no --jobs beside it"),
        ("--search --activation rleu", "did you mean 'relu'?"),
        ("--search --activation relu,softmax --cost quadratic", "softmax couples the units"),
        ("3 2 --search --activation tanh,relu", "one for each of 1 layers"),
        ("--search --examples 0", "0 is not in the range"),
        ("--search --seconds 0", "0.0 is not in the range"),
        ("3 2 --examples 5", "--examples: expected --search beside it"),
        ("3 2 --shape 3-2", "--shape: expected a file with a make beside it, got a shape"),
    ],
)
def test_a_wrong_use_exits_2_and_says_what_was_expected(
    file: Path, words: str, message: str
) -> None:
    """On standard error, with nothing on standard output."""
    result = run(words.format(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())


def test_a_file_says_what_in_it_can_be_searched(file: Path) -> None:
    """Beside what can be checked."""
    result = run(str(file))
    assert result.exit_code == 2
    assert "and searched, with --search: square, make, drawing, dull, raising, endless" in " ".join(
        result.stderr.split()
    )


def test_what_a_builder_asks_for_is_what_makers_are_given() -> None:
    """The names stand in two places, of which one is not loaded for nothing."""
    assert {*ARGUMENTS, DRAW} == BUILDERS_ASK


def test_the_points_of_the_command_are_those_of_the_library() -> None:
    """Which is not loaded for them."""
    assert tuple(points.POINTS) == POINTS


def test_an_interrupt_while_shrinking_leaves_what_was_found(file: Path) -> None:
    """With the code of a failure, for it is one."""
    text = MAKERS.replace(
        "    rng = np.random.default_rng(seed)\n    x, y",
        "    calls.append(1)\n    if len(calls) == 40:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    rng = np.random.default_rng(seed)\n    x, y",
    )
    file.write_text(f"import os, signal\ncalls = []\n{text}", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "checks", f"{file}:square", "--search"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert done.returncode == 1, done.stderr
    assert "interrupted before it was through: there may be a smaller one" in " ".join(
        done.stdout.split()
    )
    assert "repeat with: gradcheck" in done.stdout


def test_progress_is_shown_at_a_terminal(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And taken away at the end."""
    from checks.searching import progress
    from checks.searching.search import search
    from tests.checks.searching import makers

    monkeypatch.setattr(progress, "PATIENCE", 0)
    monkeypatch.setattr(progress, "PAUSE", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    search(makers.square, examples=100, progress=True)
    shown = capsys.readouterr().err
    assert "searching: 1 examples, 0 s, nothing wrong so far" in shown
    assert "wrong for shape 2-2, batch size 1" in shown
    assert shown.endswith("\r")
