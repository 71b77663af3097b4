from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from backprop import passes
from backprop.activations import ACTIVATIONS
from backprop.costs import COSTS
from checks.cli import surroundings
from checks.cli.gradcheck import command, shape_of
from checks.methods import dispatch, sweep
from checks.methods.options import CheckOptions
from checks.network.random_networks import random_network_and_batch
from checks.parallel import executors
from checks.problem.nested import Array
from checks.problem.problem import Problem

GOOD = """
import numpy as np

A = np.asarray([[2.0, 1.0], [1.0, 3.0]])


def cost(x):
    return x @ A @ x / 2


def gradients(x):
    return A @ x


def wrong(x):
    return A @ x * [1, -1]


x = np.asarray([1.0, -2.0])
subject = (cost, gradients, x)
flipped = {"cost": cost, "gradients": wrong, "params": x}
flat = (lambda x: 0 * x.sum() + 1, np.zeros_like, x)


def raising(x):
    raise ZeroDivisionError("no gradient today")


raises = (cost, raising, x)


class Odd(BaseException): ...


def odd(x):
    raise Odd("way")


raises_oddly = (odd, gradients, x)


def leaving(x):
    raise SystemExit(0)


def missing(x):
    return open("none.csv").read()


def starving(x):
    raise MemoryError("Unable to allocate 3 TiB")


def filling(x):
    raise OSError(28, "No space left on device")


leaves = (leaving, gradients, x)
misses = (missing, gradients, x)
misfits = (cost, lambda: x, x)
starves = (starving, gradients, x)
fills = (cost, filling, x)


def both(x, sign=1):
    return cost(x), sign * gradients(x)


together = (both, True, x)
together_by_name = {"cost": both, "jac": True, "params": x, "args": (1,)}
together_wrong = {"cost": both, "jac": True, "params": x, "args": (-1,)}
not_together = (cost, True, x)


def noisy():
    print("loading")

    def talks(x):
        print("running")
        return cost(x)

    return talks, gradients, x
"""


TALKING = """
import subprocess, sys


def says(params):
    print("the worker", flush=True)
    return sum(map(cost, params))


def talking():
    sys.__stdout__.write("the past")
    subprocess.run([sys.executable, "-c", "print('the child')"], check=True)
    return says, lambda params: list(map(gradients, params)), [x, x]
"""


