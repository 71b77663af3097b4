"""Heat maps: a grid of cells coloured by relative error, as shapes with places, and its table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from checks.output import grids
from checks.output.grids import Grid
from checks.output.numbers import coordinate, number, rough

# Upper ends of the colours' decades: what is right lies far to the left.
DECADES = (-15, -13, -11, -9, -7, -5, -3)
KINDS = {grids.WRONG: "wrong", grids.UNDECIDED: "undecided", grids.ZERO: "zero",
         grids.KINK: "kink", grids.TOGETHER: "together", grids.UNCHECKED: "unchecked",
         grids.CONSTANT: "constant"}  # fmt: skip
SIDE = (9, 34)  # of a cell, in units of the picture
ROOM = (520, 320)  # that wide and high at most, where cells are not at their least
EDGE = 16  # around the cells, where arrows point at what is wrong
ARROWS = 12  # with more wrong cells than these, the cells speak for themselves


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A picture and its table: all that a template needs.

    `paths` are the cells by their kind, a class of the style; `rows` one for each cell, in reading
    order, as the script finds them.
    """

    columns: int
    down: int
    side: int
    edge: int
    width: int
    height: int
    paths: tuple[tuple[str, str], ...]
    crosses: str
    arrows: str
    says: str
    binned: str
    rows: tuple[tuple[str, ...], ...]


HEAD = ("worst coordinate", "of", "wrong", "analytic", "numeric", "±", "relative error", "verdict")


def kind_of(status: int, error: float) -> str:
    """The class of a cell: what was decided, or for right ones how small the error is."""
    if status in KINDS:
        return KINDS[status]
    if math.isnan(error):
        return "together"
    decade = math.log10(error) if error > 0 else -math.inf
    return f"e{sum(decade > end for end in DECADES)}"


def heat_map(name: str, grid: Grid) -> HeatMap:
    """The picture of one tensor."""
    fits = min(ROOM[0] // max(1, grid.columns), ROOM[1] // max(1, grid.rows))
    side = max(SIDE[0], min(SIDE[1], fits))
    errors = grid.error
    kinds: dict[str, list[str]] = {}
    wrong = []
    for cell in range(grid.at.size):
        row, column = divmod(cell, grid.columns)
        x, y = EDGE + column * side, EDGE + row * side
        kind = kind_of(int(grid.status[cell]), float(errors[cell]))
        kinds.setdefault(kind, []).append(f"M{x} {y}h{side}v{side}h-{side}z")
        if kind == "wrong":
            wrong.append((x, y))
    width, height = 2 * EDGE + grid.columns * side, 2 * EDGE + grid.rows * side
    crosses = "".join(
        f"M{x + 2} {y + 2}l{side - 4} {side - 4}m0 {4 - side}l{4 - side} {side - 4}"
        for x, y in wrong
    )
    return HeatMap(
        columns=grid.columns,
        down=grid.rows,
        side=side,
        edge=EDGE,
        width=width,
        height=height,
        paths=tuple((kind, "".join(paths)) for kind, paths in sorted(kinds.items())),
        crosses=crosses,
        arrows="".join(_arrows(x, y, side, height) for x, y in wrong)
        if len(wrong) <= ARROWS
        else "",
        says=_says(name, grid),
        binned=_binned(grid),
        rows=tuple(_row(name, grid, cell, float(errors[cell])) for cell in range(grid.at.size)),
    )


def _arrows(x: int, y: int, side: int, height: int) -> str:
    """Arrows from the left and the top edge to a cell."""
    middle_x, middle_y = x + side // 2, y + side // 2
    return (
        f"M3 {middle_y - 5}l9 5l-9 5z"
        f"M{middle_x - 5} 3l5 9l5 -9z"
        f"M{middle_x - 5} {height - 3}l5 -9l5 9z"
    )


def _says(name: str, grid: Grid) -> str:
    """The picture in a sentence, for those who do not see it."""
    wrong, cells, total = int(grid.wrong.sum()), int((grid.wrong > 0).sum()), int(grid.count.sum())
    numbers = f"{total:,} coordinates" if total != 1 else "1 coordinate"
    if not wrong:
        return f"{name}: {numbers}, none of them wrong"
    return f"{name}: {numbers}, {wrong:,} of them wrong, in {cells:,} of {grid.at.size:,} cells"


def _binned(grid: Grid) -> str:
    if grid.at.size == grid.count.sum():
        return ""
    return (
        f"Each cell stands for {grid.height:,} × {grid.width:,} coordinates, and shows the worst"
        " of them."
    )


def _row(name: str, grid: Grid, cell: int, error: float) -> tuple[str, ...]:
    return (
        coordinate(name, grid.index(cell)),
        f"{int(grid.count[cell]):,}",
        f"{int(grid.wrong[cell]):,}",
        number(float(grid.analytic[cell])),
        number(float(grid.numeric[cell])),
        rough(float(grid.tolerance[cell])),
        rough(error),
        grids.WORDS[int(grid.status[cell])],
    )
