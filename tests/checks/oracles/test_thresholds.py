"""Every constant of a verdict stands in one table, with why; run as a script, this rewrites it."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from checks.oracles import thresholds

DOCS = Path(__file__).parents[3] / "docs" / "numerics.md"
BEGIN, END = "<!-- thresholds: begin -->\n", "<!-- thresholds: end -->\n"
MOST = 27


def rows() -> list[tuple[str, str, str]]:
    """Names, values and why of each comment's constants, as they stand in the source."""
    source = inspect.getsource(thresholds)
    lines, found = source.splitlines(), list[tuple[str, str, str]]()
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign):
            continue
        names = re.findall(r"[A-Z_]{2,}", str(ast.get_source_segment(source, node.targets[0])))
        values = [shown(getattr(thresholds, name)) for name in names]
        why: list[str] = []
        k = node.lineno - 2
        while lines[k].startswith("# "):
            why.insert(0, lines[k][2:])
            k -= 1
        if why:
            found.append((", ".join(names), "; ".join(values), " ".join(why)))
        else:  # it belongs to the constant before
            before = found.pop()
            found.append(
                (", ".join((before[0], *names)), "; ".join((before[1], *values)), before[2])
            )
    return found


def shown(value: Any) -> str:
    """A constant as a reader would write it: powers of two as such."""
    if isinstance(value, dict):
        return ", ".join(f"{number:g} in {dtype}" for dtype, number in value.items())
    if isinstance(value, tuple):
        inner = [shown(each) for each in value]
        return ", ".join(inner) if len(inner) <= 2 else f"{inner[0]}, {inner[1]}, …, {inner[-1]}"
    share, power = np.frexp(value)
    return f"2^{power - 1}" if share == 0.5 and abs(power - 1) >= 10 else f"{value:g}"


def table() -> str:
    """The rows in Markdown."""
    body = "".join("| " + " | ".join(c.replace("|", r"\|") for c in row) + " |\n" for row in rows())
    return f"| name | value | why |\n| --- | --- | --- |\n{body}"


def test_the_document_holds_the_table() -> None:
    """As it stands in the code; `python tests/checks/oracles/test_thresholds.py` rewrites it."""
    text = DOCS.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.split(BEGIN)[1].split(END)[0] == table()


def test_there_are_few_constants() -> None:
    """No case has one of its own."""
    assert len(rows()) <= MOST


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_constant_says_where_it_comes_from(row: tuple[str, str, str]) -> None:
    """In a sentence or more."""
    assert len(row[2].split()) >= 10
    assert row[2].endswith(".")


def test_every_public_number_is_in_the_table() -> None:
    """None hides."""
    names = {name for name in vars(thresholds) if name.isupper()}
    assert {name for row in rows() for name in row[0].split(", ")} == names


def test_constants_bear_out_what_is_derived_of_them() -> None:
    """The arithmetic of the comments, and of the texts that use them."""
    eps = 2.0**-52
    t = thresholds
    assert eps >= t.COMPLEX_STEP**2 * 2.0**88
    assert t.NOISE_GAIN == 3 * 3
    assert t.POINTS - 3 == 4
    assert 2.0**-t.HALVINGS <= 2.0**-10
    assert t.SURE < t.TELLS < 1
    assert eps * 2.0**11 * t.SAFETY <= t.DROWNED
    assert 2.0**-52 * 8 <= t.SPACINGS[0] < t.SPACINGS[-1] <= 4 * 2.0**-23


if __name__ == "__main__":
    before, rest = DOCS.read_text(encoding="utf-8").split(BEGIN)
    DOCS.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")