# Several tensors, and so several pieces.
SHARED = """
import threading
import numpy as np

near = np.random.default_rng().normal(size=3)  # another in every process that would run this
lock = threading.Lock()
params = [np.ones(3), np.full(3, -2.0)]


def cost(params):
    return sum((near * p**2).sum() for p in params)


def gradients(params):
    return [2 * near * p for p in params]


def locked(params):
    with lock:
        return cost(params)


subject = cost, gradients, params
unsendable = locked, gradients, params
wrong = lambda params: sum((p**2).sum() for p in params), params, params
"""


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run the command on a line of words, or on a list of them."""

    def run(words: str | Sequence[str]) -> Result:
        words = shlex.split(words) if isinstance(words, str) else words
        return CliRunner().invoke(command, words, prog_name="gradcheck")

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of good and bad subjects."""
    path = tmp_path / "quadratic.py"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A file of subjects of several pieces."""
    path = tmp_path / "shared.py"
    path.write_text(SHARED, encoding="utf-8")
    return path


@pytest.fixture
def flipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """`backward` with the sign of the last bias gradient turned."""
    right = passes.backward

    def wrong(net: Any, activations: Any, y: Any) -> None:
        right(net, activations, y)
        net.db[-1] *= -1

    monkeypatch.setattr(passes, "backward", wrong)


def gradcheck(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "checks", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


# --- the four exits ---------------------------------------------------------------------------


def test_a_correct_network_exits_0() -> None:
    """In a process of its own, with a table, a verdict, the time and the seed."""
    done = gradcheck("6", "5", "4", "--seed", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()[1:5]] == ["W1", "b1", "W2", "b2"]
    assert "pass: 59 of 59 parameters checked" in done.stdout
    assert "seed 3" in done.stdout


def test_a_check_loads_nothing_that_it_does_not_use() -> None:
    """Starting Hypothesis, say, takes as long as the check."""
    program = (
        "import atexit, sys; from checks.cli.gradcheck import command\n"
        "heavy = ('hypothesis', 'requests', 'safetensors', 'PIL', 'cloudpickle', 'unittest')\n"
        "atexit.register(lambda: print(*(name for name in heavy if name in sys.modules)))\n"
        "command(['3', '2', '--quiet'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]


def test_a_wrong_gradient_exits_1(file: Path) -> None:
    """In a process of its own, naming the coordinate."""
    done = gradcheck(f"{file}:flipped")
    assert done.returncode == 1
    assert "params[1]: analytic 5, numeric -5" in done.stdout


def test_a_mistyped_shape_exits_2_without_a_traceback() -> None:
    """In a process of its own; nothing is on standard output."""
    done = gradcheck("784", "4O", "10")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'4O' in '784 4O 10'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gradient_that_shows_nothing_exits_3(file: Path) -> None:
    """In a process of its own."""
    done = gradcheck(f"{file}:flat")
    assert done.returncode == 3
    assert "undecided: 0 of 2 parameters checked" in done.stdout


# --- networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["6 5 4", "6-5-4", "6,5,4", "6x5x4", "'6, 5, 4'", "6 5-4"])
def test_a_shape_may_be_written_in_several_ways(run: Any, words: str) -> None:
    """All of them are the same network."""
    result = run(f"{words} --quiet")
    assert (result.exit_code, result.stdout) == (0, "pass: 59 of 59 parameters checked\n")


@pytest.mark.parametrize("words", ["--probe", "--method probe", "--probe --method probe"])
def test_the_probe_has_two_names(run: Any, words: str) -> None:
    """Either will do, and so do both."""
    assert ", probe, complex step, seed 0" in run(f"5 4 3 {words}").stdout


@pytest.mark.parametrize("words", ["1 1", "3 1 4 1 5", "2 7", "5 4 3 2 1 2"])
def test_odd_shapes_pass(run: Any, words: str) -> None:
    """One unit, one layer, many layers."""
    assert run(words).exit_code == 0


def test_the_original_shape_passes_within_eighty_columns(run: Any) -> None:
    """All 31,810 parameters, each with the same promise."""
    result = run("784 40 10")
    assert result.exit_code == 0
    assert "pass: 31,810 of 31,810 parameters checked" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "softmax"])
def test_every_activation_and_cost_passes(run: Any, activation: str, cost: str) -> None:
    """As the hidden layers' activation, in both dtypes."""
    words = f"5 6 4 --activation {activation} --cost {cost}"
    assert run(words).exit_code == 0
    assert run(f"{words} --dtype float32").exit_code == 0


def test_each_layer_may_have_its_own_activation(run: Any) -> None:
    """One for each layer, separated by commas; another number of them is refused."""
    for names in ("tanh,sigmoid", "'tanh, sigmoid'", "' tanh ,sigmoid '"):
        assert run(f"5 4 3 --activation {names}").exit_code == 0
    result = run("5 4 3 --activation tanh,sigmoid,tanh")
    assert result.exit_code == 2
    assert "one for each of 2 layers" in result.stderr


