import subprocess
from pathlib import Path
from typing import Any

import pytest

from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from backprop.datasets import sources
from tests.backprop.cli.runs import DIGITS, bad, command, environment, good, run


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["train", "-h"], ["predict", "-h"]])
def test_help_is_there(arguments: list[str]) -> None:
    """Under both names."""
    assert "Usage:" in good(*arguments).stdout


def test_help_names_all_that_can_be_chosen() -> None:
    """Activations but softmax, which comes with its cost; costs, and the outputs they bring."""
    said = " ".join(good("train", "--help").stdout.split()).replace("- ", "-")
    assert ", ".join(name for name in ACTIVATIONS if name != "softmax") + ";" in said
    for name, cost in COSTS.items():
        assert (f"{name} (output {cost.output})" if cost.output else name) in said


def test_version() -> None:
    """One line."""
    assert good("--version").stdout.startswith("geartrain ")


def test_exit_codes_reach_the_shell(trained: Path) -> None:
    """`python -m backprop` works, and ends with the codes that are promised."""
    for arguments, code in (([trained], 0), (["/no/such"], 2)):
        done = subprocess.run(
            command("evaluate", *arguments),
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_a_bug_of_ones_own_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its traceback and a code of its own, for 1 says that a gradient is wrong."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise LookupError("a bug")

    monkeypatch.setattr(sources, "load", broken)
    result = run(*DIGITS)
    assert result.exit_code == 6
    assert result.stderr.startswith("Traceback ")
    assert "LookupError: a bug" in result.stderr
    assert "a fault of geartrain itself" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--epcohs", 3], "No such option"),
        (["train", "--epochs", 0], "'--epochs'"),
        (["train", "--epochs", "three"], "'--epochs'"),
        (["train", "--dataset", "digts"], "did you mean 'digits'?"),
        ([*DIGITS, "--activation", "sigmod"], "did you mean 'sigmoid'?"),
        ([*DIGITS, "--activation", "relu,relu,relu"], "one for each of 2 layers"),
        ([*DIGITS, "--cost", "quadratc"], "did you mean 'quadratic'?"),
        ([*DIGITS, "--dtype", "float16"], "dtype: expected float32 or float64, got float16"),
        ([*DIGITS, "--dtype", "flaot32"], "dtype: expected float32 or float64, got 'flaot32'"),
        ([*DIGITS, "--shape", "64"], "expected at least two layer widths"),
        ([*DIGITS, "--shape", "64-ten"], "such as 784 40 10, got 'ten' in '64-ten'"),
        ([*DIGITS, "--shape", "64-0-10"], "shape[1]: expected a whole number of 1 or more, got 0"),
        ([*DIGITS, "--shape", "784-40-10"], "expected images of 784 pixels"),
        ([*DIGITS, "--shape", "64-40-9"], "expected labels from 0 to 8"),
        ([*DIGITS, "--learning-rate", "nan"], "--learning-rate: expected a finite number above 0"),
        ([*DIGITS, "--learning-rate", "-1"], "--learning-rate: expected a finite number above 0"),
        ([*DIGITS, "--resume"], "--resume: expected --save M"),
        ([*DIGITS, "--save", "/no/such/m"], "--save: expected a file that can be written, got"),
        ([*DIGITS, "--json", "/no/such/m"], "--json: expected a file that can be written, got"),
        ([*DIGITS, "--save", ""], "--save: expected a file that can be written, got '': it names"),
        ([*DIGITS, "--json", ""], "--json: expected a file that can be written, got '': it names"),
        ([*DIGITS, "--save", "-"], "--save: expected a file, got '-'; a model is not written to"),
        ([*DIGITS, "--save", "new/"], "got 'new/': it names no file; name another file"),
        ([*DIGITS, "--save", "x", "--json", "x"], "--json: expected another file than --save"),
        (["train", "--data-dir", "/no/such"], "/no/such, which does not exist"),
        (["train", "--data-dir", "~nosuchuser/x"], "data_dir: expected a folder, got ~nosuch"),
        (["evaluate", "/no/such"], "/no/such: expected a model file, found: no such file"),
        (["predict", "/no/such", "x.png"], "/no/such: expected a model file"),
        (["explain", "/no/such"], "/no/such: expected a model file or a shape such as 2-2-1"),
        (["explain", "2-0"], "shape[1]: expected a whole number of 1 or more, got 0"),
        (["explain", "3--1"], "such as 784 40 10, got none on one side of a separator in '3--1'"),
    ],
)
def test_what_cannot_be_is_refused_with_2(arguments: list[Any], message: str) -> None:
    """Before any work, without a traceback, naming what was expected and what came."""
    assert message in bad(2, *arguments)


@pytest.mark.parametrize(
    "arguments", [[*DIGITS, "--shape", "64-99999999999-10"], ["explain", "99999999-99999999"]]
)
def test_want_of_memory_has_a_code_of_its_own(arguments: list[Any]) -> None:
    """Neither a failure nor a wrong use: 5, with what to do."""
    message = bad(5, *arguments)
    assert "network and data that fit into memory, got: Unable to allocate" in message
    assert "take smaller ones" in message


@pytest.mark.usefixtures("quick")
def test_everything_keeps_to_the_terminals_width(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of data, proof and epochs, and what is refused; only paths may be longer."""
    monkeypatch.setenv("COLUMNS", "60")
    results = [
        good(*DIGITS, "--epochs", 1, "--shape", "64-30-20-10", "--recheck", "--activation", "relu"),
        run(*DIGITS, "--shape", "784-10"),
        run("train", "--data-dir", tmp_path),
        run("evaluate", tmp_path / "nowhere"),
    ]
    for result in results:
        lines = [line for line in result.output.splitlines() if len(line) > 60]
        assert all("/" in line and " " not in line.strip() for line in lines)
