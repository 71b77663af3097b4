"""One import offers what both packages do, and loads nothing until it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import backprop
import checks
import geartrain

ROOT = Path(geartrain.__path__[0]).parent


def run(*words: str, where: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python, with our packages in its path, after `path`."""
    folders = os.pathsep.join(map(str, filter(None, (path, ROOT))))
    return subprocess.run(
        [sys.executable, *words],
        cwd=where,
        env={key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
        | {"PYTHONPATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_offers_what_both_offer() -> None:
    """The same objects, and no name of the one is one of the other."""
    assert sorted(geartrain.__all__) == sorted([*backprop.__all__, *checks.__all__])
    for package in (backprop, checks):
        for name in package.__all__:
            assert getattr(geartrain, name) is getattr(package, name)
    assert set(geartrain.__all__) <= set(dir(geartrain))


def test_a_name_that_nobody_has_is_an_attribute_error() -> None:
    """As of any module, so that hasattr and the like work."""
    with pytest.raises(AttributeError, match="module 'geartrain' has no attribute 'zebra'"):
        getattr(geartrain, "zebra")  # noqa: B009 a name that mypy need not know


def test_importing_it_loads_nothing(tmp_path: Path) -> None:
    """Neither the packages that it offers, nor NumPy, nor what else takes time."""
    code = "import sys; old = {*sys.modules}; import geartrain; print(*{*sys.modules} - old)"
    done = run("-S", "-c", code, where=tmp_path)
    assert set(done.stdout.split()) == {"geartrain", "__future__"}, done.stderr


HIDING = [
    ("checks.py", "checks"),
    ("backprop.py", "backprop"),
    ("checks/__init__.py", "checks"),
]


@pytest.mark.parametrize(("file", "name"), HIDING)
def test_a_file_that_hides_ours_is_named_in_one_sentence(
    file: str, name: str, tmp_path: Path
) -> None:
    """Importing works, and who asks for something is told which file, and what to do."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine = 1\n")
    (tmp_path / "script.py").write_text(
        "import geartrain\n"
        f"import {name}\n"
        f"print({name}.mine, hasattr(geartrain, 'zebra'))\n"
        "try:\n"
        "    from geartrain import check_gradients\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    where = path.parent if path.name == "__init__.py" else path
    said = (
        f"{where} hides geartrain's package of the name {name}; rename it, or run from where it"
        " is not found first"
    )
    done = run("script.py", where=tmp_path)
    assert done.stdout.splitlines() == ["1 False", said], done.stderr


def test_a_folder_without_init_hides_nothing(tmp_path: Path) -> None:
    """Python goes on looking for a package."""
    (tmp_path / "checks").mkdir()
    done = run("-c", "import geartrain; print(geartrain.check_vjp.__name__)", where=tmp_path)
    assert done.stdout == "check_vjp\n", done.stderr


@pytest.mark.parametrize("file", [file for file, _ in HIDING])
@pytest.mark.parametrize(
    ("command", "says"), [("gradcheck 2 1 --quiet", "pass: 3 of 3"), ("backprop --help", "Usage:")]
)
def test_the_installed_commands_are_not_hidden(
    command: str, says: str, file: str, tmp_path: Path
) -> None:
    """By what stands in PYTHONPATH before them."""
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text("raise SystemExit('the wrong one')\n")
    program, *words = command.split()
    start = f"import sys; sys.path.append({str(ROOT)!r}); from geartrain.commands import {program}"
    done = run("-P", "-c", f"{start}; {program}()", *words, where=tmp_path, path=tmp_path)
    assert done.stdout.startswith(says), done.stderr
    assert done.returncode == 0


def test_the_commands_start_there() -> None:
    """As pyproject.toml says."""
    import tomllib

    from geartrain import commands

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    scripts = tomllib.loads(text)["project"]["scripts"]
    assert scripts == {
        name: f"geartrain.commands:{getattr(commands, name).__name__}"
        for name in ("backprop", "gradcheck")
    }