def test_a_float32_network_is_checked_in_float64_as_well(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So an error that single precision would hide is caught, and said to be there."""
    assert "note: in float64, rtol 1e-06: pass" in run("5 4 3 --dtype float32").stdout
    right = passes.backward

    def slightly_wrong(net: Any, activations: Any, y: Any) -> None:
        right(net, activations, y)
        net.dW[-1] *= 1 + 1e-5

    monkeypatch.setattr(passes, "backward", slightly_wrong)
    result = run("5 4 3 --dtype float32")
    assert result.exit_code == 1
    assert "note: this is the same network in float64; in float32" in result.stdout


@pytest.mark.usefixtures("flipped")
def test_a_bug_in_backward_is_named_with_the_command_that_repeats_it(run: Any) -> None:
    """And the command does repeat it."""
    result = run("6 5 4 --batch-size 3 --seed 11 --quiet --cost cross-entropy")
    assert result.exit_code == 1
    assert result.stdout.startswith("fail: 59 of 59 parameters checked, 4 wrong")
    first = run("6 5 4 --batch-size 3 --seed 11 --cost cross-entropy")
    assert "b2[0]: analytic " in first.stdout
    repeat = first.stdout.splitlines()[-1].removeprefix("repeat with: gradcheck ")
    assert repeat == "6 5 4 --batch-size 3 --cost cross-entropy --seed 11"
    assert _offenders(run(repeat)) == _offenders(first)


def test_a_backward_that_raises_is_no_verdict_and_no_traceback(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4, with whose it was and the place."""

    def breaks(net: Any, activations: Any, y: Any) -> None:
        net.dW[-1] += (activations[-2].T @ y).T

    monkeypatch.setattr(passes, "backward", breaks)
    result = run("6 5 4")
    assert (result.exit_code, result.stdout) == (4, "")
    said = " ".join(result.stderr.split())
    assert said.startswith("Error: the network's code raised IndexError: list index out of range (")
    assert "test_gradcheck.py, line " in said
    assert "nothing was judged" in said
    assert "Traceback" not in said


def test_a_dead_network_is_drawn_again_until_it_lives(run: Any) -> None:
    """Narrow layers of ReLU are often never active at first; the note says which draw was used."""
    results = [run(f"2 2 1 --activation relu --seed {seed}") for seed in range(12)]
    assert {result.exit_code for result in results} == {0}
    redrawn = [result for result in results if "note: draw " in result.stdout]
    assert 0 < len(redrawn) < len(results)


def test_the_first_draw_is_uniform_and_one_hot() -> None:
    """As the module's text says, and the same again for the same seed."""
    _, x, y, notes = random_network_and_batch((6, 5, 4), batch_size=50, seed=2)
    assert (x.shape, y.shape, notes) == ((50, 6), (50, 4), [])
    assert 0 <= x.min() < 0.1
    assert 0.9 < x.max() < 1
    assert (np.sort(y, axis=1) == [0, 0, 0, 1]).all()
    assert (random_network_and_batch((6, 5, 4), batch_size=50, seed=2)[1] == x).all()
    assert not (random_network_and_batch((6, 5, 4), batch_size=50, seed=3)[1] == x).any()


# --- files and modules ------------------------------------------------------------------------


def test_a_file_is_checked_by_name_or_by_the_default_name(run: Any, file: Path) -> None:
    """`subject` is what is looked for after a colon alone."""
    assert run([f"{file}:subject"]).exit_code == 0
    assert run([f"{file}:"]).exit_code == 0


def test_a_file_alone_is_no_check(run: Any, file: Path) -> None:
    """What in it can be checked is listed, and nothing has passed."""
    result = run([str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{file}:flipped" in result.stderr.split()


def test_several_are_checked_in_turn(run: Any, file: Path) -> None:
    """Each under its name, with what repeats it alone; the worst decides."""
    right, flat, wrong = (f"{file}:{name}" for name in ("subject", "flat", "flipped"))
    result = run([right, wrong, "--rtol", "1e-5"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines.index(right) < lines.index(wrong)
    assert f"repeat with: gradcheck {shlex.quote(wrong)} --rtol 1e-05 --seed 0" in lines
    assert run([right, flat]).exit_code == 3
    assert run([right, right]).exit_code == 0
    quiet = run([wrong, right, "--quiet"]).stdout
    assert f"{wrong}: fail: 1 of 2 parameters checked" in " ".join(quiet.split())
    assert f"{right}: pass: 1 of 2 parameters checked" in " ".join(quiet.split())


def test_the_json_of_several_has_them_all(run: Any, file: Path) -> None:
    """With the worst verdict; and of one, as ever."""
    targets = [f"{file}:subject", f"{file}:flipped"]
    found = json.loads(run([*targets, "--json", "-"]).stdout)
    assert found["verdict"] == "fail"
    assert [(r["target"], r["verdict"]) for r in found["reports"]] == [
        (targets[0], "pass"),
        (targets[1], "fail"),
    ]
    assert json.loads(run([targets[0], "--json", "-"]).stdout)["verdict"] == "pass"


def test_a_mistake_in_one_of_several_comes_before_any_check(run: Any, file: Path) -> None:
    """A name that is not there, or widths among files."""
    result = run([f"{file}:subject", f"{file}:flippd"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'flipped'?" in " ".join(result.stderr.split())
    result = run([f"{file}:subject", "3", "2"])
    assert "got 3 2 among files" in " ".join(result.stderr.split())


def test_a_failing_file_can_be_repeated(run: Any, file: Path) -> None:
    """The command has the file's name in it, quoted where it must be."""
    spaced = file.with_name("a b.py")
    spaced.write_text(GOOD, encoding="utf-8")
    result = run([f"{spaced}:flipped", "--rtol", "1e-5"])
    assert result.exit_code == 1
    expected = f"repeat with: gradcheck '{spaced}:flipped' --rtol 1e-05 --seed 0"
    assert result.stdout.splitlines()[-1] == expected


RAISED = {
    "raises": "the gradient raised ZeroDivisionError: no gradient today (",
    "raises_oddly": "the cost raised _gradcheck_quadratic.Odd: way (",
    "leaves": "the cost raised SystemExit: 0 (",
    "misses": "the cost raised FileNotFoundError: [Errno 2] No such file or directory: 'none.csv'",
    "misfits": "the gradient raised TypeError: ",
}


@pytest.mark.parametrize("name", RAISED)
def test_what_the_checked_code_raises_is_no_verdict(run: Any, file: Path, name: str) -> None:
    """Whatever it is: 4, whose it was, the place in the user's own file, and no traceback."""
    result = run([f"{file}:{name}"])
    said = " ".join(result.stderr.split())
    assert (result.exit_code, result.stdout) == (4, "")
    assert said.startswith(f"Error: {RAISED[name]}")
    assert name == "misfits" or "quadratic.py, line " in said
    assert "nothing was judged" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("starves", "fit into memory, got: Unable to allocate 3 TiB; nothing was judged"),
        ("fills", "got OSError: [Errno 28] No space left on device; nothing was judged"),
    ],
)
def test_the_machines_errors_are_no_verdict_wherever_they_are_raised(
    run: Any, file: Path, name: str, said: str
) -> None:
    """5: neither the cost nor its gradient is to blame."""
    result = run([f"{file}:{name}"])
    assert (result.exit_code, result.stdout) == (5, "")
    assert said in " ".join(result.stderr.split())


def test_a_fault_of_the_checker_is_told_as_such(
    run: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6, with the traceback and a request; the same error in the user's code is theirs."""

    def slips(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("no gradient today")

    monkeypatch.setattr("checks.methods.dispatch.sweep", slips)
    result = run([f"{file}:"])
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.startswith("Traceback ")
    assert "a fault of geartrain itself" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("name", "end", "code"), [("raises", "code raised", 4), ("starves", "machine", 5)]
)
def test_json_has_no_verdict_but_the_error(
    run: Any, file: Path, name: str, end: str, code: int
) -> None:
    """So that an older report is not taken for this run's."""
    found = json.loads(run([f"{file}:{name}", "--json", "-"]).stdout)
    assert (found["verdict"], found["end"], found["exit_code"]) == (None, end, code)
    assert "nothing was judged" in found["error"]
    path = file.with_name("report.json")
    run([f"{file}:{name}", "--json", str(path)])
    assert json.loads(path.read_text(encoding="utf-8")) == found


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_json_that_cannot_be_written_hides_no_error(run: Any, file: Path) -> None:
    """Both are said, and the exit code is the first one's; where all went well, it is 5."""
    result = run([f"{file}:raises", "--json", "/dev/full"])
    assert result.exit_code == 4
    assert "--json: expected a file that can be written, got '/dev/full'" in result.stderr
    assert "ZeroDivisionError: no gradient today" in result.stderr
    assert run([f"{file}:", "--json", "/dev/full"]).exit_code == 5


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("import nonsense_that_is_not", 4, "No module named 'nonsense_that_is_not'"),
        ("1 / 0", 4, "importing it raised ZeroDivisionError"),
        ("x = (", 4, "SyntaxError"),
        ("open('none.csv')", 4, "FileNotFoundError"),
        ("raise MemoryError('3 TiB')", 5, "importing it raised MemoryError: 3 TiB"),
        ("def subject(): raise KeyError('w')", 4, "calling it raised KeyError: 'w'"),
        ("class subject: cost = gradients = property(); params = 3", 2, "subject: "),
        ("subject = 3", 2, "or a function without arguments"),
        ("other = 3", 2, "found nothing in it that can be checked"),
    ],
)
def test_a_file_that_raises_when_it_is_loaded_is_the_users_code(
    run: Any, file: Path, source: str, code: int, said: str
) -> None:
    """4; a name that is not there or cannot be checked is a wrong use, 2."""
    file.write_text(source, encoding="utf-8")
    result = run([str(file)])
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_the_error_of_a_cost_is_handed_on_and_repeated(run: Any, tmp_path: Path) -> None:
    """Stated or measured; a right gradient of a noisy cost passes, a wrong one fails."""
    file = tmp_path / "noisy.py"
    file.write_text(
        "import numpy as np\n"
        "rng = np.random.default_rng(0)\n"
        "def cost(x):\n"
        "    return float(np.sin(x).sum() + 1e-9 * rng.normal())\n"
        "right = cost, np.cos, np.ones(3)\n"
        "wrong = cost, np.sin, np.ones(3)\n"
    )
    passed = run([f"{file}:right", "--not-repeatable", "--cost-error", "1e-8"])
    assert passed.exit_code == 0, passed.output
    assert "pass to " in passed.stdout
    failed = run([f"{file}:wrong", "--not-repeatable", "--cost-error", "1e-8"])
    assert failed.exit_code == 1
    assert failed.stdout.splitlines()[-1] == (
        f"repeat with: gradcheck {file}:wrong --cost-error 1e-08 --not-repeatable --seed 0"
    )
    refused = run([f"{file}:right", "--cost-error", "-1"])
    assert refused.exit_code == 2
    assert "cost_error: expected a finite number of 0 or more" in refused.stderr


def test_strict_is_handed_on_and_repeated(
    run: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where it is asked for."""
    seen: list[bool] = []
    right = dispatch.run_check

    def run_check(problem: Problem, options: CheckOptions) -> Any:
        seen.append(options.strict)
        return right(problem, options)

    monkeypatch.setattr(dispatch, "run_check", run_check)
    repeated = run([f"{file}:flipped", "--strict"]).stdout.splitlines()[-1]
    assert repeated == f"repeat with: gradcheck {file}:flipped --strict --seed 0"
    assert run([f"{file}:flipped"]).exit_code == 1
    assert seen == [True, False]


def test_one_function_that_returns_both_is_checked(run: Any, file: Path) -> None:
    """As True in the place of the gradient, or by `jac` in a dict; what is no pair is told."""
    for name in ("together", "together_by_name"):
        assert run([f"{file}:{name}"]).exit_code == 0
    assert run([f"{file}:together_wrong"]).exit_code == 1
    result = run([f"{file}:not_together"])
    assert result.exit_code == 2
    assert "cost: expected (value, gradient) from it with jac=True, got float64" in " ".join(
        result.stderr.split()
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected layer widths such as 784 40 10, or a Python file"),
        ("''", "SHAPE or FILE: expected layer widths such as 784 40 10, or a Python file"),
        ("5", "shape: expected at least two layer widths"),
        ("5 0", "shape[1]: expected a whole number of 1 or more, got 0"),
        ("3--1", "such as 784 40 10, got none on one side of a separator in '3--1'"),
        ("99999999999 99999999999", "shape: expected sizes that fit into memory, got 99999999999"),
        (
            f"5 3 --batch-size {10**20}",
            f"batch_size: expected sizes that fit into memory, got {10**20}",
        ),
        ("5 3 --activation sigmod", "did you mean 'sigmoid'?"),
        ("5 3 --dask ''", "--dask: expected an address, such as tcp://host:8786, got ''"),
        ("5 3 --json ''", "--json: expected a file that can be written, got '': it names no file"),
        ("5 3 --cost quadratik", "did you mean 'quadratic'?"),
        ("5 3 --activation softmax", "softmax"),
        ("5 3 --dtype float16", "'float16' is not one of 'float64', 'float32'"),
        ("5 3 --method sweeb", "'sweeb' is not one of 'sweep'"),
        ("5 3 --probe --method sweep", "--probe: expected no other --method, got 'sweep'"),
        ("5 3 --probe --method taylor", "--probe: expected no other --method, got 'taylor'"),
        ("5 3 --rtol 2", "rtol: expected a number above 0 and below 1, such as 1e-6, got 2"),
        ("5 3 --batch-size 0", "0 is not in the range x>=1"),
        ("5 3 --seed -1", "-1 is not in the range x>=0"),
        ("5 3 --jobs 99999", "'--jobs': 99999 is not in the range 1<=x<="),
        ("5 3 --bath-size 3", "--bath-size"),
        ("no/such.py:x", "expected a Python file, found nothing there"),
        ("nosuchmodule:x", "nosuchmodule: expected layer widths such as 784 40 10"),
        ("a.py b.py", "a.py: expected a Python file, found nothing there"),
        ("a.py:x --cost quadratic", "expected no options that describe a network, got --cost"),
        ("5 3 --selftest", "expected no more than --seed, --json and --quiet beside it, got 5 3"),
    ],
)
def test_a_wrong_use_exits_2_and_says_what_was_expected(run: Any, words: str, message: str) -> None:
    """On standard error, with nothing on standard output."""
    result = run(words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in " ".join(result.stderr.split())


# --- JSON -------------------------------------------------------------------------------------


def test_json_to_standard_output_is_alone_there(run: Any, file: Path) -> None:
    """Even when the checked code prints."""
    result = run([f"{file}:noisy", "--json", "-"])
    found = json.loads(result.stdout)
    assert (result.exit_code, found["verdict"]) == (0, "pass")
    assert "loading" in result.stderr
    assert "running" in result.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_other_processes_print_is_not_among_the_json(file: Path, jobs: str) -> None:
    """Though they know nothing of Python's standard output; nor what was printed past it."""
    talking = file.with_name("talking.py")
    talking.write_text(GOOD + TALKING, encoding="utf-8")
    words = [f"{talking}:talking", "--json", "-", "--jobs", jobs]
    done = gradcheck(*words, PYTHONUNBUFFERED="")
    assert json.loads(done.stdout)["verdict"] == "pass"
    assert "the child" in done.stderr
    assert "the worker" in done.stderr
    assert "the past" in done.stderr


@pytest.mark.usefixtures("flipped")
def test_a_failure_is_written_as_json_too(run: Any, tmp_path: Path) -> None:
    """Beside the text, under the report's names."""
    result = run(["6", "5", "4", "--json", str(tmp_path / "report.json")])
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert result.exit_code == 1
    assert "fail: " in result.stdout
    assert (found["verdict"], found["worst"]["tensor"], found["failed"]) == ("fail", "b2", 4)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_path_that_cannot_be_written_is_an_error_before_the_work(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is checked first."""
    monkeypatch.setattr(passes, "backward", lambda *_: pytest.fail("the work was done"))
    missing = tmp_path / "no" / "report.json"
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "it is a folder")):
        result = run(["6", "5", "--json", str(path)])
        assert result.exit_code == 2
        assert "--json: expected a file that can be written" in result.stderr
        assert reason in " ".join(result.stderr.split())


def test_a_failed_run_leaves_an_older_json_as_it_was(run: Any, tmp_path: Path) -> None:
    """A file appears whole or not at all."""
    path = tmp_path / "report.json"
    path.write_text("old", encoding="utf-8")
    assert run(["6", "zebra", "--json", str(path)]).exit_code == 2
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_written_to_and_stays_a_pipe(run: Any, tmp_path: Path) -> None:
    """As is a device such as /dev/null: neither is replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    assert run(["6", "5", "--json", str(pipe)]).exit_code == 0
    reader.join(timeout=10)
    assert json.loads(read[0])["verdict"] == "pass"
    assert pipe.is_fifo()


# --- shared among processes -------------------------------------------------------------------

MAIN = """
import multiprocessing, sys
from checks.cli.gradcheck import main

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv.pop(1))
    main()
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_file_is_shared_however_processes_start(shared: Path, method: str) -> None:
    """It is not run again in them: its random numbers would be others."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, method, f"{shared}:subject", "--jobs", "2", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pass: 6 of 6 parameters checked\n"


def test_what_cannot_be_sent_is_a_wrong_use_and_no_verdict(run: Any, shared: Path) -> None:
    """It names the option, what came and what to do; without the option there is nothing to it."""
    result = run([f"{shared}:unsendable", "--jobs", "2"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert " ".join(result.stderr.split()).endswith(
        "Error: --jobs: expected a cost and a gradient that can be sent to other processes, got"
        " TypeError: cannot pickle '_thread.lock' object; make such objects inside the functions,"
        " or leave out --jobs"
    )
    assert run([f"{shared}:unsendable"]).exit_code == 0


@pytest.mark.parametrize("end", [KeyboardInterrupt, None])
def test_workers_do_not_outlast_the_check(end: type[BaseException] | None) -> None:
    """An error may have ended it, or a piece may have decided it, while others run."""
    with (
        pytest.raises(end) if end else contextlib.nullcontext(),
        surroundings.workers(2, None) as executor,
    ):
        assert executor is not None
        slow = executor.submit(time.sleep, 10)
        if end:
            raise end
    assert slow.done()
    assert slow.cancelled() or slow.exception() is not None


@pytest.mark.parametrize(
    ("words", "jobs"),
    [("3 2 --jobs 200", 2), ("100 50 --jobs 200", 3), ("100 50 --jobs 2", 2), ("3 2", 1)],
)
def test_there_are_no_more_processes_than_pieces(
    run: Any, monkeypatch: pytest.MonkeyPatch, words: str, jobs: int
) -> None:
    """5,000 weights are two, and biases one."""
    asked: list[int] = []

    def workers(count: int, _: str | None) -> Any:
        asked.append(count)
        return contextlib.nullcontext()

    monkeypatch.setattr("checks.cli.gradcheck.workers", workers)
    assert run(words).exit_code == 0
    assert asked == [jobs]


def test_where_a_check_is_run_is_no_part_of_what_repeats_it(run: Any, shared: Path) -> None:
    """The numbers are the same, to the last bit."""
    results = [run([f"{shared}:wrong", "--jobs", jobs]) for jobs in ("1", "2")]
    assert {r.stdout.splitlines()[-1] for r in results} == {
        f"repeat with: gradcheck {shared}:wrong --seed 0"
    }
    assert _offenders(results[0]) == _offenders(results[1]) != []


def test_where_dask_is_not_installed_the_command_that_installs_it_is_the_documents(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """geartrain is no package of an index: the checkout it is."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run("3 2 --dask tcp://host:8786")
    installs = 'python3 -m pip install ".[dask]"'
    assert result.exit_code == 2
    assert f"not installed; get it by {installs} in the checkout" in " ".join(result.stderr.split())
    documents = Path(__file__).parents[3] / "docs"
    assert installs in (documents / "distributed.md").read_text(encoding="utf-8")


# --- the self-test ----------------------------------------------------------------------------


@dataclass(frozen=True)
class SelfTest:
    """Stands in for the real one, which has tests of its own."""

    passed: bool
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """What is written as JSON."""
        return {"passed": self.passed}

    def __str__(self) -> str:
        return f"a table\nseed {self.seed}"


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_the_selftest_is_printed_written_and_decides_the_exit(
    run: Any, monkeypatch: pytest.MonkeyPatch, *, passed: bool, code: int
) -> None:
    """Missed bugs exit 1."""
    from checks.network.faults import selftest

    monkeypatch.setattr(selftest, "run", lambda seed, *_: SelfTest(passed, seed))
    assert run("--selftest --seed 5").stdout == "a table\nseed 5\n"
    assert run("--selftest --quiet").stdout == "seed 0\n"
    result = run("--selftest --json -")
    assert (result.exit_code, json.loads(result.stdout)) == (code, {"passed": passed})


def test_a_selftest_of_code_that_was_changed_says_so(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bugs are edits of lines that are no longer there: 2, with the line and what to do."""

    def backward(net: Any, activations: Any, y: Any) -> None:
        """Somebody's own."""

    monkeypatch.setattr(passes, "backward", backward)
    result = run("--selftest")
    assert (result.exit_code, result.stdout) == (2, "")
    said = " ".join(result.stderr.split())
    assert "--selftest: edits: expected exactly one line 'delta = COSTS[net.cost]" in said
    assert "found 0; faults are edits of the code as it came: undo what was changed there" in said


# --- the rest ---------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_names_every_option_and_exit_code(run: Any, flag: str) -> None:
    """Within eighty columns."""
    result = run(flag)
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert said.endswith(
        "Exit codes: 0 pass, 1 fail, 2 usage, 3 undecided; and where nothing was judged: 4 the"
        " checked code raised an error, 5 no memory or a full disk, 6 a fault of gradcheck, 130"
        " interrupted, 141 reader gone."
    )
    for parameter in command.params:
        assert parameter.opts[0] in result.stdout or parameter.name == "target"
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_help_names_all_that_can_be_chosen(run: Any) -> None:
    """Activations but softmax, which comes with its cost; costs, and the outputs they bring."""
    said = " ".join(run("--help").stdout.split()).replace("- ", "-")
    assert ", ".join(name for name in ACTIVATIONS if name != "softmax") + ";" in said
    for name, cost in COSTS.items():
        assert (f"{name} (output {cost.output})" if cost.output else name) in said


def test_help_loads_no_arithmetic() -> None:
    """It answers before NumPy could be imported."""
    code = (
        "import sys; from checks.cli.gradcheck import command\n"
        "try: command(['--help'], prog_name='gradcheck')\n"
        "except SystemExit: print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


def test_version_is_the_distributions(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that is not installed has none, and says so."""
    from importlib import metadata

    monkeypatch.setattr(metadata, "version", lambda name: "1.2.3")
    assert run("--version").stdout == "gradcheck, version 1.2.3\n"

    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert run("--version").stdout == "gradcheck, version unknown: geartrain is not installed\n"


def test_an_interrupt_is_neither_pass_nor_fail(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """130, as shells have it, and one line."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("checks.methods.dispatch.sweep", interrupted)
    result = run("6 5 4")
    assert (result.exit_code, result.stderr) == (130, "\ninterrupted\n")


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="there are no signals to threads")
def test_an_interrupt_does_not_wait_for_threads(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for the pieces that they are at nor for those that wait."""
    begun: list[sweep.Piece] = []
    ended: list[sweep.Piece] = []

    def measure(subject: Problem, piece: sweep.Piece) -> tuple[Array, dict[str, int]]:
        begun.append(piece)
        if len(begun) == 1:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        for _ in range(1000):
            executors.stop_if_cancelled()
            time.sleep(0.01)
        ended.append(piece)
        return np.empty(0), {}

    monkeypatch.setattr(executors, "cores", lambda: 2)
    monkeypatch.setattr(sweep, "PIECE", 5)
    monkeypatch.setattr(sweep, "_complex_piece", measure)
    result = run("6 5 4")
    assert (result.exit_code, result.stderr) == (130, "\ninterrupted\n")
    assert len(begun) in {1, 2}
    assert ended == []


@pytest.mark.parametrize(
    ("words", "shape"),
    [
        (["3", "2"], (3, 2)),
        (["3×2"], (3, 2)),
        (["3 - 2"], (3, 2)),
        (["file.py:x"], None),
        (["3d.py"], None),
        (["package.module:name"], None),
        ([], None),
    ],
)
def test_words_are_told_apart_by_how_they_begin(words: list[str], shape: Any) -> None:
    """A shape begins with a digit, and has neither a colon nor an ending."""
    assert shape_of(words) == shape


def _offenders(result: Result) -> list[str]:
    return [line for line in result.stdout.splitlines() if ": analytic " in line]
