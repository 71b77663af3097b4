"""A gear train in words and numbers, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from backprop.gears.gear_train import NUDGE, SHOWN, Gear, GearTrain

APART = 1e-4  # of a ratio: nudging shows some seven digits, and formulas as typed are wrong by more
_WIDTH = 80


def text(train: GearTrain) -> str:
    """All of it: the gears, the paths, their sum, and the same slope by perturb and rerun."""
    blocks = _head(train), _gears(train), _paths(train), _whole(train), _reuse(train)
    return "\n\n".join(
        "\n".join(line for long in block for line in _fold(long)) for block in blocks
    )


def number(value: float) -> str:
    """Five digits."""
    return f"{value:.5g}"


def rest(train: GearTrain) -> str:
    """How many paths are left out; empty where there are none."""
    count = train.path_count - len(train.paths)
    return f"the other {count:,} paths" if count else ""


def apart(gear: Gear) -> bool:
    """Whether formula and measurement are further apart than nudging explains."""
    size = max(abs(gear.value), abs(gear.measured))
    return abs(gear.value - gear.measured) > APART * max(size, NUDGE)


def product(train: GearTrain, stops: tuple[str, ...]) -> str:
    """The ratios along a path, multiplied."""
    ratios = (train.gears[pair].value for pair in pairwise(stops))
    return " * ".join(f"({number(r)})" if r < 0 else number(r) for r in ratios)


def _head(train: GearTrain) -> Iterator[str]:
    kinds = f"{', '.join(train.net.activations)}; cost: {train.net.cost}"
    yield f"A {train.net.shape_text} gear train ({kinds})"
    ways = f"{train.path_count:,} paths" if train.path_count > 1 else "one path"
    value, cost = number(train.value), number(train.turns["C"])
    yield f"{train.name} = {value}: {ways} to the cost, C = {cost}"


def _gears(train: GearTrain) -> Iterator[str]:
    yield f"The gears. To measure a ratio, its driver alone is nudged, by h = {NUDGE:.3g}."
    rows = []
    for gear in train.gears.values():
        mark = "*" if gear.driver in train.checkpoints else " "
        numbers = number(gear.value), number(gear.measured) + (" !" if apart(gear) else "")
        rows.append((f"{mark} {gear.driver} -> {gear.driven}", gear.formula, *numbers))
    yield from _table(("  gear", "ratio", "value", "measured"), rows)
    wrong = [gear for gear in train.gears.values() if apart(gear)]
    if wrong:
        yield "! is further from its formula than a nudge explains: a wrong formula, or a kink"
    yield "* is a checkpoint: delta, the slope of C there, is kept and used by every path"
    for z, delta in train.checkpoints.items():
        yield f"  delta{z[1:]} = dC/d{z} = {number(delta)}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Names to the left, numbers to the right."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(4)]
    for row in (head, *rows):
        # A mark stands behind its number, which stays where it would be without.
        a, formula, value, measured = row
        bare = measured.removesuffix(" !")
        room = max(len(r[3].removesuffix(" !")) for r in (head, *rows))
        line = f"{a:{widths[0]}}  {formula:{widths[1]}}  {value:>{widths[2]}}  {bare:>{room}}"
        yield line + measured[len(bare) :]


def _paths(train: GearTrain) -> Iterator[str]:
    left = rest(train)
    if len(train.paths) == 1 and not left:
        yield "The product of the ratios along the path:"
    elif left:
        yield f"The product of the ratios along each path, the strongest {SHOWN} of them:"
    else:
        yield "The product of the ratios along each path:"
    for path in train.paths:
        if len(train.paths) > 1:
            yield f"  by {', '.join(path.stops[1:-1])}"
        yield f"  {product(train, path.stops)} = {number(path.product)}"
    if left:
        yield f"  {left} add up to {number(train.rest)}"


def _whole(train: GearTrain) -> Iterator[str]:
    z, entrance = next((g.driven, g.formula) for g in train.gears.values())
    delta = f"delta{z[1:]}"
    by_delta = delta if entrance == "1" else f"{entrance} * {delta}"
    rows = [
        (f"the sum over the {train.path_count:,} paths", train.total),
        (f"from the checkpoint, {by_delta}", train.analytic),
        ("perturb and rerun, (C(W + h) - C(W - h)) / 2h", train.rerun),
    ]
    if train.path_count == 1:
        rows[0] = ("the product along the path", train.total)
    yield f"The slope of C along {train.name}, three times:"
    for label, value in rows:
        yield f"  {label:46} {value:>15.8g}"
    yield _agreement(train)


def _agreement(train: GearTrain) -> str:
    """How far apart the slopes are, and how far the rounding of the cost alone takes the last."""
    values = train.total, train.analytic, train.rerun
    size = max(map(abs, values))
    if not size:
        return "All are zero: a slope that shows nothing."
    spread = (max(values) - min(values)) / size
    worth = np.spacing(max(abs(train.cost_above), abs(train.cost_below))) / (2 * NUDGE) / size
    digit = f"the last digit of C is worth {worth:.1g} of it"
    return f"They differ by {spread:.1g} of their size; {digit}."


def _reuse(train: GearTrain) -> Iterator[str]:
    by_path, kept = train.multiplications
    yield (
        f"Path by path, the gradient of all {train.net.size:,} parameters takes {by_path:,}"
        f" multiplications for this sample; with the checkpoints, {kept:,}: {by_path / kept:,.3g}"
        " times fewer."
        if kept < by_path
        else f"There is nothing to reuse: the gradient of all {train.net.size:,} parameters takes"
        f" {kept:,} multiplications either way."
    )


def _fold(line: str) -> list[str]:
    """A line, broken between words where it is too long."""
    if len(line) <= _WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, _WIDTH, subsequent_indent=f"{indent}  " if indent else "")
