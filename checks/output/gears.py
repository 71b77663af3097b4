"""Gears: a network's layers as wheels of one train, the tensors between them as what meshes.

Each wheel turns the next by the ratio that the tensors between them give; a wrong tensor is a mesh
that slips.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MODULE = 3.2  # of the teeth, in units of the picture: a wheel's radius is half of it for each tooth
FEWEST, MOST = 10, 44  # teeth
WHEELS = 8  # drawn; of a longer train the middle is left out
TOOTH = 2.6  # half the height of a tooth
MARGIN = 14


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A layer: where it stands, its outline, and what it says."""

    x: str
    y: str
    hub: str
    outline: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Where two wheels meet: the tensors between these layers, and whether they are right."""

    x: str
    y: str
    label: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Train:
    """The picture; `left_out` layers in the middle are not drawn."""

    width: int
    height: int
    wheels: tuple[Wheel, ...]
    meshes: tuple[Mesh, ...]
    left_out: int
    rows: tuple[tuple[str, str, str], ...]


def widths_of(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """The layers' widths, where tensors are those of a network: W1 to WL, chained, and biases."""
    count = sum(1 for name in shapes if re.fullmatch(r"W[1-9]\d*", name))
    weights = [shapes.get(f"W{l}", ()) for l in range(1, count + 1)]
    biases = {f"b{l}" for l in range(1, count + 1)} & set(shapes)
    if not count or len(biases) + count != len(shapes):
        return None
    if any(len(shape) != 2 for shape in weights):
        return None
    widths = [weights[0][0], *(shape[1] for shape in weights)]
    chained = all(shape[0] == before for shape, before in zip(weights, widths, strict=False))
    fits = all(shapes[name] == (widths[int(name[1:])],) for name in biases)
    return tuple(widths) if chained and fits else None


def train(widths: Sequence[int], kinds: Mapping[str, str]) -> Train:
    """Wheels for the layers; `kinds` says of each tensor whether it is right, wrong or else."""
    layers = list(range(len(widths)))
    left_out = max(0, len(layers) - WHEELS)
    if left_out:
        layers = layers[: WHEELS // 2] + layers[-WHEELS // 2 :]
    teeth = {layer: _teeth(widths[layer]) for layer in layers}
    radius = {layer: teeth[layer] * MODULE / 2 for layer in layers}
    tallest = max(radius.values()) + TOOTH
    x, middle = MARGIN + radius[layers[0]] + TOOTH, MARGIN + 22 + tallest
    wheels, meshes, phase = [], [], 0.0
    for k, layer in enumerate(layers):
        if k:
            before = layers[k - 1]
            x += radius[before] + radius[layer]
            phase = _meshed(phase, teeth[before], teeth[layer])
            meshes.append(_mesh(before, layer, x - radius[layer], middle, kinds))
        wheels.append(
            Wheel(
                x=f"{x:.1f}",
                y=f"{middle:.1f}",
                hub=f"{max(3.0, radius[layer] / 5):.1f}",
                outline=_outline(x, middle, radius[layer], teeth[layer], phase),
                label=f"{widths[layer]:,}",
            )
        )
    rows = tuple(
        (
            f"{widths[l - 1]:,} to {widths[l]:,}",
            ", ".join(name for name in (f"W{l}", f"b{l}") if name in kinds),
            _kind((f"W{l}", f"b{l}"), kinds),
        )
        for l in range(1, len(widths))
    )
    width = math.ceil(x + radius[layers[-1]] + TOOTH + MARGIN)
    height = math.ceil(middle + tallest + MARGIN + 18)
    return Train(width=width, height=height, wheels=tuple(wheels), meshes=tuple(meshes),
                 left_out=left_out, rows=rows)  # fmt: skip


def _teeth(width: int) -> int:
    """More for a wider layer: a few for each doubling."""
    return min(MOST, max(FEWEST, round(6 + 4 * math.log2(max(1, width)))))


def _meshed(phase: float, before: int, teeth: int) -> float:
    """How far a wheel is turned for its gaps to take the teeth of the wheel on its left."""
    pitch = math.tau / before
    share = (-phase % pitch) / pitch  # from a tooth of the one before to where both touch
    return math.pi + math.tau / teeth * (share + 0.5)


def _outline(x: float, y: float, radius: float, teeth: int, phase: float) -> str:
    """The outline of a wheel, a tooth at the angle `phase`."""
    points = []
    for k in range(teeth):
        for share, height in ((-0.30, -TOOTH), (-0.16, TOOTH), (0.16, TOOTH), (0.30, -TOOTH)):
            angle = phase + math.tau * (k + share) / teeth
            r = radius + height
            points.append(f"{x + r * math.cos(angle):.1f} {y + r * math.sin(angle):.1f}")
    return "M" + "L".join(points) + "Z"


def _mesh(before: int, layer: int, x: float, y: float, kinds: Mapping[str, str]) -> Mesh:
    """The tensors between two layers; what is between layers that are not drawn is all of them."""
    between = [f"{letter}{l}" for l in range(before + 1, layer + 1) for letter in "Wb"]
    names = [name for name in between if name in kinds]
    label = ", ".join(names) if layer == before + 1 else f"{names[0]} … {names[-1]}"
    return Mesh(x=f"{x:.1f}", y=f"{y:.1f}", label=label, kind=_kind(between, kinds))


def _kind(names: Sequence[str], kinds: Mapping[str, str]) -> str:
    found = {kinds[name] for name in names if name in kinds}
    return next((kind for kind in ("wrong", "undecided") if kind in found), "right")
