"""What is installed along is what is imported, and what CONTRIBUTING gives a reason for."""

import ast
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

import backprop
import checks
import geartrain

ROOT = Path(__file__).parents[1]
IMPORTED_AS = {"pillow": "PIL"}


def dependencies() -> list[str]:
    """The names in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [str(re.match(r"[\w-]+", line)[0]) for line in project["dependencies"]]  # type: ignore[index]


def imported() -> set[str]:
    """What the modules of the packages import, wherever in them."""
    found = set()
    for package in (backprop, checks, geartrain):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add((node.module or "").partition(".")[0])
    return found


def test_whatever_is_installed_along_is_used() -> None:
    """Tools for tests are not the business of those who install a wheel."""
    assert [name for name in dependencies() if IMPORTED_AS.get(name, name) not in imported()] == []


def test_each_has_its_reason() -> None:
    """A row of the table in CONTRIBUTING, in the same order, and no row besides."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| package |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w+) \|", table, re.MULTILINE)
    assert [row.lower() for row in rows] == dependencies()


def test_what_ci_installs_is_pinned() -> None:
    """Each dependency, and each tool of the tests, by a version that is allowed."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tools = [Requirement(line) for line in groups["dependency-groups"]["test"] if type(line) is str]
    wanted = [*map(Requirement, groups["project"]["dependencies"]), *tools]
    text = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8")
    pins = dict(line.split("==") for line in text.splitlines() if "==" in line)
    for each in wanted:
        assert each.name in pins, each
        assert each.specifier.contains(pins[each.name]), each
