"""Print who imports whom, and fail where files or folders go round in circles, or a folder is full.

`import_graph.py [ROOT]`, by default for this repository. An arrow is an import, wherever it stands:
at the top, inside a function or for type checkers only. The faces of a package, `__init__` and
`__main__`, are left out: they name what lies below and are imported by nobody inside.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("backprop", "checks", "geartrain")
MOST_FILES = 12  # of a folder: as many as one takes in at a glance
FACES = ("__init__", "__main__")
# What does not keep to the rules yet: an entry goes as soon as it is not needed any more.
FULL_FOLDERS: frozenset[str] = frozenset()
ROUND_FOLDERS: frozenset[frozenset[str]] = frozenset()

Arrows = set[tuple[str, str]]


def modules(root: Path) -> dict[str, Path]:
    """All modules of the packages, by name; a package's own is its `__init__`."""
    paths = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in paths}


def file_arrows(found: dict[str, Path]) -> Arrows:
    """Pairs of modules of which the first imports the second."""
    arrows = set()
    for name, path in found.items():
        for imported in _imported(path):
            if imported in found and imported != name and not _is_face(name):
                arrows.add((name, imported))
    return arrows


def _imported(path: Path) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_face(name: str) -> bool:
    return folder(name) == name or name.rpartition(".")[2] in FACES


def folder(name: str) -> str:
    """The folder that a module lies in."""
    return name.rpartition(".")[0]


def circles(arrows: Arrows) -> list[frozenset[str]]:
    """Sets of names that lead to each other, largest first."""
    after: dict[str, set[str]] = {}
    for start, end in arrows:
        after.setdefault(start, set()).add(end)
    reach = {name: _reach(name, after) for name in after}
    together = {
        frozenset({name, *(other for other in reach[name] if name in reach.get(other, ()))})
        for name in after
    }
    return sorted((each for each in together if len(each) > 1), key=lambda each: -len(each))


def _reach(name: str, after: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        new = after.get(ahead.pop(), set()) - seen
        seen |= new
        ahead += new
    return seen


def report(root: Path) -> tuple[list[str], list[str]]:
    """The lines to print, and what is wrong."""
    found = modules(root)
    files = [name for name in found if not _is_face(name)]
    arrows = {(a, b) for a, b in file_arrows(found) if not _is_face(b)}
    between = {(folder(a), folder(b)) for a, b in arrows if folder(a) != folder(b)}
    sizes = Counter(map(folder, files))
    round_files, round_folders = circles(arrows), circles(between)
    near = sum(folder(a) == folder(b) for a, b in arrows)
    folders = ", ".join(f"{name.replace('.', '/')}:{n}" for name, n in sorted(sizes.items()))
    lines = [
        f"{len(files)} files in {len(sizes)} folders, at most {max(sizes.values())} in one",
        f"{len(arrows)} arrows between files, {near} inside a folder",
        f"{len(between)} arrows between folders",
        f"{len(round_files)} circles of files, {len(round_folders)} of folders",
        *wrap(folders, 80, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False),
    ]
    wrong = [f"circle of files: {_listed(each)}" for each in round_files]
    wrong += [
        f"circle of folders: {_listed(each)}" for each in round_folders if each not in ROUND_FOLDERS
    ]
    full = {name for name, size in sizes.items() if size > MOST_FILES}
    wrong += [
        f"{name}: expected at most {MOST_FILES} files, got {sizes[name]}; part the folder"
        for name in sorted(full - FULL_FOLDERS)
    ]
    needless = [*(FULL_FOLDERS - full), *map(_listed, ROUND_FOLDERS - set(round_folders))]
    wrong += [f"{name}: an exception that is not needed any more; delete it" for name in needless]
    return lines, wrong


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def main(root: str | Path = ROOT) -> int:
    """Print the graph, and what is wrong with it; the exit code."""
    lines, wrong = report(Path(root))
    print("\n".join(lines))
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
