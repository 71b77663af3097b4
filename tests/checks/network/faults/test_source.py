"""Ten bugs written into a copy of the source tree: the tests, the checker and the gate all object.

Nothing is patched at run time here. Every bug is put into the copy's `backprop/passes.py`, and then
the commands are run as a user would run them.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import backprop
from checks.network.faults import catalogue
from checks.network.faults.catalogue import FAULTS, patched

TESTS = Path(__file__).parents[3]
SOURCES = Path(backprop.__file__).parents[1]

CATALOGUE = {fault.code: fault.edits or {} for fault in FAULTS}

WRONG_LAYER = "np.resize(slopes[layer - 1](activations[layer + 1]), a.shape)"
BUGS = {
    "sign": CATALOGUE["sign"],
    "transpose": CATALOGUE["reshape"],
    "missing activation derivative": CATALOGUE["no-derivative"],
    "wrong layer": {catalogue.CARRY: catalogue.CARRY.replace("slopes[layer - 1](a)", WRONG_LAYER)},
    "sum for mean": CATALOGUE["sum-for-mean"],
    "bias forgotten": CATALOGUE["bias-forgotten"],
    "stale accumulator": CATALOGUE["stale"],
    "off-by-one layer": CATALOGUE["loop-short"],
    "in-place overwritten activation": CATALOGUE["overwritten"],
    "float32 slip": CATALOGUE["float32"],
}

PYTEST = [
    "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=quick",
    "tests/backprop/test_passes.py", "tests/checks/network/properties/test_network_properties.py",
]  # fmt: skip
GRADCHECK = ["-m", "checks", "6", "5", "4", "3"]
TRAIN = [
    "-m", "backprop", "train", "--dataset", "digits", "--epochs", "1", "--save", "m.safetensors",
]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the three commands need, found before any installed copy."""
    for package in ("backprop", "checks"):
        shutil.copytree(
            SOURCES / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("tests/conftest.py", "tests/reference.py", *PYTEST[-2:], "pyproject.toml"):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TESTS.parent / name, copy)
    digits = TESTS.parent / "data" / "digits"
    shutil.copytree(digits, tmp_path / "data" / "digits")
    return tmp_path


def write(tree: Path, bug: str) -> None:
    """Put the bug into the copied `backprop/passes.py`."""
    passes = tree / "backprop" / "passes.py"
    source = patched(passes.read_text(encoding="utf-8"), BUGS[bug])
    passes.write_text(source + "\n\nSTATE: dict = {}\n", encoding="utf-8")


def run(tree: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy, with nothing of the present run but the machine around it."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "HYPOTHESIS_"))}
    environment = {
        **own,
        "PYTHONPATH": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GEARTRAIN_CACHE": str(tree / "cache"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_tests_fail(tree: Path, bug: str) -> None:
    """The project's own tests fail on a tree with the bug."""
    write(tree, bug)
    done = run(tree, PYTEST)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout


@pytest.mark.parametrize(
    ("bug", "finding"),
    [
        ("sign", r"the sign is flipped.*\[sign-flipped\]"),
        ("missing activation derivative", r"derivative.*\[[\w-]+\]"),
        ("off-by-one layer", r"\[[\w-]+\]"),
    ],
)
def test_one_wrong_line_is_one_headline(tree: Path, bug: str, finding: str) -> None:
    """The property that does not hold, its smallest example, what it looks like; nothing else."""
    write(tree, bug)
    done = run(tree, [word for word in PYTEST if word not in ("-x", "-q")])
    assert done.returncode == 1, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    assert len(done.stdout.splitlines()) <= 60, done.stdout
    assert "analytic_equals_numeric: Perturbing any parameter changes the cost as" in text
    assert re.search(r"falsified by case = <Case [12](-[12])+, .*; batch of 1, normal, ", text)
    assert re.search(f"It looks like: .*{finding}", text)
    assert re.search(r"left out: [\d,]+ other tests, .*; --all-failures runs them", text)
    assert re.search(r" 1 failed, [\d,]+ deselected in ", text)


def test_all_failures_are_shown_where_asked_for(tree: Path) -> None:
    """Those of other tests too, with a frame each."""
    write(tree, "sign")
    done = run(tree, [*(word for word in PYTEST if word != "-x"), "--all-failures", "--tb=no"])
    assert "left out" not in done.stdout
    assert re.search(r"^([2-9]|\d\d+) failed, \d+ passed", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("bug", BUGS)
def test_gradcheck_exits_with_1(tree: Path, bug: str) -> None:
    """`gradcheck` fails, and says so in words rather than in a traceback."""
    write(tree, bug)
    done = run(tree, GRADCHECK)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fail:" in done.stdout
    assert "It looks like:" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("bug", BUGS)
def test_no_training_and_no_model(tree: Path, bug: str) -> None:
    """`backprop train` exits with 1 and leaves no model file."""
    write(tree, bug)
    done = run(tree, TRAIN)
    assert done.returncode == 1, done.stdout + done.stderr
    assert not list(tree.glob("m.safetensors*"))
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [PYTEST, GRADCHECK, TRAIN], ids=["pytest", "check", "train"])
def test_tree_without_bug(tree: Path, arguments: list[str]) -> None:
    """The same commands succeed on the copy as it is."""
    done = run(tree, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tree / "m.safetensors").exists() == (arguments is TRAIN)
