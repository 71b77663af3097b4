"""A gear train as an SVG drawing: a gear for each unit, a ratio at each contact.

Plain text in, plain text out: no fonts, scripts or addresses, and the same bytes for the same
train.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from backprop.gears.gear_train import Gear, GearTrain
from backprop.gears.text import number, product, rest

STEP, ROW = 196, 128  # from one gear's centre to the next, across and down
RADIUS, TEETH = 34, 12
LEFT, TOP, LINE = 80, 104, 24
LABEL = 70, 18  # what a ratio takes
_STYLE = """
  text { font-family: "Segoe UI", "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; fill: #222;
         font-size: 14px; text-anchor: middle }
  .title { font-size: 18px; font-weight: 600 } .left { text-anchor: start }
  .name { font-weight: 600 } .turn { font-size: 12px; fill: #555 }
  .ratio { font-size: 13px; font-weight: 600 } .delta { font-size: 13px; fill: #6a3d9a }
  .ratio, .delta { paint-order: stroke; stroke: #fdfcf9; stroke-width: 5px }
"""
_SPOTS = (0.5, 0.42, 0.58, 0.34, 0.66, 0.3, 0.7)  # along a line, for its ratio
_FILLS = {"weight": "#f3c77b", "z": "#b9d3ea", "a": "#cfe5c1", "C": "#e9b9b0"}


def drawing(train: GearTrain) -> str:
    """The SVG, as text."""
    columns = _columns(train)
    rows = max(map(len, columns))
    sums = [*_sums(train)]
    longest = max(len(line) for line in (*sums, _title(train)))
    width = max(2 * LEFT + STEP * (len(columns) - 1), 60 + round(7.6 * longest))
    foot = TOP + ROW * rows
    height = foot + LINE * len(sums) + 24
    places: dict[str, tuple[float, float]] = {
        name: (LEFT + STEP * k, TOP + ROW * (rows - len(names)) / 2 + ROW * (i + 0.4))
        for k, names in enumerate(columns)
        for i, name in enumerate(names)
    }
    body = [
        *_contacts(train, places),
        *(part for name, at in places.items() for part in _gear(train, name, *at)),
        *(
            f'<text class="left" x="30" y="{foot + LINE * k}">{escape(line)}</text>'
            for k, line in enumerate(sums, start=1)
        ),
    ]
    note = "A number at a contact is its ratio; a gear in violet is a checkpoint, for delta."
    drawn = "\n".join(body)
    size = f'width="{width}" height="{height}"'
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} role="img"
 aria-labelledby="title desc">
<title id="title">{escape(_title(train))}</title>
<desc id="desc">{escape(_in_words(train))}</desc>
<style>{_STYLE}</style>
<rect width="{width}" height="{height}" rx="10" fill="#fdfcf9"/>
<text class="left title" x="30" y="38">{escape(_title(train))}</text>
<text class="left" x="30" y="62">{note}</text>
{drawn}
</svg>
"""


def _title(train: GearTrain) -> str:
    return f"From {train.name} to the cost of a {train.net.shape_text} network"


def _in_words(train: GearTrain) -> str:
    gears = (f"{g.driver} drives {g.driven}, ratio {number(g.value)}" for g in train.gears.values())
    return "; ".join((*gears, *_sums(train))) + "."


def _sums(train: GearTrain) -> Iterator[str]:
    for path in train.paths:
        yield f"{product(train, path.stops)} = {number(path.product)}"
    if left := rest(train):
        yield f"{left}, not drawn, add up to {number(train.rest)}"
    yield f"In all {number(train.total)}; by perturb and rerun {number(train.rerun)}."


def _columns(train: GearTrain) -> list[list[str]]:
    """The gears' names, from the weight to the cost; units one below the other."""
    columns: list[list[str]] = []
    for path in train.paths:
        for k, stop in enumerate(path.stops):
            if k == len(columns):
                columns.append([])
            if stop not in columns[k]:
                columns[k].append(stop)
    return [sorted(names, key=lambda name: (len(name), name)) for names in columns]


def _contacts(train: GearTrain, places: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Lines between gears, and on each its ratio where no other is in its way."""
    labels = []
    taken: list[tuple[float, float]] = []

    def steepness(gear: Gear) -> float:
        return abs(places[gear.driver][1] - places[gear.driven][1])

    for gear in sorted(train.gears.values(), key=steepness):  # the steepest have most room
        (x1, y1), (x2, y2) = places[gear.driver], places[gear.driven]
        yield f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="#777" stroke-width="2"/>'
        spots = [(x1 + t * (x2 - x1), y1 + t * (y2 - y1)) for t in _SPOTS]
        x, y = next((spot for spot in spots if _free(spot, taken)), spots[0])
        taken.append((x, y))
        ratio = number(gear.value)
        labels.append(f'<text class="ratio" x="{x:g}" y="{y + 4.5:g}">{ratio}</text>')
    yield from labels


def _free(spot: tuple[float, float], taken: Iterable[tuple[float, float]]) -> bool:
    return all(abs(spot[0] - x) > LABEL[0] or abs(spot[1] - y) > LABEL[1] for x, y in taken)


def _gear(train: GearTrain, name: str, x: float, y: float) -> Iterator[str]:
    kind = "weight" if name == train.name else name[0]
    kept = name in train.checkpoints
    stroke, thickness = ("#6a3d9a", 3) if kept else ("#555", 1.5)
    yield (
        f'<path d="{_teeth(x, y)}" fill="{_FILLS[kind]}" stroke="{stroke}"'
        f' stroke-width="{thickness}" stroke-linejoin="round"/>'
    )
    turn = train.value if kind == "weight" else train.turns[name]
    small = ' style="font-size: 11px"' if len(name) > 8 else ""
    yield f'<text class="name" x="{x:g}" y="{y + 1:g}"{small}>{name}</text>'
    yield f'<text class="turn" x="{x:g}" y="{y + 16:g}">{number(turn)}</text>'
    if kept:
        delta = f"delta{name[1:]} = {number(train.checkpoints[name])}"
        yield f'<text class="delta" x="{x:g}" y="{y + RADIUS + 26:g}">{delta}</text>'


def _teeth(x: float, y: float) -> str:
    """A toothed wheel around a centre."""
    points = []
    for tooth in range(TEETH):
        for share, r in ((-0.3, RADIUS), (-0.18, RADIUS + 8), (0.18, RADIUS + 8), (0.3, RADIUS)):
            turn = 2 * math.pi * (tooth + share) / TEETH
            points.append(f"{x + r * math.cos(turn):.1f} {y + r * math.sin(turn):.1f}")
    return f"M{'L'.join(points)}Z"
