from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import numpy as np
import pytest

import checks
from checks.cli import target_loading
from checks.cli.surroundings import LoadError
from checks.cli.target_loading import load, split
from checks.methods.dispatch import run_check
from checks.problem.problem import Problem

SOURCE = """
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from beside import POWER
from checks.problem.problem import black_box

x = np.asarray([1.0, 2.0])
data = np.ones(2)


def cost(x):
    return (data * x**POWER).sum()


def gradients(x):
    return POWER * data * x ** (POWER - 1)


@dataclass
class Problem:
    cost: Any
    gradients: Any
    params: Any


subject = black_box(cost, gradients, x)
as_tuple = cost, gradients, x
as_dict = {"cost": cost, "gradients": gradients, "params": x, "inputs": {"data": data}}
as_object = Problem(cost, gradients, x)
as_namespace = SimpleNamespace(**as_dict)


def scaled(x, factor):
    return factor * cost(x)


def scaled_gradients(x, factor):
    return factor * gradients(x)


def both(x):
    return cost(x), gradients(x)


class Other(Problem):
    jac = "something else of the same name"
    args = ["likewise"]


with_args = {"cost": scaled, "gradients": scaled_gradients, "params": x, "args": (2.0,)}
as_pair = {"cost": both, "jac": True, "params": x}
as_scipy = both, True, x
as_other = Other(cost, gradients, x)
bad_args = {"cost": scaled, "gradients": scaled_gradients, "params": x, "args": 2.0}


def as_function():
    return as_dict


def as_function_of_subject():
    return subject


def as_lambda_needing(something):
    return subject


def broken():
    raise KeyError("weights")


number = 3
pair = cost, gradients
misnamed = {"cost": cost, "gradient": gradients, "params": x}
integers = cost, gradients, [1, 2]
listed = {"cost": cost, "gradients": gradients, "params": x, "inputs": [[1.0]]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A file with a subject in every form, and what it imports beside it."""
    (tmp_path / "beside.py").write_text("POWER = 3\n", encoding="utf-8")
    path = tmp_path / "problem.py"
    path.write_text(SOURCE, encoding="utf-8")
    yield path
    sys.modules.pop("beside", None)


@pytest.mark.parametrize(
    "name",
    ["subject", "as_tuple", "as_dict", "as_object", "as_namespace", "as_function",
     "as_function_of_subject", "with_args", "as_pair", "as_scipy", "as_other"],
)  # fmt: skip
def test_every_form_that_is_promised_is_a_subject(file: Path, name: str) -> None:
    """And its check passes."""
    found = load(f"{file}:{name}")
    assert isinstance(found, Problem)
    assert run_check(found).verdict == "pass"


def test_inputs_are_watched_where_they_are_given(file: Path) -> None:
    """By name, and they are the arrays themselves."""
    assert list(load(f"{file}:as_dict").inputs) == ["data"]
    assert load(f"{file}:as_tuple").inputs == {}


def test_the_name_is_subject_where_there_is_none(file: Path) -> None:
    """After a colon."""
    assert load(f"{file}:").names == ("params",)


def test_a_file_alone_lists_what_can_be_checked(file: Path) -> None:
    """Nothing else: neither what it is made of, nor what is a mistake; functions apart."""
    with pytest.raises(LoadError) as caught:
        load(str(file))
    head, *found, makers = str(caught.value).splitlines()
    assert head == f"{file}: expected a name after it, as in {file}:NAME; can be checked:"
    assert [line.strip().removeprefix(f"{file}:") for line in found] == [
        "subject", "as_tuple", "as_dict", "as_object", "as_namespace", "with_args", "as_pair",
        "as_scipy", "as_other",
    ]  # fmt: skip
    assert makers.strip() == (
        "and where they return a problem, the functions as_function, as_function_of_subject, broken"
    )
    for line in found:
        assert run_check(load(line.strip())).verdict == "pass"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\nimport math\n", "and found nothing in it that can be checked: no (cost,"),
        ("def make():\n    return 1\n", "nothing in it can be checked as it is\n  and where they"),
    ],
)
def test_a_file_with_nothing_to_check_says_so(tmp_path: Path, source: str, says: str) -> None:
    """And what would be something."""
    (tmp_path / "empty.py").write_text(source)
    with pytest.raises(LoadError) as caught:
        load(str(tmp_path / "empty.py"))
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["misname", "integer", "cst", "gradient", "numbr", "broke"])
def test_no_name_is_suggested_that_does_not_fit(file: Path, name: str) -> None:
    """Though one that is close is there."""
    with pytest.raises(LoadError) as caught:
        load(f"{file}:{name}")
    assert str(caught.value).endswith(f"found none; give another, as in {file}:NAME")


