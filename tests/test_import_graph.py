"""What the lint says of circles and full folders; tox runs it on the packages themselves."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "import_graph.py"


@pytest.fixture
def lint(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, without the exceptions that it makes for the packages as they are."""
    spec = importlib.util.spec_from_file_location("import_graph", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FULL_FOLDERS", frozenset())
    monkeypatch.setattr(module, "ROUND_FOLDERS", frozenset())
    return module


def write(root: Path, sources: dict[str, str]) -> None:
    """Files, their folders, and the faces of these."""
    for name, text in sources.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text)


def said(lint: Any, root: Path, capsys: pytest.CaptureFixture[str], *, code: int) -> str:
    """What is complained of."""
    assert lint.main(root) == code
    return capsys.readouterr().err


def test_what_keeps_to_the_rules_is_counted(
    lint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files, arrows inside and between folders; a face may import what it likes."""
    write(
        tmp_path,
        {
            "backprop/a.py": "import backprop.low.b\nfrom backprop.low import c\nimport math\n",
            "backprop/low/b.py": "def f():\n    from backprop.low.c import g\n",
            "backprop/low/c.py": "from backprop import name\n",
            "backprop/__init__.py": "from backprop.a import name\n",
        },
    )
    assert lint.main(tmp_path) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "3 files in 2 folders, at most 2 in one",
        "3 arrows between files, 1 inside a folder",
        "1 arrows between folders",
        "0 circles of files, 0 of folders",
        "  backprop:1, backprop/low:2",
    ]
    assert err == ""


@pytest.mark.parametrize(
    "turn",
    ["import backprop.a", "from backprop import a", "if TYPE_CHECKING:\n    import backprop.a"],
)
def test_a_circle_of_files_is_told(
    turn: str, lint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Longer ones, too, and those that close for type checkers only, or inside a function."""
    write(
        tmp_path,
        {"backprop/a.py": "import backprop.b", "backprop/b.py": "import backprop.c",
         "backprop/c.py": turn},
    )  # fmt: skip
    expected = "circle of files: backprop.a, backprop.b, backprop.c\n"
    assert said(lint, tmp_path, capsys, code=1) == expected


def test_a_circle_of_folders_is_told(
    lint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no two files need each other; unless it is a listed exception."""
    write(
        tmp_path,
        {"checks/a.py": "import checks.low.b", "checks/c.py": "", "checks/low/b.py": "",
         "checks/low/d.py": "from checks.c import x"},
    )  # fmt: skip
    assert said(lint, tmp_path, capsys, code=1) == "circle of folders: checks, checks.low\n"
    monkeypatch.setattr(lint, "ROUND_FOLDERS", frozenset({frozenset({"checks", "checks.low"})}))
    assert said(lint, tmp_path, capsys, code=0) == ""


def test_a_full_folder_is_told_and_exceptions_have_to_go(
    lint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve files and the faces are not too many."""
    write(tmp_path, {f"backprop/m{i}.py": "" for i in range(12)} | {"backprop/__main__.py": ""})
    assert said(lint, tmp_path, capsys, code=0) == ""
    monkeypatch.setattr(lint, "FULL_FOLDERS", frozenset({"backprop"}))
    needless = "backprop: an exception that is not needed any more; delete it\n"
    assert said(lint, tmp_path, capsys, code=1) == needless
    write(tmp_path, {"backprop/m12.py": ""})
    assert said(lint, tmp_path, capsys, code=0) == ""
    monkeypatch.setattr(lint, "FULL_FOLDERS", frozenset())
    full = "backprop: expected at most 12 files, got 13; part the folder\n"
    assert said(lint, tmp_path, capsys, code=1) == full
