import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from backprop import init_net
from backprop.gears import drawing, text, trace
from backprop.gears.gear_train import GearTrain

SVG = "{http://www.w3.org/2000/svg}"


def train(shape: tuple[int, ...], weight: str = "W1[0, 0]", **options: Any) -> GearTrain:
    """A train for one sample."""
    net = init_net(shape, **options)
    x = np.random.default_rng(1).uniform(size=(1, shape[0]))
    return trace.trace(net, x, np.array([0]), weight)


SHAPES = [(1, 1), (3, 2, 1), (3, 3, 3, 2), (784, 40, 10), (2, 3, 4, 3, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_all_gears_and_ratios_are_drawn(shape: tuple[int, ...]) -> None:
    """As text in well-formed XML, with a title and a description; nothing outside of it."""
    what = train(shape)
    root = ET.fromstring(drawing.drawing(what))  # noqa: S314 it is our own
    names = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "name"]
    assert {*names} == {name for pair in what.gears for name in pair}
    ratios = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "ratio"]
    assert sorted(map(str, ratios)) == sorted(text.number(g.value) for g in what.gears.values())
    deltas = [t.text for t in root.iter(f"{SVG}text") if t.get("class") == "delta"]
    assert len(deltas) == len(what.checkpoints)
    assert root.get("role") == "img"
    assert root.find(f"{SVG}desc") is not None
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for t in root.iter(f"{SVG}text"):
        assert 0 < float(t.attrib["x"]) < width
        assert 0 < float(t.attrib["y"]) < height


@pytest.mark.parametrize("shape", SHAPES)
def test_no_ratio_hides_another(shape: tuple[int, ...]) -> None:
    """They stand apart, also where contacts cross."""
    found = re.findall(r'class="ratio" x="(\S+)" y="(\S+)"', drawing.drawing(train(shape)))
    spots = [(float(x), float(y)) for x, y in found]
    for k, (x, y) in enumerate(spots):
        for u, v in spots[:k]:
            assert abs(x - u) >= drawing.LABEL[0] or abs(y - v) >= drawing.LABEL[1]


def test_what_is_left_out_is_told() -> None:
    """The strongest five are drawn, and the rest is a sum."""
    drawn = drawing.drawing(train((3, 4, 10)))
    assert "the other 5 paths, not drawn, add up to " in drawn
    assert "not drawn" not in drawing.drawing(train((3, 4, 2)))


def test_the_same_train_gives_the_same_bytes() -> None:
    """Nothing in it depends on when or where it is drawn."""
    assert drawing.drawing(train((3, 3, 2))) == drawing.drawing(train((3, 3, 2)))
    assert "href" not in drawing.drawing(train((3, 3, 2)))