def test_the_path_of_imports_is_left_as_it_was(file: Path) -> None:
    """Though what lies beside the file could be imported while it loaded."""
    before = list(sys.path)
    load(f"{file}:")
    assert sys.path == before


def test_a_module_is_loaded_from_the_working_directory(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its dotted name."""
    package = file.parent / "someones"
    package.mkdir()
    (package / "__init__.py").touch()
    file.rename(package / "problem.py")
    monkeypatch.chdir(file.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    try:
        assert np.array_equal(load("someones.problem:as_tuple").values[0], [1, 2])
    finally:
        for name in ("someones", "someones.problem"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("subjekt", "expected something called 'subjekt', found none; did you mean 'subject'?"),
        ("zzzzz", "found none; give another, as in {}:NAME"),
        ("number", "or a function without arguments that returns them, got int"),
        ("pair", "got a tuple of 2"),
        ("misnamed", "got a dict with the keys 'cost', 'gradient', 'params'"),
        ("integers", "integers: params: expected arrays of real floating-point numbers"),
        (
            "bad_args",
            "bad_args: args: expected a tuple of further arguments, got float; write (a,)",
        ),
        ("listed", "listed: inputs: expected arrays, got float in '0.0'"),
        ("broken", "broken: calling it raised KeyError: 'weights' ("),
        ("as_lambda_needing", "calling it raised TypeError: as_lambda_needing() missing 1"),
    ],
)
def test_a_name_that_cannot_be_checked_says_why(file: Path, name: str, message: str) -> None:
    """With the target, what was expected and what came."""
    with pytest.raises(LoadError) as caught:
        load(f"{file}:{name}")
    assert message.format(file) in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("import nonsense_that_is_not\n", "ModuleNotFoundError: No module named 'nonsense_that", 1),
        ("x = 1\ny = 1 / 0\n", "ZeroDivisionError: division by zero (", 2),
        ("x = (\n", "SyntaxError: '(' was never closed (", 1),
        ("import sys\nsys.exit('enough')\n", "SystemExit: enough (", 2),
        ("class Odd(BaseException): ...\nraise Odd('way')\n", "_gradcheck_bad.Odd: way (", 2),
    ],
)
def test_a_file_that_cannot_be_imported_says_why_and_where(
    tmp_path: Path, source: str, message: str, line: int
) -> None:
    """The last line of the traceback, and the line of the file."""
    path = tmp_path / "bad.py"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(LoadError) as caught:
        load(str(path))
    assert f"bad.py: importing it raised {message}" in str(caught.value)
    assert str(caught.value).endswith(f"bad.py, line {line})")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("problme.py", "problme.py: expected a Python file, found nothing there; did you mean "),
        ("prblem.py", "prblem.py: expected a Python file, found nothing there; did you mean prob"),
        ("foldr.py", "foldr.py: expected a Python file, found nothing there"),
        ("folder.py", "folder.py: expected a Python file, found a folder there"),
        (
            f"{300 * 'n'}.py",
            f"{300 * 'n'}.py: expected a Python file, found a place that cannot be",
        ),
        (f"{300 * 'n'}:x", f"{300 * 'n'}: expected layer widths such as 784 40 10"),
        ("no-module:x", "no-module: expected layer widths such as 784 40 10"),
        ("no.such.module:x", "no.such.module: expected layer widths such as 784 40 10"),
    ],
)
def test_what_is_not_there_is_said_not_to_be(
    file: Path, monkeypatch: pytest.MonkeyPatch, target: str, message: str
) -> None:
    """With the nearest that is, and no traceback of the search for it."""
    (file.parent / "folder.py").mkdir()
    monkeypatch.chdir(file.parent)
    with pytest.raises(LoadError) as caught:
        load(target)
    assert str(caught.value).startswith(message)
    assert "folder.py" not in str(caught.value).partition("; did you mean")[2]


def test_a_folder_that_cannot_be_read_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason, also where the target might have been a module's name."""

    def locked(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", locked)
    with pytest.raises(LoadError) as caught:
        load(f"{file}:subject")
    assert str(caught.value) == (
        f"{file}: expected a Python file, found a place that cannot be read (Permission denied)"
        " there"
    )
    with pytest.raises(LoadError, match="found no such module"):
        load("locked/problem:subject")


def test_a_module_that_imports_what_is_missing_is_there_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the error is the import's own."""
    (tmp_path / "halfway.py").write_text("import nonsense_that_is_not\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError) as caught:
        load("halfway:x")
    assert "halfway: importing it raised ModuleNotFoundError" in str(caught.value)


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("a/b.py:net", ("a/b.py", "net")),
        ("a/b.py", ("a/b.py", None)),
        ("a/b.py:", ("a/b.py", "subject")),
        ("C:\\b.py", ("C:\\b.py", None)),
        ("C:\\b.py:net", ("C:\\b.py", "net")),
        ("a.b:net", ("a.b", "net")),
    ],
)
def test_the_name_is_what_follows_the_last_colon(target: str, parts: Any) -> None:
    """Unless what follows cannot be a name."""
    assert split(target) == parts


# --- sent to other processes ------------------------------------------------------------------

NEAR = """
import numpy as np

DRAWN = np.random.default_rng().normal(size=3)


def scaled(x):
    return DRAWN * x
"""

SENT = """
import numpy as np

import near
from near import scaled

OWN = np.random.default_rng().normal()


def cost(x):
    return (scaled(x) + OWN * near.DRAWN).sum()


subject = cost, lambda x: near.DRAWN, np.ones(3)
"""

ALONE = """
import numpy as np

subject = np.sum, np.ones_like, np.ones(2)
"""

COST_THERE = """
import pickle, sys

subject = pickle.load(sys.stdin.buffer)
print(repr(float(subject.cost(subject.values))))
"""


@pytest.mark.parametrize(
    "target", ["{0}/sent.py", "{0}/link/sent.py", "sent:subject", "package.sent:subject"]
)
def test_what_was_loaded_is_the_same_in_a_process_that_cannot_import_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """It is not run again there, nor is what it imported from beside it: it would draw anew."""
    monkeypatch.setattr(cloudpickle.cloudpickle, "_PICKLE_BY_VALUE_MODULES", set())
    (tmp_path / "package").mkdir()
    if "link" in target:
        (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "near.py").write_text(NEAR, encoding="utf-8")
    for folder in (tmp_path, tmp_path / "package"):
        (folder / "sent.py").write_text(SENT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    try:
        loaded = load(target.format(tmp_path))
        parcel = cloudpickle.dumps(loaded)
    finally:
        for name in ("near", "sent", "package", "package.sent", "_gradcheck_sent"):
            sys.modules.pop(name, None)
    there = subprocess.run(
        [sys.executable, "-c", COST_THERE],
        input=parcel,
        capture_output=True,
        check=False,
        cwd=Path(tempfile.gettempdir()),
        env={**os.environ, "PYTHONPATH": str(Path(checks.__path__[0]).parent)},
    )
    assert there.stdout.decode().strip() == repr(float(loaded.cost(loaded.values))), there.stderr


def test_what_is_installed_is_sent_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an environment beneath the folder, too; and so is this very package in its checkout."""
    sent: list[ModuleType] = []
    monkeypatch.setattr(cloudpickle, "register_pickle_by_value", sent.append)
    environment = tmp_path / ".venv" / "site-packages"
    environment.mkdir(parents=True)
    (environment / "installed.py").touch()
    path = tmp_path / "of_a_user.py"
    path.write_text(
        "import installed\nimport numpy as np\nsubject = np.sum, np.ones_like, np.ones(2)\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(environment)])
    try:
        load(str(path))
    finally:
        sys.modules.pop("installed", None)
    assert [m.__name__ for m in sent if not m.__name__.startswith("_gradcheck_")] == []
    assert "_gradcheck_of_a_user" in {m.__name__ for m in sent}
    target_loading._send_as_code(Path(checks.__path__[0]).parent)
    assert not {m.__name__.partition(".")[0] for m in sent} & {"checks", "backprop"}


@pytest.mark.parametrize("imported", ["from checks import mine", "import checks\nchecks.mine"])
def test_a_file_of_theirs_that_ours_hides_is_named(imported: str, tmp_path: Path) -> None:
    """Where the target wants what is in it, and finds our package under its name."""
    (tmp_path / "checks.py").write_text("mine = 1\n")
    (tmp_path / "target.py").write_text(f"{imported}\n")
    with pytest.raises(LoadError, match="mine") as caught:
        load(str(tmp_path / "target.py"))
    hidden = f"which hides {tmp_path / 'checks.py'}: rename that"
    assert str(caught.value).endswith(f"; checks is a package of gradcheck's own here, {hidden}")
    (tmp_path / "checks.py").unlink()
    with pytest.raises(LoadError) as caught:
        load(str(tmp_path / "target.py"))
    assert "hides" not in str(caught.value)
